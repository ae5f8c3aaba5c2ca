#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs a Conan 2 recipe for headers and its test package without Conan, in the order of `conan create`.

usage: conan_create.py RECIPE_FOLDER WORK_FOLDER

Only what these two recipes use of Conan's interface is here, with arguments as Conan documents them. It shows that the
recipes pack and consume the right files. It cannot show that Conan accepts them.
"""
import fnmatch
import importlib.util
import pathlib
import shutil
import subprocess
import sys
import types


class InvalidConfiguration(Exception):
    pass


class ConanFile:
    """The base of a recipe, and the attributes that Conan gives it before each method."""

    def __init__(self, folder):
        self.recipe_folder = str(folder)
        self.settings = types.SimpleNamespace(cppstd="17")
        self.cpp_info = CppInfo()
        self.info = Info()
        self.cpp = types.SimpleNamespace(build=types.SimpleNamespace(bindir=None))
        self.required = []

    def requires(self, reference):
        self.required.append(reference)

    def run(self, command, env):
        assert env == "conanrun", env
        subprocess.run(command, shell=True, check=True)


class CppInfo:
    def __init__(self):
        self.includedirs, self.libdirs, self.bindirs = ["include"], ["lib"], ["bin"]
        self.properties = {}

    def set_property(self, name, value):
        self.properties[name] = value


class Info:
    def __init__(self):
        self.is_clear = False

    def clear(self):
        self.is_clear = True


def copy(recipe, pattern, src, dst):
    """The pattern is matched with the whole path below `src`, and a star in it matches slashes too."""
    for path in pathlib.Path(src).rglob("*"):
        name = path.relative_to(src)
        if path.is_file() and fnmatch.fnmatch(name.as_posix(), pattern):
            (dst / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, dst / name)


def load(recipe, path):
    return pathlib.Path(path).read_text(encoding="utf-8")


def check_min_cppstd(recipe, least):
    if int(recipe.settings.cppstd) < least:
        raise InvalidConfiguration(f"C++{recipe.settings.cppstd} is older than C++{least}")


def can_run(recipe):
    return True


def basic_layout(recipe):
    recipe.source_folder = recipe.base_source_folder


def cmake_layout(recipe):
    recipe.cpp.build.bindir = str(recipe.build_folder)


class CMake:
    def __init__(self, recipe):
        self.recipe = recipe

    def configure(self):
        recipe = self.recipe
        subprocess.run(["cmake", "-S", recipe.source_folder, "-B", recipe.build_folder,
                        f"-DCMAKE_PREFIX_PATH={recipe.generators_folder}"], check=True)

    def build(self):
        subprocess.run(["cmake", "--build", self.recipe.build_folder], check=True)


def provide_interface():
    modules = {
        "conan": {"ConanFile": ConanFile},
        "conan.tools": {},
        "conan.tools.build": {"can_run": can_run, "check_min_cppstd": check_min_cppstd},
        "conan.tools.cmake": {"CMake": CMake, "cmake_layout": cmake_layout},
        "conan.tools.files": {"copy": copy, "load": load},
        "conan.tools.layout": {"basic_layout": basic_layout},
    }
    for name, content in modules.items():
        module = types.ModuleType(name)
        module.__dict__.update(content)
        sys.modules[name] = module


def recipe_in(folder):
    spec = importlib.util.spec_from_file_location("recipe", folder / "conanfile.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    kinds = [kind for kind in vars(module).values()
             if isinstance(kind, type) and issubclass(kind, ConanFile) and kind is not ConanFile]
    assert len(kinds) == 1, kinds
    return kinds[0](folder)


def create(folder, work):
    """Returns the recipe with its package in work/package."""
    recipe = recipe_in(folder)
    assert recipe.package_type == "header-library" and recipe.no_copy_source
    recipe.set_version()
    recipe.export_sources_folder = recipe.base_source_folder = work / "sources"
    recipe.export_sources()
    # From here on the recipe lies in the cache, away from the repository.
    recipe.recipe_folder = str(work / "cache")
    recipe.layout()
    recipe.validate()
    recipe.settings.cppstd = "14"
    try:
        recipe.validate()
    except InvalidConfiguration:
        pass
    else:
        sys.exit("the recipe accepts C++14")
    recipe.package_folder = work / "package"
    recipe.package()
    recipe.package_id()
    assert recipe.info.is_clear, "each compiler would have a package of its own"
    recipe.package_info()
    return recipe


def generate(recipe, folder):
    """The config file that CMakeDeps would make of the package."""
    info, package = recipe.cpp_info, pathlib.Path(recipe.package_folder)
    for name in info.libdirs + info.bindirs:
        assert (package / name).is_dir(), f"{name}: there is no such folder in the package"
    includes = ";".join(str(package / name) for name in info.includedirs)
    folder.mkdir()
    target = info.properties["cmake_target_name"]
    (folder / f"{info.properties['cmake_file_name']}-config.cmake").write_text(
        f"add_library({target} INTERFACE IMPORTED)\n"
        f'set_target_properties({target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "{includes}")\n'
        f"set(CMAKE_CXX_STANDARD 17)\n")  # as the toolchain file of a profile with C++17


def test(folder, package, work):
    recipe = recipe_in(folder)
    assert set(recipe.generators) == {"CMakeDeps", "CMakeToolchain"}, recipe.generators
    recipe.tested_reference_str = f"{package.name}/{package.version}"
    recipe.requirements()
    assert recipe.required == [recipe.tested_reference_str], recipe.required
    recipe.source_folder, recipe.build_folder = folder, work / "build"
    recipe.generators_folder = work / "generators"
    generate(package, recipe.generators_folder)
    recipe.layout()
    recipe.build()
    recipe.test()
    print(f"tested {recipe.tested_reference_str}")


def main(folder, work):
    provide_interface()
    test(folder / "test_package", create(folder, work), work)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]))
