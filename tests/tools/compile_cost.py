#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints what it costs to compile a program that uses a Store and JSON, and fails if its code is over a budget.

The programs are in compile_cost/. Each is compiled by g++ and by clang++, where they are installed. The seconds are those
of the processor (user and system) for `-O2 -c`, the median of several runs. The size is that of the code and the
constants in the program that is linked with `-Os -ffunction-sections -fdata-sections -Wl,--gc-sections -s`. It is the
same on every x86-64 machine with the same compiler and standard library, and has a budget; times have none, as they say
as much about the machine.

With PRESENCE_SEPARATE, "separate" is the same file, "its bodies" the one file that has them, and "only included" a file
that includes the umbrella and no more.

Two other libraries stand beside it, measured in the same run, where they are installed (Debian: nlohmann-json3-dev,
libsimdjson-dev). Most of the code of simdjson is in its shared library, which is not counted.
"""
import argparse
import pathlib
import platform
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

import include_cost

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = HERE / "compile_cost"
COMPILERS = ["g++", "clang++"]
FLAGS = ["-std=c++17", f"-I{include_cost.ROOT / 'include'}"]
SMALL = ["-Os", "-ffunction-sections", "-fdata-sections", "-Wl,--gc-sections", "-s"]

SEPARATE = "-DPRESENCE_SEPARATE=1"


class Program(NamedTuple):
    source: str
    header: str  # which it needs
    flags: list = []
    linked: list = []  # None: it is part of a program


PROGRAMS = {
    "presence": Program("presence", "presence/presence.hpp"),
    "presence, separate": Program("presence", "presence/presence.hpp", [SEPARATE], [SOURCES / "bodies.cpp"]),
    "presence, its bodies": Program("bodies", "presence/presence.hpp", [SEPARATE], None),
    "presence, only included": Program("included", "presence/presence.hpp", [SEPARATE], None),
    "nlohmann": Program("nlohmann", "nlohmann/json.hpp"),
    "simdjson": Program("simdjson", "simdjson.h", [], ["-lsimdjson"]),
}

# In bytes, for the first of the compilers on x86-64: what it had when this was written, and a twentieth.
BUDGETS = {"presence": 351000, "presence, separate": 373000}


def seconds(compiler, program, work, runs):
    """The seconds of compiling a source, the median of several runs."""
    source = SOURCES / f"{program.source}.cpp"
    command = [compiler, *FLAGS, *program.flags, "-O2", "-c", source, "-o", work / "object.o"]
    return include_cost.median_of(command, runs)


def code_size(compiler, program, work):
    """The bytes of code and constants in the smallest program."""
    source, made = SOURCES / f"{program.source}.cpp", work / "program"
    subprocess.run([compiler, *FLAGS, *program.flags, *SMALL, source, *program.linked, "-o", made], check=True)
    sizes = subprocess.run(["size", made], check=True, stdout=subprocess.PIPE, text=True).stdout
    return int(sizes.splitlines()[1].split()[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3, help="of which the median is taken (3); 0: sizes only")
    options = parser.parse_args()

    compilers = [compiler for compiler in COMPILERS if shutil.which(compiler)]
    over = []
    with tempfile.TemporaryDirectory() as temporary:
        work = pathlib.Path(temporary)
        heads = [f"{compiler} {unit}" for compiler in compilers for unit in ("-O2 s", "-Os bytes")]
        print(include_cost.row("program", [(head, 17) for head in heads]))
        print("| :--- |" + " ---: |" * len(heads))
        for name, program in PROGRAMS.items():
            if not program.header.startswith("presence/") and not include_cost.is_installed(program.header, work / "include.cpp"):
                continue
            texts = []
            for compiler in compilers:
                spent = f"{seconds(compiler, program, work, options.runs):.2f}" if options.runs else "-"
                size = 0 if program.linked is None else code_size(compiler, program, work)
                texts += [spent, f"{size:,}" if size else "-"]
                if compiler == COMPILERS[0] and platform.machine() == "x86_64" and size > BUDGETS.get(name, size):
                    over.append(f"{name}: {size:,} bytes, and {BUDGETS[name]:,} are its budget")
            print(include_cost.row(name, [(text, 17) for text in texts]), flush=True)
    for line in over:
        print(line)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
