#!/usr/bin/env python3
"""Runs a doctest executable and fails if it ran no test case, which doctest itself calls a success.

usage: run_doctest.py EXECUTABLE [ARGUMENT...]
"""
import os
import re
import shlex
import subprocess
import sys


def main(command):
    # Set by Meson when it builds for another machine.
    command = shlex.split(os.environ.get("MESON_EXE_WRAPPER", "")) + command
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    ran = 0
    for line in process.stdout:
        sys.stdout.buffer.write(line)
        sys.stdout.buffer.flush()
        summary = re.search(rb"test cases:\s*(\d+)", line)
        if summary:
            ran = int(summary[1])
    status = process.wait()
    if status < 0:
        print(f"killed by signal {-status}", file=sys.stderr)
        return 128 - status
    if status == 0 and ran == 0:
        print(f"no test case ran: {shlex.join(command)}", file=sys.stderr)
        return 1
    return status


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
