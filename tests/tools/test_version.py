#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Changes the version in one place after another of a copy of the project, and expects version.py to name the place."""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

import version

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Version(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = pathlib.Path(temporary.name)
        for name in {*version.LEAST, "meson.build"}:
            (self.root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, self.root / name)
        # All of it, as the single header is made of it.
        shutil.copytree(ROOT / "include", self.root / "include", dirs_exist_ok=True)

    def run_check(self, *arguments):
        command = [sys.executable, version.__file__, *arguments, self.root]
        return subprocess.run(command, capture_output=True, text=True)

    def test_the_project_passes(self):
        self.assertEqual(self.run_check().returncode, 0, self.run_check().stdout)

    def test_each_place_is_checked(self):
        for name in version.LEAST:
            path = self.root / name
            text = path.read_text(encoding="utf-8")
            places = [match for pattern, _ in version.patterns_of(name) for match in re.finditer(pattern, text)]
            # The first and the last of each file, as natvis has hundreds.
            for match in {places[0].span(2): places[0], places[-1].span(2): places[-1]}.values():
                with self.subTest(file=name, place=match[0]):
                    path.write_text(text[:match.start(2)] + re.sub(r"\d+", "77", match[2]) + text[match.end(2):])
                    done = self.run_check()
                    self.assertEqual(done.returncode, 1)
                    self.assertRegex(done.stdout, rf"(?m)^{re.escape(name)}:\d+: .*77")
            path.write_text(text, encoding="utf-8")

    def test_a_file_that_names_no_version_is_reported(self):
        (self.root / "tests/packaging/meson/presence.wrap").write_text("[wrap-git]\nrevision = head\n")
        done = self.run_check()
        self.assertEqual(done.returncode, 1)
        self.assertIn("presence.wrap: names the version 0 times, expected at least 1", done.stdout)

    def test_another_version_is_set_everywhere(self):
        done = self.run_check("--set", "31.41.59")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("version 31.41.59 is named", done.stdout)
        self.assertIn("#define PRESENCE_ABI v31_41_59_alloc_assert\n",
                      (self.root / "include/presence/config.hpp").read_text(encoding="utf-8"))
        self.assertIn("find_package(presence 31.41 REQUIRED)", (self.root / "README.md").read_text(encoding="utf-8"))
        before = (ROOT / version.SINGLE).read_text(encoding="utf-8")
        self.assertNotEqual((self.root / version.SINGLE).read_text(encoding="utf-8"), before)

    def test_what_is_no_version_cannot_be_set(self):
        for wrong in ("1.2", "1.2.3-rc1", "v1.2.3"):
            self.assertEqual(self.run_check("--set", wrong).returncode, 2)


if __name__ == "__main__":
    unittest.main()
