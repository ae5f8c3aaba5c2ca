#!/usr/bin/env python3
"""Prints the library's headers as they are included, one a line, sorted.

usage: list_headers.py [HEADER...]: given headers, fails instead if they are not those there are
"""
import pathlib
import sys

include = pathlib.Path(__file__).resolve().parents[2] / "include"
headers = sorted(path.relative_to(include).as_posix() for path in include.rglob("*.hpp"))
if len(sys.argv) == 1:
    print("\n".join(headers))
elif sys.argv[1:] != headers:
    print("headers came or went:", *sorted(set(headers) ^ set(sys.argv[1:])))
    sys.exit("configure the build anew: meson setup --reconfigure")
