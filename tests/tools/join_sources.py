#!/usr/bin/env python3
"""Joins test files into few, each in a namespace of its own, as a unity build does: the library is compiled once for
all of them. Prints the files that are to be compiled; those that need to come first in theirs are printed as they are.

usage: join_sources.py OUTPUT_FOLDER COUNT SOURCE...
"""
import pathlib
import re
import sys

# What cannot stand in a namespace or behind other includes: options of the library, and specialisations.
MUST_COME_FIRST = re.compile(r"^#define PRESENCE_|^struct presence::", re.MULTILINE)
INCLUDE = re.compile(r'^#include (?:<.*>|"(.*)")', re.MULTILINE)


def joined(sources):
    includes = {}  # in order, and each once
    for source in sources:
        for line in INCLUDE.finditer(source.read_text(encoding="utf-8")):
            includes[f'#include "{(source.parent / line[1]).resolve()}"' if line[1] else line[0]] = None
    bodies = [f'namespace {source.stem}_alone {{\n#include "{source}"\n}}' for source in sources]
    return "\n".join([*includes, *bodies, ""])


def share_out(sources, count):
    """Sources of about the same size altogether."""
    shares = [[] for _ in range(count)]
    for source in sorted(sources, key=lambda source: source.stat().st_size, reverse=True):
        min(shares, key=lambda share: sum(other.stat().st_size for other in share)).append(source)
    return [sorted(share) for share in shares if share]


def main(folder, count, *sources):
    sources = [pathlib.Path(source).resolve() for source in sources]
    first = [source for source in sources if MUST_COME_FIRST.search(source.read_text(encoding="utf-8"))]
    shares = share_out([source for source in sources if source not in first], int(count))
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
    for number, share in enumerate(shares, 1):
        out = pathlib.Path(folder, f"joined_{number}.cpp")
        text = joined(share)
        if not out.exists() or out.read_text(encoding="utf-8") != text:
            out.write_text(text, encoding="utf-8")
        print(out)
    for source in first:
        print(source)


if __name__ == "__main__":
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
