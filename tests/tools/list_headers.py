#!/usr/bin/env python3
"""Prints the library's headers as they are included, one a line, sorted.

usage: list_headers.py [HEADER...]: given headers, fails instead if they are not those there are
"""
import pathlib
import sys

INCLUDE = pathlib.Path(__file__).resolve().parents[2] / "include"


def all_headers():
    return sorted(path.relative_to(INCLUDE).as_posix() for path in INCLUDE.rglob("*.hpp"))


def public_headers():
    return [header for header in all_headers() if "/detail/" not in header]


def main(expected):
    headers = all_headers()
    if not expected:
        print("\n".join(headers))
    elif expected != headers:
        print("headers came or went:", *sorted(set(headers) ^ set(expected)))
        sys.exit("configure the build anew: meson setup --reconfigure")


if __name__ == "__main__":
    main(sys.argv[1:])
