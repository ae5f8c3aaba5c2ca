#!/usr/bin/env python3
"""Tests the page in Chromium: over the playground, and over the service if its program is given.

    python3 tests/service/browser/run.py --build build/browser --playground build/playground \\
        --service build/tests/tests/service/service

Screenshots are in BUILD/screenshots. Whatever is missing (Debian: nodejs npm chromium) skips the tests, or fails if the
environment has CI.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
import node_packages  # noqa: E402


def missing(what):
    print(f"SKIPPED: the page is not tested: {what}", file=sys.stderr)
    sys.exit(1 if os.environ.get("CI") else 77)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--build", type=pathlib.Path, required=True, help="a folder for packages and screenshots")
    parser.add_argument("--playground", type=pathlib.Path, help="what playground/build.py has built")
    parser.add_argument("--service", type=pathlib.Path, help="the program")
    parser.add_argument("--picture", type=pathlib.Path, help="only take the picture of the playground for the README")
    parser.add_argument("--name", default="", help="only the tests whose names match")
    options = parser.parse_args()
    if not options.playground and (options.picture or not options.service):
        parser.error("give --playground" + ("" if options.picture else " or --service"))

    chromium = shutil.which("chromium")
    if chromium is None:
        missing("chromium is not installed")
    build = options.build.resolve()
    try:
        node = node_packages.find_node()
        node_packages.install(HERE, build)
    except node_packages.Skipped as reason:
        missing(reason)

    environment = dict(os.environ, PRESENCE_SHOTS=str(build / "screenshots"), PRESENCE_CHROMIUM=chromium)
    tests = []
    if options.playground:
        environment["PRESENCE_PLAYGROUND"] = str(options.playground.resolve())
        tests.append("playground.test.mjs")
    if options.service:
        environment["PRESENCE_SERVICE"] = str(options.service.resolve())
        tests.append("service.test.mjs")
    if options.picture:
        command = [node, "picture.mjs", options.picture.resolve()]
        return subprocess.run(command, cwd=build, env=environment, check=False).returncode
    command = [node, "--test", "--test-concurrency=1"]
    if options.name:
        command.append(f"--test-name-pattern={options.name}")
    return subprocess.run(command + tests, cwd=build, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
