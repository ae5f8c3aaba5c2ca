#!/usr/bin/env python3
"""Runs a doctest executable and fails if it ran no test case, which doctest itself calls a success. By file it
runs the test cases of each file by themselves, as many files at once as there are processors, and fails as well if a
test case was left out.

usage: run_doctest.py [--by-file] EXECUTABLE [ARGUMENT...]
"""
import concurrent.futures
import os
import re
import shlex
import subprocess
import sys


def show(line):
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


def run(command, take_line):
    """The exit status, and how many test cases ran. `take_line` is given what is printed."""
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
    ran = 0
    for line in process.stdout:
        take_line(line)
        summary = re.search(rb"test cases:\s*(\d+)", line)
        if summary:
            ran = int(summary[1])
    status = process.wait()
    if status < 0:
        take_line(f"killed by signal {-status}\n".encode())
        status = 128 - status
    if status == 0 and ran == 0:
        take_line(f"no test case ran: {shlex.join(command)}\n".encode())
        status = 1
    return status, ran


def run_file(command, file):
    lines = []
    return *run([*command, f"--source-file={file}"], lines.append), lines


def run_by_file(command):
    listed = subprocess.run([*command, "--list-test-cases", "--reporters=xml"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, check=True)
    files = re.findall(r'<TestCase .*?filename="(.*?)"', listed.stdout.decode())
    worst = ran = 0
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count()) as pool:
        for status, ran_there, lines in pool.map(lambda file: run_file(command, file), sorted(set(files))):
            for line in lines:
                show(line)
            worst = worst or status
            ran += ran_there
    print(f"{ran} of {len(files)} test cases ran", flush=True)
    return 1 if worst == 0 and (ran == 0 or ran != len(files)) else worst


def main(arguments):
    by_file = arguments[0] == "--by-file"
    # Set by Meson when it builds for another machine.
    command = shlex.split(os.environ.get("MESON_EXE_WRAPPER", "")) + arguments[by_file:]
    return run_by_file(command) if by_file else run(command, show)[0]


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1:]))
