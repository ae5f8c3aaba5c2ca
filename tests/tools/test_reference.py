#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes the API reference and looks at its pages. Without doxygen it is skipped, but where CI is set that fails."""
import html
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import amalgamate
import list_headers
import reference


def text_of(page):
    """The words of a page, with single spaces."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", "", page.read_text(encoding="utf-8"))).split())


@unittest.skipUnless(shutil.which("doxygen") or os.environ.get("CI"), "doxygen is missing")
class Reference(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        temporary = tempfile.TemporaryDirectory()
        cls.addClassCleanup(temporary.cleanup)
        cls.folder = pathlib.Path(temporary.name) / "reference"
        command = [sys.executable, reference.__file__, "--output", cls.folder]
        cls.done = subprocess.run(command, capture_output=True, text=True)

    def test_there_is_no_warning(self):
        self.assertEqual(self.done.returncode, 0, self.done.stdout)
        self.assertRegex(self.done.stdout, r"\A\d+ names are documented\n\Z")
        self.assertEqual(self.done.stderr, "")

    def test_it_begins_with_the_version_and_links_every_module(self):
        page = self.folder / "index.html"
        self.assertIn(f"presence {amalgamate.version(reference.ROOT)}", text_of(page))
        for header in list_headers.public_headers():
            self.assertIn(f'href="group__{reference.module_of(header)}.html"', page.read_text(encoding="utf-8"))

    def test_a_class_is_in_its_module_and_has_its_comment(self):
        page = self.folder / "classpresence_1_1Store.html"
        self.assertIn('href="group__live.html"', page.read_text(encoding="utf-8"))
        self.assertIn("The presence, the channels, the watches and the callbacks of one process.", text_of(page))
        self.assertIn("#include <presence/live/store.hpp>", text_of(page))

    def test_names_are_shown_as_users_write_them(self):
        for page in self.folder.glob("*.html"):
            if page.name != "group__other.html":  # it documents the macro
                self.assertNotRegex(text_of(page), r"PRESENCE_ABI(?! )|PRESENCE_DETAIL|@ingroup|@in\{", page.name)

    def test_no_link_leads_nowhere(self):
        pages = {page.name: page.read_text(encoding="utf-8") for page in self.folder.glob("*.html")}
        for name, text in pages.items():
            for target in re.findall(r'href="([^"#:]+\.html)', text):
                self.assertIn(target, pages, name)


if __name__ == "__main__":
    unittest.main()
