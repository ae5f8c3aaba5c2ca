#!/usr/bin/env python3
"""Joins test files into few of about the same size, each in a namespace of its own, as a unity build does: the library
is compiled once for all of them.

usage: join_sources.py SOURCE... -- OUTPUT...
"""
import pathlib
import re
import sys

# What can stand neither in a namespace nor behind other includes: options of the library, and specialisations.
MUST_COME_FIRST = re.compile(r"^#define PRESENCE_|^struct presence::", re.MULTILINE)
INCLUDE = re.compile(r'^#include (?:<.*>|"(.*)")', re.MULTILINE)


def joined(sources):
    includes = {}  # in order, and each once
    for source in sources:
        text = source.read_text(encoding="utf-8")
        if MUST_COME_FIRST.search(text):
            sys.exit(f"{source}: sets an option or specialises; it can only be compiled alone")
        for line in INCLUDE.finditer(text):
            includes[f'#include "{(source.parent / line[1]).resolve()}"' if line[1] else line[0]] = None
    bodies = [f'namespace {source.parent.name}_{source.stem}_alone {{\n#include "{source}"\n}}' for source in sources]
    return "\n".join([*includes, *bodies, ""])


def share_out(sources, count):
    shares = [[] for _ in range(count)]
    for source in sorted(sources, key=lambda source: source.stat().st_size, reverse=True):
        min(shares, key=lambda share: sum(other.stat().st_size for other in share)).append(source)
    return [sorted(share) for share in shares]


def main(arguments):
    at = arguments.index("--")
    sources = [pathlib.Path(name).resolve() for name in arguments[:at]]
    outputs = [pathlib.Path(name) for name in arguments[at + 1:]]
    for output, share in zip(outputs, share_out(sources, len(outputs))):
        output.write_text(joined(share), encoding="utf-8")


if __name__ == "__main__":
    if "--" not in sys.argv:
        sys.exit(__doc__)
    main(sys.argv[1:])
