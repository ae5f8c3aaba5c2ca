#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts the rows of a table of targets that have a limit into the README, between its two markers.

    show.py tests/bench/targets.md README.md           writes them
    show.py --check tests/bench/targets.md README.md   fails if they are not what is there
"""
import argparse
import pathlib
import sys

BEGIN, END = "<!-- targets: begin -->\n", "<!-- targets: end -->\n"


def rows_with_a_limit(table):
    head, rule, *rows = table.splitlines()
    return [head, rule] + [row for row in rows if row.split("|")[2].strip()]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("table", type=pathlib.Path)
    parser.add_argument("readme", type=pathlib.Path)
    options = parser.parse_args()

    text = options.readme.read_text()
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{options.readme}: does not have each of the two markers once")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    shown = before + BEGIN + "\n" + "\n".join(rows_with_a_limit(options.table.read_text())) + "\n\n" + END + after
    if options.check:
        if shown != text:
            sys.exit(f"{options.readme}: does not show {options.table}; run {' '.join(sys.argv[:1] + sys.argv[2:])}")
    else:
        options.readme.write_text(shown)


if __name__ == "__main__":
    main()
