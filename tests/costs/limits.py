#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares what hostile or unusual input costs with what usual input does, in instructions.

usage: limits.py COMPILER...

Counts are the same in each run, unlike times. Needs valgrind (Debian: valgrind); says that it was skipped without.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
SKIPPED = 77

# What is counted, what it is compared with, and how many times as much it may cost.
LIMITS = [
    # Many sessions, of which half have ended.
    *((f"one_user {what} 64 64 {grace}", f"one_user {what} 1 0 {grace}", 5)
      for what in ("heartbeat", "disconnect", "reconnect", "revival") for grace in (0, 10)),
    *((f"one_user {what} 64 0 0", f"one_user {what} 1 0 0", 5) for what in ("heartbeat", "disconnect", "reconnect", "revival")),
    # Events that are refused because there are too many users: whatever the number of users is. What is asked ahead of
    # time is counted once for all of them.
    ("refused visible 2000", "refused visible 500", 1.5),
    ("refused aged 2000", "refused aged 500", 5),
    ("refused hidden 2000", "refused hidden 500", 5),
    # Ids that were chosen to collide.
    *((f"ids {what} {hostile} 1000", f"ids {what} {usual} 1000", 3) for what in ("watch", "is_watched", "unwatch")
      for hostile, usual in (("same_hash", "random_32"), ("same_hash_short", "random_16"), ("same_hash_long", "random_144"))),
    # Four times as many cost little more than four times as much, whichever way round they come.
    ("viewers 6000", "viewers 1500", 5),
    ("watched 6000 100000", "watched 1500 100000", 5),
    ("watched 6000 5000", "watched 1500 1250", 5),
    ("merged 1200", "merged 300", 6),
    # Users whose sessions all say something else. Each event may read all of them, but not each of them for each other.
    *((f"rich_user {what} {kind} 64", f"rich_user {what} {kind} 16", 5) for what in ("heartbeat", "update", "reconnect")
      for kind in ("differing", "alike", "hidden", "tied", "idle")),
    # Their sessions end one after the other, while time is advanced once: a turn costs as many sessions as there are.
    *((f"rich_user turns {kind} 64", f"rich_user turns {kind} 16", 18)
      for kind in ("differing", "alike", "hidden", "tied", "idle")),
    # Many names of data, or fields of an activity: too many for the limits, and as many as a host allows.
    *((f"fields {what} {kind} 10000", f"fields {what} {kind} 2500", 5) for kind in ("random", "alike", "batch")
      for what in ("data", "activity")),
    *((f"fields {what}_that_fits {kind} 10000", f"fields {what}_that_fits {kind} 2500", 5)
      for kind in ("random", "alike") for what in ("data", "activity")),
    ("deep 62", "deep 31", 2.5),
    ("names 256", "names 64", 5),
    # A session whose heartbeats often came too late, in the worst order.
    ("runs late 4096", "runs late 1024", 5),
    ("runs merged 1200", "runs merged 300", 5),
    ("runs decoded 1200", "runs decoded 300", 5),
]


def instructions(program, arguments):
    run = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null",
                          "--toggle-collect=*measured*", program, *arguments.split()],
                         stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    counted = re.search(r"Collected : (\d+)", run.stderr)
    if run.returncode != 0 or not counted or int(counted[1]) == 0:
        sys.exit(f"{arguments}: nothing was counted (status {run.returncode})\n{run.stderr}")
    return int(counted[1])


def main(compiler):
    if not shutil.which("valgrind"):
        print("skipped: there is no valgrind")
        return SKIPPED
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, "costs")
        subprocess.run([*compiler, "-std=c++17", "-O2", "-I", ROOT / "include", ROOT / "tests/costs/limits.cpp", "-o", program],
                       check=True)
        costs = {}
        for unusual, usual, _ in LIMITS:
            for arguments in (unusual, usual):
                if arguments not in costs:
                    costs[arguments] = instructions(program, arguments)
    too_much = 0
    for unusual, usual, limit in LIMITS:
        ratio = costs[unusual] / costs[usual]
        too_much += ratio > limit
        print(f"{'' if ratio <= limit else 'TOO MUCH: '}{unusual}: {costs[unusual]} instructions, {ratio:.2f} times "
              f"those of {usual}; may be {limit} times")
    return 1 if too_much else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["g++"]))
