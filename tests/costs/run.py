#!/usr/bin/env python3
"""Proves that no input is expensive: counts the instructions of operations on hostile input and on random input.

usage: run.py [--only PATTERN]... [--size N] [-- COMPILER [FLAG]...]

  --only    runs the operations whose name matches; * and ? as in a shell
  --size    how many ids the smaller of the two inputs has; 1500 unless told, the larger has four times as many

A row for each operation and kind of hostile input: instructions a unit (a user, or a byte of what is parsed) on random
input of the same size and on the hostile one, their ratio, how much more the hostile input of four times the size
costs, and the highest ratio that is allowed. Instructions are counted by valgrind, so they are the same in each run.

Exit status: 0 when no limit is exceeded, 1 when one is, 2 when an operation fails or nothing was counted, 77 when
valgrind is missing; with CI set that is 1.
"""
import argparse
import concurrent.futures
import fnmatch
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from typing import NamedTuple

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]

LIMIT = 3.0         # times the instructions of random input
GROWTH = 5.5        # times the instructions of a quarter of the input: four times, and what n log n adds
SHAPE = 5.0         # for bytes of another shape, which are linear, but of which some are read faster than others
AS_MUCH = 1.02      # for bytes that are found to be wrong at their end

# Hostile kinds of ids, and random ones of the same length.
IDS = {
    "same_hash": "random32",
    "same_hash_long": "random144",
    "same_hash_short": "random16",
    "same_top_bits": "random16",
    "same_low_bits": "random16",
    "same_tag": "random32",
    "same_tag_short": "random15",
    "same_beginning": "random255",
}
PRINTABLE = [kind for kind in IDS if kind != "same_hash_long"]

OF_USERS = """
connect heartbeat heartbeat_batch heartbeat_copy next_deadline find find_others disconnect set_status time_out forget
encode decode merge_disjoint merge_equal merge_newer delta delta_of_all exchange compare diff digest replay
replay_refused query_ids query_sorted watch
""".split()


class Row(NamedTuple):
    operation: str
    kind: str
    base: tuple  # (operation, kind) of what it is compared with
    limit: float = LIMIT


def all_rows():
    for operation in OF_USERS:
        for kind, random in IDS.items():
            yield Row(operation, kind, (operation, random))
    for operation in ("parse_event", "parse_filter", "parse_channel"):
        for kind in PRINTABLE:
            yield Row(operation, kind, (operation, IDS[kind]))
    for operation in ("filter_in", "filter_in_compiled", "filter_eq", "filter_eq_compiled"):
        for kind in ("same_hash", "same_hash_long", "same_beginning"):
            yield Row(operation, kind, (operation, IDS[kind]))
    # Users of whom much is kept, by the byte.
    for kind in ("sessions", "recent"):
        yield Row("decode", kind, ("decode", "random32"))
    for kind in ("random32", "same_hash", "sessions", "recent"):
        for operation in ("decode_truncated", "decode_corrupted"):
            yield Row(operation, kind, ("decode", kind), AS_MUCH)
    for kind in ("text", "escapes", "keys", "elements", "digits", "nested", "spaces", "open_text"):
        yield Row("parse_event", kind, ("parse_event", "random16"), SHAPE)
    for kind in ("everything", "numbers", "texts", "keys"):
        yield Row("parse_filter", kind, ("parse_filter", "tests"), SHAPE)
    for kind in ("falling_keys", "one_key", "numbers", "texts", "nested"):
        yield Row("parse_channel", kind, ("parse_channel", "rising_keys"), SHAPE)
    for kind in ("dashes", "words"):
        yield Row("autocomplete", kind, ("autocomplete", "random"))
    for kind in ("rising", "falling", "equal", "pipe", "saw"):
        yield Row("sort", kind, ("sort", "random"))


class Broken(Exception):
    """What was to be counted could not be run."""


