#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds and runs the recipes for engines: the C interface and the C# for Unity, Unreal, Godot, and the web.

Prints one line per cell: ok, SKIPPED with the reason, or FAILED. Mono runs the C# of Unity. Stand-ins with the names of
their macros and with their compile flags replace Unreal and godot-cpp. Godot 3.2 runs the node of Godot. A cell whose
tool is missing is skipped. With CI set in the environment, it fails. (Debian: clang emscripten g++ gcc godot3-server
mono-mcs mono-runtime nodejs)
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SINGLE = ROOT / "single_include"
INCLUDE = ROOT / "include"
WARNINGS = ["-Wall", "-Wextra", "-Wshadow", "-Wundef", "-Wno-unused-parameter", "-Werror"]


class Failure(Exception):
    pass


class Skipped(Exception):
    pass


def run(*command, **environment):
    command = [str(word) for word in command]
    if shutil.which(command[0]) is None:
        raise Skipped(f"{command[0]} is not there")
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          env={**os.environ, **environment})
    if done.returncode != 0:
        raise Failure(f"{shlex.join(command)}\nexit status {done.returncode}\n"
                      + done.stdout[:20000].decode(errors="replace"))
    return done.stdout


def run_and_compare(expected, *command):
    printed = run(*command)
    if printed != expected.read_bytes():
        raise Failure(f"{shlex.join(map(str, command))} printed, not as in {expected}:\n"
                      + printed.decode(errors="replace"))


def exported(library):
    """The names that a shared library gives to others."""
    return {line.split()[-1] for line in run("nm", "-D", "--defined-only", library).decode().splitlines()}


def unity_library(work, cxx):
    here = HERE / "unity"
    library = work / "libpresence_c.so"
    run(cxx, "-std=c++17", "-O2", "-fPIC", "-shared", "-fno-exceptions", "-fno-rtti", "-fvisibility=hidden",
        *WARNINGS, "-Wconversion", "-Wsign-conversion", "-Wold-style-cast", "-DPRESENCE_C_BUILD", "-I", SINGLE,
        here / "presence_c.cpp", f"-Wl,--version-script={here / 'presence_c.map'}", "-o", library)
    return library


def unity(work, cxx, cc):
    here = HERE / "unity"
    library = unity_library(work, cxx)
    program = work / "use_presence_c"
    run(cc, "-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Wconversion", "-Werror", here / "use_presence_c.c",
        library, f"-Wl,-rpath,{work}", "-o", program)
    run_and_compare(here / "use_presence_c.expected", program)

    declared = set(re.findall(r"^PRESENCE_C_API .*?(presence_client_\w+)\(", (here / "presence_c.h").read_text(), re.M))
    if exported(library) != declared:
        raise Failure(f"exported and declared differ in {sorted(exported(library) ^ declared)}")
    in_cs = set(re.findall(r"public static extern \w+ (\w+)\(", (here / "Presence.cs").read_text()))
    if in_cs != declared:
        raise Failure(f"Presence.cs and presence_c.h differ in {sorted(in_cs ^ declared)}")


def unity_cs(work):
    """The C# test, with a collection for every 64 KiB of garbage."""
    here = HERE / "unity"
    library = None
    for name, defined, environment in [
            ("shared", [], {"LD_LIBRARY_PATH": work}),
            # The functions are looked up in the process itself, as on iOS, where the library is part of the program.
            ("internal", ["-define:UNITY_IOS"], {"LD_PRELOAD": work / "libpresence_c.so"})]:
        program = work / f"{name}.exe"
        # -doc checks the comments. 1591: a public name without one.
        run("mcs", "-unsafe", "-warn:4", "-warnaserror", "-nowarn:1591", f"-doc:{work / 'presence.xml'}", *defined,
            here / "Presence.cs", here / "UsePresence.cs", f"-out:{program}")
        library = library or unity_library(work, "g++")
        printed = run("mono", "--debug", program, MONO_GC_PARAMS="nursery-size=64k", **environment)
        if not re.fullmatch(rb"[1-9][0-9]* checks passed\n", printed):
            raise Failure(f"{name}: the C# test printed {printed.decode(errors='replace')}")


UNREAL = ["-std=c++20", "-O2", "-fPIC", "-fno-exceptions", "-fno-rtti", "-fno-math-errno", "-fno-strict-aliasing",
          "-fvisibility-ms-compat", "-fvisibility-inlines-hidden", *WARNINGS, "-Wdelete-non-virtual-dtor"]


def unreal(work, sources):
    here = HERE / "unreal"
    program = work / "use_component"
    folders = [here / "stand_in", here / "Presence/Public", here / "Presence/Private", SINGLE]
    run("clang++", *UNREAL, *[f"-I{folder}" for folder in folders], *[here / source for source in sources],
        "-o", program)
    run_and_compare(here / "use_component.expected", program)


