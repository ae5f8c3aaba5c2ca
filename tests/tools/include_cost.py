#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints what it costs to include each public header, the umbrella and the single header, and fails over a budget.

Two costs, in each standard: the non-blank lines that `g++ -E -P` leaves of a file that includes nothing else, and the
milliseconds of processor that `g++ -fsyntax-only` takes for that file, the median of several runs less that of an empty
file. The lines are the same on every machine that has the same compiler and standard library, and have budgets; times
have none, as they say as much about the machine. The headers of other libraries stand beside them, measured in the same
run, where they are installed (Debian: nlohmann-json3-dev; it has no package of entt).
"""
import argparse
import os
import pathlib
import resource
import shlex
import statistics
import subprocess
import sys
import tempfile

import list_headers

ROOT = pathlib.Path(__file__).resolve().parents[2]
CXX = shlex.split(os.environ.get("CXX", "g++"))
STANDARDS = ["c++17", "c++20"]
SINGLE = "the single header"
SEPARATE = "presence.hpp, separate"
OTHERS = ["nlohmann/json.hpp", "nlohmann/json_fwd.hpp", "entt/entt.hpp", "entt/entity/registry.hpp"]

# Lines in C++17. That of fwd.hpp is what keeps it free to include. That of the umbrella is raised only for a capability
# that it did not have, in the commit that adds it: half of its lines are the standard library's.
BUDGETS = {"presence/fwd.hpp": 500, "presence/presence.hpp": 42500, SINGLE: 42500, SEPARATE: 31500}


def is_installed(header, source):
    source.write_text(f"#if !__has_include(<{header}>)\n#error\n#endif\n")
    return subprocess.run([*CXX, "-E", source], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def count_lines(source, flags):
    text = subprocess.run([*CXX, *flags, "-E", "-P", source], check=True, stdout=subprocess.PIPE).stdout
    return sum(1 for line in text.split(b"\n") if line.strip())


def processor_seconds():
    """Of all children so far. Unlike the time of the wall it does not show what else the machine does."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def median_of(command, runs):
    """The seconds of the processor that a command takes, the median of several runs."""
    taken = []
    for _ in range(runs):
        start = processor_seconds()
        subprocess.run(command, check=True)
        taken.append(processor_seconds() - start)
    return statistics.median(taken)


def milliseconds(source, flags, runs):
    return 1000 * median_of([*CXX, *flags, "-fsyntax-only", source], runs)


def measure(name, work, runs):
    """The lines and milliseconds of including a header, one pair for each standard."""
    source = work / "include.cpp"
    include = ROOT / ("single_include" if name == SINGLE else "include")
    header = "presence/presence.hpp" if name in (SINGLE, SEPARATE) else name
    options = ["-DPRESENCE_SEPARATE=1"] if name == SEPARATE else []
    cells = []
    for standard in STANDARDS:
        flags = [f"-std={standard}", f"-I{include}", *options]
        source.write_text("")
        empty = milliseconds(source, flags, runs) if runs else 0
        source.write_text(f"#include <{header}>\n")
        spent = milliseconds(source, flags, runs) - empty if runs else 0
        cells.append((count_lines(source, flags), spent))
    return cells


def row(name, cells):
    return "| " + " | ".join([name.ljust(28), *(text.rjust(width) for text, width in cells)]) + " |"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="of which the median is taken (3); 0: lines only")
    parser.add_argument("--budgets-only", action="store_true", help="measure only what has a budget")
    options = parser.parse_args()

    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        if options.budgets_only:
            names = list(BUDGETS)
        else:
            others = [header for header in OTHERS if is_installed(header, work / "include.cpp")]
            names = list_headers.public_headers() + [SINGLE, SEPARATE] + others
        print(row("header", [(f"{standard} {unit}", 11) for standard in STANDARDS for unit in ("lines", "ms")]))
        print("| :--- | ---: | ---: | ---: | ---: |")
        over = []
        for name in names:
            cells = measure(name, work, options.runs)
            texts = [text for lines, ms in cells for text in (f"{lines:,}", f"{ms:.0f}" if options.runs else "-")]
            print(row(name, [(text, 11) for text in texts]), flush=True)
            if cells[0][0] > BUDGETS.get(name, cells[0][0]):
                over.append(f"{name}: {cells[0][0]:,} lines, and {BUDGETS[name]:,} are its budget")
    for line in over:
        print(line)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
