# SPDX-License-Identifier: MIT
"""Packs the sources that it lies in: conan create tests/packaging/conan"""
import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.files import copy, load
from conan.tools.layout import basic_layout


class PresenceConan(ConanFile):
    name = "presence"
    description = "User presence for chat and games: who is online, what they say about themselves, and when they were last active"
    license = "MIT"
    topics = ("presence", "chat", "games", "header-only")
    package_type = "header-library"
    settings = "os", "arch", "compiler", "build_type"
    no_copy_source = True

    @property
    def _root(self):
        return os.path.join(self.recipe_folder, os.pardir, os.pardir, os.pardir)

    def set_version(self):
        text = load(self, os.path.join(self._root, "include", "presence", "version.hpp"))
        parts = [re.search(rf"#define PRESENCE_VERSION_{part} (\d+)", text)[1] for part in ("MAJOR", "MINOR", "PATCH")]
        self.version = ".".join(parts)

    def export_sources(self):
        copy(self, "LICENSE", src=self._root, dst=self.export_sources_folder)
        copy(self, "*.hpp", src=os.path.join(self._root, "include"), dst=os.path.join(self.export_sources_folder, "include"))

    def layout(self):
        basic_layout(self)

    def validate(self):
        check_min_cppstd(self, 17)

    def package(self):
        copy(self, "LICENSE", src=self.source_folder, dst=os.path.join(self.package_folder, "licenses"))
        copy(self, "*.hpp", src=os.path.join(self.source_folder, "include"), dst=os.path.join(self.package_folder, "include"))

    def package_id(self):
        # The package is the same for each compiler and system.
        self.info.clear()

    def package_info(self):
        self.cpp_info.bindirs = []
        self.cpp_info.libdirs = []
        self.cpp_info.set_property("cmake_file_name", "presence")
        self.cpp_info.set_property("cmake_target_name", "presence::presence")
        self.cpp_info.set_property("pkg_config_name", "presence")