GODOT = ["-std=c++17", "-O2", "-fPIC", "-fno-exceptions", "-fvisibility=hidden", *WARNINGS, "-Wwrite-strings"]


def godot(work, cxx):
    here = HERE / "godot"
    folders = [f"-I{folder}" for folder in [here / "stand_in", here / "src", INCLUDE]]
    program = work / "use_client"
    run(cxx, *GODOT, *folders, "-c", here / "src/presence_client.cpp", "-o", work / "client.o")
    run(cxx, *GODOT, *folders, work / "client.o", here / "use_client.cpp", "-o", program)
    run_and_compare(here / "use_client.expected", program)
    # As an extension, it exports nothing and lacks nothing. Its entry point would be the only export.
    library = work / "libpresence.so"
    run(cxx, "-shared", "-Wl,-z,defs", work / "client.o", "-o", library)
    seen = sorted(name for name in exported(library) if re.search("[Pp]resence|godot", name))
    if seen:
        raise Failure(f"exported: {seen}")


def godot_3(work):
    """The node in a real engine, with a game in GDScript. GDNative is the C interface of Godot 3 for extensions."""
    here = HERE / "godot"
    if shutil.which("godot3-server") is None:
        raise Skipped("godot3-server is not there")
    project = work / "project"
    shutil.copytree(here / "gdnative/project", project)
    library = project / "libpresence.so"
    run("g++", *GODOT, "-O0", *[f"-I{folder}" for folder in [here / "stand_in", here / "src", INCLUDE]], "-shared",
        "-Wl,-z,defs", here / "src/presence_client.cpp", here / "gdnative/extension.cpp", "-o", library)
    home = work / "home"
    (home / "godot/app_userdata/presence/logs").mkdir(parents=True)  # the engine reports an error if it has to make it
    folders = {name: home for name in ["HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"]}
    printed = run("timeout", "20", "godot3-server", "--path", project, "-s", "main.gd", LANG="en_US.UTF-8",
                  **folders)
    expected = (here / "use_in_godot.expected").read_bytes()
    if re.sub(rb"\AGodot Engine v3[^\n]*\n \n", b"", printed) != expected:
        raise Failure(f"the project printed:\n{printed[:4000].decode(errors='replace')}")


# Emscripten 3.1.6 takes a node that knows fetch() for a browser unless it loads the file at once.
WEB = ["-O1", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror"]
WEB_LINK = ["-sWASM_ASYNC_COMPILATION=0"]


def web_example(work):
    run("em++", "-std=c++17", *WEB, *WEB_LINK, "-I", INCLUDE, ROOT / "tests/examples/friends.cpp",
        "-o", work / "friends.js")
    run_and_compare(ROOT / "tests/examples/friends.expected", "node", work / "friends.js")


def web_unity(work):
    here = HERE / "unity"
    run("emcc", "-std=c99", "-O1", "-DPRESENCE_C_STATIC", "-c", here / "use_presence_c.c", "-o", work / "use.o")
    run("em++", "-std=c++17", *WEB, *WEB_LINK, "-DPRESENCE_C_STATIC", "-I", SINGLE, here / "presence_c.cpp",
        work / "use.o", "-o", work / "use.js")
    run_and_compare(here / "use_presence_c.expected", "node", work / "use.js")


CELLS = {
    "unity, C interface, g++": lambda work: unity(work, "g++", "gcc"),
    "unity, C interface, clang++": lambda work: unity(work, "clang++", "clang"),
    "unity, C interface, wasm": web_unity,
    "unity, C#, mono": unity_cs,
    "unreal, file by file": lambda work: unreal(work, ["Presence/Private/PresenceComponent.cpp", "use_component.cpp"]),
    "unreal, jumbo file": lambda work: unreal(work, ["jumbo.cpp"]),
    "godot, g++": lambda work: godot(work, "g++"),
    "godot, clang++": lambda work: godot(work, "clang++"),
    "godot 3.2, GDNative": godot_3,
    "web, example in wasm": web_example,
}


def run_cell(cell):
    """What is to be said of it, and whether it is as it should be."""
    with tempfile.TemporaryDirectory() as work:
        try:
            cell(pathlib.Path(work))
            return "ok", True
        except Skipped as reason:
            if os.environ.get("CI"):
                return f"FAILED: {reason}, and CI is set", False
            return f"SKIPPED: {reason}", True
        except (Failure, OSError) as error:
            return f"FAILED: {error}", False


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="cells at a time (as many as processors)")
    parser.add_argument("only", nargs="?", default="", help="cells whose names have this in them (all)")
    options = parser.parse_args()

    cells = {name: cell for name, cell in CELLS.items() if options.only in name}
    if not cells:
        parser.error(f"no cell has {options.only!r} in its name")
    failed = False
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, (said, ok) in zip(cells, pool.map(run_cell, cells.values())):
            print(f"{name}: {said}", flush=True)
            failed = failed or not ok
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
