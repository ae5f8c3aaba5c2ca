#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that every file that names the library's version names the one of include/presence/version.hpp.

usage: version.py [--set X.Y.Z] [ROOT]

  --set X.Y.Z   writes this version into version.hpp and wherever a version is named, and makes the single header anew

A version is named by an inline namespace (v1_2_3), a tag (v1.2.3), a Conan reference (presence/1.2.3), find_package
(1.2), vcpkg.json, the example in version.hpp, and the banner of the single header. Build files read version.hpp
themselves.

Exit status: 0 when all agree, 1 when one differs or a file that must name the version does not.
"""
import argparse
import pathlib
import re
import sys

import amalgamate

SOURCE = "include/presence/version.hpp"
SINGLE = "single_include/presence/presence.hpp"
TEXTS = {".build", ".cmake", ".cpp", ".hpp", ".in", ".json", ".md", ".natvis", ".py", ".txt", ".wrap", ".yml"}

# Pattern, and how it writes a version. What stands before the version is kept.
PATTERNS = [
    (r"(?<![\w.])(v)(\d+_\d+_\d+)(?=\b|_alloc|_assert)", "{0}_{1}_{2}"),
    (r"((?:revision *=|GIT_TAG) *v)(\d+\.\d+\.\d+)\b", "{0}.{1}.{2}"),
    (r"(\bpresence/)(\d+\.\d+\.\d+)\b", "{0}.{1}.{2}"),
    (r"(\bfind_package\(presence )(\d+\.\d+)\b", "{0}.{1}"),
]
PATTERNS_OF_FILE = {
    SOURCE: [
        (r"(PRESENCE_VERSION_MAJOR == )(\d+)", "{0}"),
        (r"(PRESENCE_VERSION_MINOR < )(\d+)", "{1}"),
        (r"(needs presence )(\d+\.\d+)", "{0}.{1}"),
    ],
    SINGLE: [(r"(// presence )(\d+\.\d+\.\d+)(?=,)", "{0}.{1}.{2}")],
    "tests/packaging/vcpkg/presence/vcpkg.json": [(r'("version": ")(\d+\.\d+\.\d+)', "{0}.{1}.{2}")],
}
# How often each names the version at least: a file that no longer does so would pass unseen.
LEAST = {
    "README.md": 1,
    "include/presence/config.hpp": 4,  # with and without an allocator, with and without an assertion
    SOURCE: 3,
    SINGLE: 5,
    "tests/debuggers/presence.natvis": 100,
    "tests/packaging/README.md": 2,
    "tests/packaging/meson/presence.wrap": 1,
    "tests/packaging/vcpkg/presence/vcpkg.json": 1,
    "tests/unit/binary/decoding_memory.cpp": 3,
}


def texts(root):
    """The files that are searched. This file and its test give examples of versions."""
    for path in sorted([root / "README.md", root / "meson.build",
                        *(file for top in (".github", "include", "single_include", "tests")
                          for file in (root / top).rglob("*"))]):
        if path.suffix in TEXTS and path.is_file() and path.name not in ("version.py", "test_version.py"):
            yield path, path.relative_to(root).as_posix()


def patterns_of(name):
    return PATTERNS + PATTERNS_OF_FILE.get(name, [])


def check(root, version):
    wrong = []
    count_of = dict.fromkeys(LEAST, 0)
    for path, name in texts(root):
        text = path.read_text(encoding="utf-8")
        for pattern, form in patterns_of(name):
            for match in re.finditer(pattern, text):
                count_of[name] = count_of.get(name, 0) + 1
                if match[2] != form.format(*version):
                    line = text.count("\n", 0, match.start()) + 1
                    wrong.append(f"{name}:{line}: {match[0]} is not version {'.'.join(version)}")
    for name, least in LEAST.items():
        if count_of[name] < least:
            wrong.append(f"{name}: names the version {count_of[name]} times, expected at least {least}")
    return wrong, sum(count_of.values())


def write(root, version):
    source = root / SOURCE
    text = source.read_text(encoding="utf-8")
    for part, number in zip(("MAJOR", "MINOR", "PATCH"), version):
        text = re.sub(rf"(#define PRESENCE_VERSION_{part} )\d+", rf"\g<1>{number}", text)
    source.write_text(text, encoding="utf-8")
    for path, name in texts(root):
        before = after = path.read_text(encoding="utf-8")
        for pattern, form in patterns_of(name):
            after = re.sub(pattern, lambda match: match[1] + form.format(*version), after)
        if after != before:
            path.write_text(after, encoding="utf-8")
    (root / SINGLE).write_text(amalgamate.amalgamate(root), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", metavar="X.Y.Z")
    parser.add_argument("root", metavar="ROOT", nargs="?", type=pathlib.Path,
                        default=pathlib.Path(__file__).resolve().parents[2])
    wanted = parser.parse_args()
    if wanted.set:
        if not re.fullmatch(r"\d+\.\d+\.\d+", wanted.set):
            parser.error(f"a version is three numbers, as 1.2.3, not {wanted.set!r}")
        write(wanted.root, wanted.set.split("."))
    version = amalgamate.version(wanted.root).split(".")
    wrong, count = check(wanted.root, version)
    print("\n".join(wrong) if wrong else f"version {'.'.join(version)} is named {count} times")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