def run(command):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode != 0:
        raise Broken(f"{shlex.join(map(str, command))}\nexit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def is_of_ids(kind):
    return kind in IDS or kind in IDS.values()


def make_ids(program, kind, size, folder):
    """Finding them takes long, so that is not done under valgrind."""
    with open(folder / kind, "wb") as out:
        done = subprocess.run([program, "ids", kind, str(size)], stdout=out, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise Broken(f"ids of the kind {kind}: {done.stderr.decode()}")


def count(program, operations, kind, size, ids, folder):
    """Instructions a unit of each operation, and of all of it: {operation: (a unit, all)}."""
    out = folder / f"{kind}-{size}"
    command = ["valgrind", "--tool=callgrind", "--toggle-collect=measured", "--dump-after=measured",
               f"--callgrind-out-file={out}", program, ",".join(operations), kind, str(size)]
    lines = run(command + ([str(ids)] if ids else [])).split("\n")
    counts = {}
    for number, operation in enumerate(operations, 1):
        name, units = lines[number - 1].split()
        totals = re.search(r"^totals: (\d+)", pathlib.Path(f"{out}.{number}").read_text(), re.MULTILINE)
        if name != operation or not totals or int(totals[1]) == 0:
            raise Broken(f"{operation} of {kind}: nothing was counted")
        counts[operation] = int(totals[1]) / int(units), int(totals[1])
    return counts


def sizes_of(operation, size):
    smaller = size
    return smaller, 4 * smaller


def count_all(program, rows, size, folder):
    """{(operation, kind, size): (a unit, all)}"""
    operations = {}  # by kind and size
    for row in rows:
        for operation, kind in ((row.operation, row.kind), row.base):
            for its_size in sizes_of(operation, size):
                names = operations.setdefault((kind, its_size), [])
                if operation not in names:
                    names.append(operation)
    of_ids = {kind for kind, _ in operations if is_of_ids(kind)}
    counts = {}
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda kind: make_ids(program, kind, 4 * size, folder), sorted(of_ids)))
        jobs = {(kind, its_size): pool.submit(count, program, operations[kind, its_size], kind, its_size,
                                              folder / kind if kind in of_ids else None, folder)
                for kind, its_size in sorted(operations, key=lambda job: -job[1])}
        for (kind, its_size), job in jobs.items():
            for operation, found in job.result().items():
                counts[operation, kind, its_size] = found
    return counts


def figure(number):
    return f"{number:.1f}" if number < 100 else f"{number:,.0f}"


def show(rows, counts, size):
    """Prints the table, and returns how many rows are over a limit."""
    print(f"{'operation':20} {'random':12} {'cost':>9}  {'hostile':16} {'cost':>9} {'ratio':>7} {'4x size':>7} "
          f"{'limit':>6}")
    over = 0
    for row in rows:
        small, large = sizes_of(row.operation, size)
        base, (cost, whole) = counts[(*row.base, large)][0], counts[row.operation, row.kind, large]
        ratio, growth = cost / base, whole / counts[row.operation, row.kind, small][1]
        grown = counts[(*row.base, large)][1] / counts[(*row.base, small)][1]
        grows = row.limit != AS_MUCH and max(growth, grown) > GROWTH
        is_over = ratio > row.limit or grows
        mark = "" if not is_over else "  OVER"
        if grows and grown > GROWTH:
            mark += f" (random grows {grown:.1f}x)"
        over += is_over
        print(f"{row.operation:20} {row.base[1]:12} {figure(base):>9}  {row.kind:16} {figure(cost):>9} {ratio:7.2f} "
              f"{growth:7.2f} {row.limit:6.2f}{mark}")
    return over


def main(arguments):
    if shutil.which("valgrind") is None:
        print("skipped: no valgrind (Debian: apt-get install valgrind)")
        return 1 if os.environ.get("CI") else 77
    rows = [row for row in all_rows()
            if not arguments.only or any(fnmatch.fnmatchcase(row.operation, p) for p in arguments.only)]
    if not rows:
        raise Broken("there is no such operation")
    start = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="costs-") as name:
        folder = pathlib.Path(name)
        program = str(folder / "costs")
        compiler = arguments.compiler or shlex.split(os.environ.get("CXX", "c++"))
        run([*compiler, "-std=c++17", "-O2", "-I", str(ROOT / "include"), str(HERE / "costs.cpp"), "-o", program])
        compiled = time.monotonic()
        counts = count_all(program, rows, arguments.size, folder)
    over = show(rows, counts, arguments.size)
    print(f"{len(rows)} rows, {over} over a limit; compiled in {compiled - start:.0f} s, "
          f"counted in {time.monotonic() - compiled:.0f} s")
    return 1 if over else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--size", type=int, default=1500)
    parser.add_argument("compiler", nargs="*")
    try:
        sys.exit(main(parser.parse_args()))
    except Broken as broken:
        print(broken, file=sys.stderr)
        sys.exit(2)
