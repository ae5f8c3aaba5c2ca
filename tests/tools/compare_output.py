#!/usr/bin/env python3
"""Runs a program and compares what it prints, byte for byte, and its exit status with what is expected."""
import argparse
import difflib
import os
import pathlib
import shlex
import subprocess
import sys


def matches(name, expected_file, got):
    expected = pathlib.Path(expected_file).read_bytes()
    if got == expected:
        return True
    # Latin-1 keeps bytes apart that a decoder of UTF-8 would replace by one and the same character.
    lines = [data.decode("latin-1").split("\n") for data in (expected, got)]
    for line in difflib.unified_diff(*lines, expected_file, name, lineterm=""):
        print(line.encode("unicode_escape").decode())
    return False


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--status", type=int, default=0, help="expected exit status (0)")
    parser.add_argument("--stderr", metavar="FILE", help="expected standard error; not compared if absent")
    parser.add_argument("expected", help="expected standard output")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()

    command = shlex.split(os.environ.get("MESON_EXE_WRAPPER", "")) + options.command
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True)
    ok = matches("stdout", options.expected, done.stdout)
    if options.stderr:
        ok = matches("stderr", options.stderr, done.stderr) and ok
    elif done.stderr:
        sys.stderr.buffer.write(done.stderr)
    if done.returncode != options.status:
        print(f"exit status {done.returncode}, expected {options.status}")
        ok = False
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
