#!/usr/bin/env python3
"""Prints the ```sh block of the README that follows the comment <!-- command: NAME -->.

usage: readme_command.py NAME
"""
import pathlib
import re
import sys


def main(name):
    readme = pathlib.Path(__file__).resolve().parents[2] / "README.md"
    block = r"^<!-- command: " + re.escape(name) + r" -->\s*\n```sh\n(.*?)^```\s*$"
    found = re.findall(block, readme.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if len(found) != 1:
        sys.exit(f"{readme}: {len(found)} blocks named {name}, expected 1")
    sys.stdout.write(found[0])


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main(sys.argv[1])
