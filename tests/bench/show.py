#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Puts a few rows of a table of targets into the README, between its two markers.

    show.py tests/bench/targets.md README.md           writes them
    show.py --check tests/bench/targets.md README.md   fails if they are not what is there
"""
import argparse
import pathlib
import sys

BEGIN, END = "<!-- numbers: begin -->\n", "<!-- numbers: end -->\n"

# What the README says, then the row: the target, and the beginning of the baseline.
NUMBERS = [
    ("a heartbeat, one at a time, 100,000 users", "heartbeat, one at a time, uniform, 100 k", "absl::flat_hash_map"),
    ("an event of a mix, in a batch, 100,000 users", "whole mix, batched, 100 k", "std maps"),
    ("a change found between two snapshots of a million users", "diff, 1,000 changes, at one instant, per change, 1 M", ""),
    ("a payload of 410 bytes parsed, with its timestamps", "parse of a 410-byte payload", "nlohmann"),
    ("memory of a user, of a million with 1.3 sessions each", "memory per user, 1 M", ""),
]


def chosen(table):
    rows = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines()[2:]]
    lines = ["| what | measured | baseline | ratio |", "|---|---|---|---|"]
    for text, target, baseline in NUMBERS:
        found = [row for row in rows if row[0] == target and row[3].startswith(baseline)]
        if len(found) != 1:
            sys.exit(f"{len(found)} rows for \"{target}\" against \"{baseline}\", expected 1")
        _, _, measured, against, ratio, _ = found[0]
        lines.append(f"| {text} | {measured} | {against or '-'} | {ratio or '-'} |")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("table", type=pathlib.Path)
    parser.add_argument("readme", type=pathlib.Path)
    options = parser.parse_args()

    text = options.readme.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        sys.exit(f"{options.readme}: does not have each of the two markers once")
    before, rest = text.split(BEGIN)
    after = rest.split(END)[1]
    shown = before + BEGIN + "\n".join(chosen(options.table.read_text(encoding="utf-8"))) + "\n" + END + after
    if options.check:
        if shown != text:
            sys.exit(f"{options.readme}: does not show {options.table}; run {' '.join(sys.argv[:1] + sys.argv[2:])}")
    else:
        options.readme.write_text(shown, encoding="utf-8")


if __name__ == "__main__":
    main()
