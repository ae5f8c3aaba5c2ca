#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tests a service binary with the JavaScript SDK of the chat service, and with hostile clients.

    run.py BINARY [--work FOLDER] [TEST...]

Builds nothing. Copies sdk/ to the work folder (by default `sdk` beside the binary), installs the packages of its lock
file there with `npm ci`, unless they are there, and runs the tests with node's own runner. TEST is the name of a file,
such as `hostile`; by default all.

Without node 18.19 or npm, or if the packages cannot be installed, it is skipped (exit status 77), and without
redis-server or hiredis the test `redis` is; with CI set in the environment that fails. Everything listens on 127.0.0.1,
on ports that were free. (Debian: nodejs npm redis-server)
"""
import argparse
import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys
import time

from node_packages import Skipped, find_node, install

HERE = pathlib.Path(__file__).resolve().parent
SOURCE = HERE / "sdk"
FILES = 40_000       # of the service with 10,000 idle sockets, and of their clients
FEWEST_FILES = 12_000
SECONDS = 420        # for all tests; they take less than half of it


class Failure(Exception):
    pass


def raise_file_limit():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if wanted < FEWEST_FILES:
        raise Skipped(f"a process may open only {wanted} files; {FEWEST_FILES} are needed")
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def skip(reason):
    if os.environ.get("CI"):
        raise Failure(reason)
    print(f"SKIPPED: {reason}", file=sys.stderr)


def lacks_redis(binary):
    """Returns what is missing for a test of two nodes, or None."""
    if shutil.which("redis-server") is None:
        return "there is no redis-server"
    # Port 9 of the loopback never answers, so this ends at once. The reason differs.
    done = subprocess.run([binary, "--redis", "127.0.0.1:9"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=30)
    return "the service was built without hiredis" if "hiredis" in done.stdout else None


def run_tests(node, binary, work, names):
    found = sorted(work.glob("*.test.mjs"))
    if names:
        known = {path.name.removesuffix(".test.mjs"): path for path in found}
        unknown = [name for name in names if name not in known]
        if unknown:
            raise Failure(f"there is no test {unknown[0]!r}; there are {', '.join(known)}")
        found = [known[name] for name in names]
    missing = lacks_redis(binary) if any(path.name == "redis.test.mjs" for path in found) else None
    if missing:
        skip(f"the test redis: {missing}")
        found = [path for path in found if path.name != "redis.test.mjs"]
    environment = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    environment["PRESENCE_SERVICE"] = str(binary)
    command = [node, "--test", "--test-concurrency=1", "--test-reporter=spec", *[path.name for path in found]]
    # A group of its own, so that what it started can be ended with it.
    process = subprocess.Popen(command, cwd=work, stdin=subprocess.DEVNULL, env=environment, start_new_session=True)
    try:
        status = process.wait(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        raise Failure(f"the tests did not end in {SECONDS} s") from None
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
    if status:
        raise Failure("tests failed")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("binary", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path)
    parser.add_argument("tests", nargs="*", metavar="TEST")
    options = parser.parse_intermixed_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("terminated"))  # so that what was started is ended
    binary = options.binary.resolve()
    if not os.access(binary, os.X_OK):
        parser.error(f"{binary} is not a program")
    began = time.monotonic()
    try:
        node = find_node()
        raise_file_limit()
        work = (options.work or binary.parent / "sdk").resolve()
        install(SOURCE, work)
        run_tests(node, binary, work, options.tests)
    except Skipped as reason:
        if os.environ.get("CI"):
            print(f"FAILED: {reason}", file=sys.stderr)
            return 1
        print(f"SKIPPED: {reason}", file=sys.stderr)
        return 77
    except Failure as reason:
        print(f"FAILED: {reason}", file=sys.stderr)
        return 1
    print(f"all tests passed in {time.monotonic() - began:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
