#!/usr/bin/env python3
"""Makes single_include/presence/presence.hpp out of include/presence/presence.hpp and what it includes.

Headers are put where they are first included, with their include guards, so that the single header and the split ones
may meet in one file in any order. The headers *_bodies.hpp, which a header includes at its end if there are bodies, are
put where the umbrella includes them: at the end of it all.
"""
import argparse
import difflib
import pathlib
import re
import sys

UMBRELLA = "presence/presence.hpp"
LICENCE = re.compile(r"//\s*(SPDX-|Copyright\b)")
DIRECTIVE = re.compile(r"\s*#\s*(\w+)\s*(.*?)\s*$")
# String literals are matched to be kept: a // in one is no comment.
IF_BODIES = ("if", "!PRESENCE_SEPARATE")
BODIES = "_bodies.hpp"
COMMENT = re.compile(r'(?P<string>"(?:\\.|[^"\\])*")|//.*|/\*.*?\*/|(?P<open>/\*.*)')


class Error(Exception):
    pass


def directives(lines):
    """For each line its (name, argument) if it is a preprocessor directive, else None."""
    result = []
    in_comment = False
    for line in lines:
        if in_comment:
            _, closed, line = line.partition("*/")
            if not closed:
                result.append(None)
                continue
        in_comment = any(match["open"] for match in COMMENT.finditer(line))
        match = DIRECTIVE.match(COMMENT.sub(lambda match: match["string"] or " ", line))
        result.append((match[1], match[2]) if match else None)
    return result


def end_of_guard(found):
    """The index of the directive that ends the include guard around the first lines, or None."""
    there = [index for index, directive in enumerate(found) if directive]
    if len(there) < 3 or found[there[0]][0] != "ifndef" or found[there[1]] != ("define", found[there[0]][1]):
        return None
    depth = 0
    for index in there:
        depth += found[index][0] in ("if", "ifdef", "ifndef")
        depth -= found[index][0] == "endif"
        if depth == 0:
            return index
    return None


def is_bodies(directive):
    return directive is not None and directive[0] == "include" and directive[1].endswith(f"{BODIES}>")


class Amalgam:
    def __init__(self, root):
        self.include = pathlib.Path(root) / "include"
        self.included = set()
        self.licence = []
        self.lines = []

    def add(self, header, chain=(), asked_by=None):
        path = self.include / header
        shown = f"include/{header}"
        if header in chain:
            raise Error(f"{asked_by}: include cycle: {' -> '.join((*chain, header))}")
        if not path.is_file():
            raise Error(f"{asked_by or shown}: there is no {shown}")
        lines = path.read_text(encoding="utf-8").splitlines()
        found = directives(lines)
        end = end_of_guard(found)
        # A header without a guard means to be repeated, as one that undefines macros.
        if end is not None:
            self.included.add(header)

        self.emit("")
        self.emit(f"// {header}")
        depth = 0 if end is None else -1
        skipped = 0
        for index, (line, directive) in enumerate(zip(lines, found)):
            where = f"{shown}:{index + 1}"
            if LICENCE.match(line):
                if line not in self.licence:
                    self.licence.append(line)
                continue
            if header != UMBRELLA and directive == IF_BODIES and is_bodies(found[index + 1]):
                skipped = index + 3
            if index < skipped:
                continue
            name, argument = directive or (None, None)
            if name == "include" and self.inline(argument, depth, where, (*chain, header)):
                continue
            depth += name in ("if", "ifdef", "ifndef")
            depth -= name == "endif"
            depth += index == end
            self.emit(line)

    def inline(self, argument, depth, where, chain):
        """True if the line of this #include is done with."""
        match = re.fullmatch(r"<(.+)>", argument)
        if not match:
            if depth == 0 and argument.startswith('"'):
                raise Error(f"{where}: #include {argument}: headers of the library are included with <>")
            return False
        header = match[1]
        if header.startswith("presence/"):
            if depth != 0 and not (chain == (UMBRELLA,) and header.endswith(BODIES)):
                raise Error(f"{where}: #include <{header}> under a condition cannot be inlined")
            if header not in self.included or header in chain:
                self.add(header, chain, where)
            return True
        if depth != 0:
            return False
        repeated = header in self.included
        self.included.add(header)
        return repeated

    def emit(self, line):
        if line or (self.lines and self.lines[-1]):
            self.lines.append(line)


def version(root):
    text = (pathlib.Path(root) / "include/presence/version.hpp").read_text(encoding="utf-8")
    numbers = [re.search(rf"#define PRESENCE_VERSION_{part} (\d+)", text) for part in ("MAJOR", "MINOR", "PATCH")]
    if None in numbers:
        raise Error("include/presence/version.hpp: no version")
    return ".".join(number[1] for number in numbers)


def amalgamate(root):
    amalgam = Amalgam(root)
    amalgam.add(UMBRELLA)
    banner = [
        *amalgam.licence,
        "//",
        f"// presence {version(root)}, all of it in one header.",
        "// Generated by tests/tools/amalgamate.py, do not edit.",
        "",
    ]
    return "\n".join(banner + amalgam.lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--check", action="store_true", help="compare with the file that is there")
    action.add_argument("--write", action="store_true", help="write the file (default)")
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).resolve().parents[2])
    options = parser.parse_args()

    target = options.root / "single_include" / UMBRELLA
    try:
        made = amalgamate(options.root)
    except Error as error:
        print(error, file=sys.stderr)
        return 2
    # Bytes, so that no platform translates line ends.
    if not options.check:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(made.encode("utf-8"))
        return 0
    there = target.read_bytes() if target.is_file() else b""
    if there == made.encode("utf-8"):
        return 0
    diff = difflib.unified_diff(
        there.decode("utf-8", "replace").split("\n"), made.split("\n"), f"single_include/{UMBRELLA}", "regenerated",
        lineterm="")
    for _, line in zip(range(40), diff):
        print(line)
    print("the amalgam is out of date: run tests/tools/amalgamate.py", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
