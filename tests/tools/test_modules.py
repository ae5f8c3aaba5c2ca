#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Plants each mistake that modules.py is to find in a small tree, and expects it to be found and named."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CHECK = pathlib.Path(__file__).resolve().parent / "modules.py"
BASE, MODEL, STATE = "base.hpp", "model.hpp", "state.hpp"


class Modules(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = pathlib.Path(temporary.name)
        self.write(BASE, "Includes nothing.", "base/time.hpp")
        self.write(MODEL, "Includes `base`.", "model/user.hpp")
        self.write(STATE, "Includes `base` and `model`.", "state/snapshot.hpp")
        self.write("base/time.hpp", "", "base/detail/memory.hpp")
        self.write("base/detail/memory.hpp", "")
        self.write("model/user.hpp", "", "base/time.hpp", "base/detail/memory.hpp")
        self.write("state/detail/fold.hpp", "", "base/time.hpp")
        self.write("state/snapshot.hpp", "", "model/user.hpp", "state/detail/fold.hpp")
        (self.root / "tests/unit/state").mkdir(parents=True)

    def write(self, header, sentence, *included):
        path = self.root / "include/presence" / header
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join([f"/// {sentence}\n", *(f"#include <presence/{name}>\n" for name in included)]))

    def run_check(self):
        return subprocess.run([sys.executable, CHECK, self.root], capture_output=True, text=True)

    def expect(self, error):
        done = self.run_check()
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(error, done.stdout.splitlines())

    def test_sound_tree_passes(self):
        done = self.run_check()
        self.assertEqual((done.returncode, done.stderr), (0, ""), done.stdout)

    def test_arrow_up(self):
        self.write("base/time.hpp", "", "base/detail/memory.hpp", "model/user.hpp")
        self.expect("base/time.hpp: includes <presence/model/user.hpp>, and base.hpp does not name `model`")

    def test_detail_of_a_module_that_is_not_named(self):
        self.write("model/user.hpp", "", "base/time.hpp", "state/detail/fold.hpp")
        self.expect("model/user.hpp: includes <presence/state/detail/fold.hpp>, and model.hpp does not name `state`")

    def test_include_behind_a_space(self):
        self.write("base/time.hpp", "")
        with open(self.root / "include/presence/base/time.hpp", "a") as out:
            out.write("#  include <presence/model/user.hpp>\n")
        self.expect("base/time.hpp: includes <presence/model/user.hpp>, and base.hpp does not name `model`")

    def test_commented_include_is_none(self):
        with open(self.root / "include/presence/base/time.hpp", "a") as out:
            out.write("// #include <presence/model/user.hpp>\n")
        self.assertEqual(self.run_check().returncode, 0)

    def test_named_and_not_used(self):
        self.write(STATE, "Includes `base`, `json` and `model`.", "state/snapshot.hpp")
        self.expect("state.hpp: names `json`, which no header of the module includes")

    def test_modules_in_a_circle(self):
        self.write(BASE, "Includes `state`.", "base/time.hpp")
        self.write("base/detail/memory.hpp", "", "state/detail/fold.hpp")
        self.write("state/detail/fold.hpp", "")
        self.write("state/snapshot.hpp", "", "base/time.hpp", "model/user.hpp", "state/detail/fold.hpp")
        self.expect("modules in a circle: base -> state -> base")

    def test_headers_in_a_circle(self):
        self.write("base/detail/memory.hpp", "", "base/time.hpp")
        self.expect("headers in a circle: base/detail/memory.hpp -> base/time.hpp -> base/detail/memory.hpp")

    def test_face_from_inside(self):
        self.write("model/user.hpp", "", "base/time.hpp", "base.hpp")
        self.expect("model/user.hpp: includes <presence/base.hpp>, a face, from inside a module")

    def test_face_leaves_a_header_out(self):
        self.write("model/event.hpp", "")
        self.expect("model.hpp: leaves out <presence/model/event.hpp>")

    def test_no_face(self):
        self.write("json/events.hpp", "")
        self.expect("json/ has no face <presence/json.hpp>")

    def test_face_without_the_sentence(self):
        self.write(BASE, "The bottom.", "base/time.hpp")
        self.expect("base.hpp: no sentence says what the module includes")

    def test_header_that_is_not_there(self):
        self.write("model/user.hpp", "", "base/time.hpp", "base/clock.hpp")
        self.expect("model/user.hpp: there is no <presence/base/clock.hpp>")

    def test_folder_of_tests_without_a_module(self):
        (self.root / "tests/unit/jsonn").mkdir()
        self.expect("tests/unit/jsonn: there is no such module")


if __name__ == "__main__":
    unittest.main()
