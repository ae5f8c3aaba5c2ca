#!/usr/bin/env python3
"""Builds the playground: the page, with the library compiled to WebAssembly in the place of the service.

    python3 tests/service/playground/build.py build/playground

Any server of static files can serve the folder, such as `python3 -m http.server --directory build/playground`. It
needs emscripten (Debian: apt-get install emscripten).
"""

import argparse
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent / "page"
INCLUDE = HERE.parents[2] / "include"

FUNCTIONS = [
    "start", "advance", "next_wakeup", "dispatch", "query_users", "watch_user", "watch", "unwatch", "watchers",
    "timeline", "take_notices",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("folder", type=pathlib.Path, help="is made, and its files are replaced")
    parser.add_argument("--compiler", default="em++")
    options = parser.parse_args()
    if shutil.which(options.compiler) is None:
        sys.exit(f"{options.compiler} is missing (Debian: apt-get install emscripten)")

    options.folder.mkdir(parents=True, exist_ok=True)
    for file in sorted(PAGE.iterdir()):
        # The playground has its own backend.
        if file.name not in ("backend.js", "service.js"):
            shutil.copyfile(file, options.folder / file.name)
    for name in ("backend.js", "library.js", "play.js", "playground.js"):
        shutil.copyfile(HERE / name, options.folder / name)
    # A module alone, without emscripten's JavaScript: playground.js loads it.
    exported = ",".join(["_malloc", "_free"] + [f"_playground_{name}" for name in FUNCTIONS])
    subprocess.run(
        [
            options.compiler, "-std=c++17", "-O2", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror",
            f"-I{INCLUDE}", HERE / "playground.cpp", "-o", options.folder / "presence.wasm", "--no-entry",
            "-sSTANDALONE_WASM=1", "-sALLOW_MEMORY_GROWTH=1", f"-sEXPORTED_FUNCTIONS={exported}",
        ],
        check=True,
    )
    print(f"the playground is in {options.folder}")


if __name__ == "__main__":
    main()
