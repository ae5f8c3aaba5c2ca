#!/usr/bin/env python3
"""Counts the instructions that filters take, with valgrind, for what was made to be expensive beside what was not.

usage: filters.py [COMPILER...]

Without valgrind it is skipped (77), but where CI is set it fails.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
INCLUDE = HERE.parents[1] / "include"


def instructions(program, case, size, rounds):
    done = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", program, case, str(size),
                           str(rounds)], capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", done.stderr).group(1))


def cost(program, case, size, rounds):
    """Of one round, without what is made ready before it."""
    return (instructions(program, case, size, rounds) - instructions(program, case, size, 0)) / rounds


def main(cxx):
    if shutil.which("valgrind") is None:
        print("valgrind is not there")
        sys.exit(1 if os.environ.get("CI") else 77)
    failures = []

    def at_most(most, what, of, beside):
        print(f"{what}: {of:.0f} beside {beside:.0f} instructions, {of / beside:.2f} times as many")
        if not of <= most * beside:
            failures.append(f"{what}: more than {most} times")

    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / "filter_costs"
        subprocess.run([*cxx, "-std=c++17", "-O2", f"-I{INCLUDE}", HERE / "filters.cpp", "-o", program], check=True)
        for size in (100, 1000):
            at_most(3, f"{size} texts with one hash", cost(program, "find-same-hash", size, 5), cost(program, "find", size, 5))
        for case in ("complete-signs", "complete-words"):
            at_most(3, case, cost(program, case, 4000, 2), cost(program, "complete", 4000, 2))
        at_most(6, "dots, four times as many", cost(program, "dots-everywhere", 10000, 2), cost(program, "dots-everywhere", 2500, 2))
        for case in ("complete-signs", "complete-words", "sets", "sets-nearly", "objects-alike"):
            at_most(6, f"{case}, four times as large", cost(program, case, 4000, 1), cost(program, case, 1000, 1))
    for failure in failures:
        print(failure)
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main(sys.argv[1:] or ["c++"])
