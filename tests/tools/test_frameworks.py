#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that doctest, Catch2 and GoogleTest print the values of a failed assertion.

usage: test_frameworks.py [COMPILER...]

Each file of frameworks/ holds the same assertions, all of which fail, for one framework. With <presence/std.hpp> the
output must contain both values of each. Without it the file must compile nevertheless, and fail without the values: the
operator<< that is deleted then must not be in the way of a framework that asks whether a value can be printed.

A framework that is not installed is skipped, but where CI is set that fails. (Debian: doctest-dev catch2 libgtest-dev)
"""
import os
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SOURCES = pathlib.Path(__file__).resolve().parent / "frameworks"

# The header, and the ways to link: the first that works is taken. Catch2 2 needs no library.
FRAMEWORKS = {
    "doctest": (["doctest/doctest.h"], [[]]),
    "catch2": (["catch2/catch_test_macros.hpp", "catch2/catch.hpp"], [["-lCatch2Main", "-lCatch2"], []]),
    "googletest": (["gtest/gtest.h"], [["-lgtest", "-lgtest_main", "-pthread"]]),
}

VALUES = [
    'User{id="john", online=true, status="brb", last_active=2019-01-07T13:17:42.000Z}',
    'User{id="mary", online=false, status=""}',
    'PresenceEvent{type=connect, user="john", session="phone", at=2019-01-07T13:17:42.000Z}',
    'PresenceEvent{type=report, user="mary", at=2019-01-07T13:17:43.000Z, online=true}',
    "1.5s", "1.501s", "too_late", "too_early",
    'Error{code=bad_utf8, offset=17, message="not UTF-8"}',
    'Error{code=syntax, offset=4, message="expected a comma"}',
    '[1,"two"]', '"three"',
    "Tally{applied=0, unchanged=0, too_late=0, too_early=0, invalid=0, over_limit=0}",
    "Tally{applied=0, unchanged=0, too_late=0, too_early=0, invalid=1, over_limit=0}",
]


def run(*command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", errors="backslashreplace")
    return done.returncode, done.stdout


def is_installed(compiler, header):
    return run(*compiler, "-std=c++17", "-fsyntax-only", "-x", "c++", os.devnull, "-include", header)[0] == 0


def output_of(compiler, name, is_printed, work):
    """What the tests print, or None and what the compiler printed."""
    program = work / f"{name}_{is_printed}"
    options = ["-std=c++17", f"-I{ROOT / 'include'}", f"-DPRINTED={int(is_printed)}"]
    for libraries in FRAMEWORKS[name][1]:
        status, said = run(*compiler, *options, SOURCES / f"{name}.cpp", "-o", program, *libraries)
        if status == 0:
            return run(program)
    return None, said


def joined(text):
    """Catch2 breaks lines that are long, and indents what follows."""
    return "".join(text.split())


def errors_of(compiler, name, work):
    for is_printed in [True, False]:
        status, said = output_of(compiler, name, is_printed, work)
        kind = f"{name} {'with' if is_printed else 'without'} <presence/std.hpp>"
        if status is None:
            yield f"{kind} does not compile:\n{said}"
        elif status == 0:
            yield f"{kind}: the assertions hold:\n{said}"
        elif is_printed:
            missing = [value for value in VALUES if joined(value) not in joined(said)]
            if missing:
                yield "\n".join([f"{kind} does not print", *missing, "but", said])
        else:
            shown = [value for value in VALUES if "{" in value and joined(value) in joined(said)]
            if shown:
                yield "\n".join([f"{kind} prints", *shown])


def main(compiler):
    is_wrong = False
    with tempfile.TemporaryDirectory() as folder:
        for name, (headers, _) in FRAMEWORKS.items():
            if not any(is_installed(compiler, header) for header in headers):
                print(f"{name}: it is missing" if os.environ.get("CI") else f"{name}: SKIPPED, it is missing", flush=True)
                is_wrong |= bool(os.environ.get("CI"))
                continue
            errors = list(errors_of(compiler, name, pathlib.Path(folder)))
            print("\n".join(errors) or f"{name}: prints all values", flush=True)
            is_wrong |= bool(errors)
    return 1 if is_wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["c++"]))
