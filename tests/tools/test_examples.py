#!/usr/bin/env python3
"""Compiles the examples that stand in the comments of the public headers, and runs them. Each header has at least one.

usage: test_examples.py [COMPILER...]

An example is what stands in a /// comment between @code and @endcode. One with an `int main(` is a program as it
stands, behind an include of its header unless it includes a header of the library itself. Any other is the body of
main, behind a `using namespace presence`; its lines that begin with # go to the top of the file in their order, and
the include of its header follows them. <cassert> is always included. What the compiler and assert say names the line of
the header.

Examples that include <nlohmann/...> are skipped where the compiler does not find it, but where CI is set that fails.
"""
import collections
import multiprocessing.pool
import os
import pathlib
import re
import subprocess
import sys
import tempfile

import list_headers

ROOT = pathlib.Path(__file__).resolve().parents[2]
OPTIONS = ["-std=c++17", "-UNDEBUG", "-Wall", "-Wextra", "-Werror", f"-I{ROOT / 'include'}"]
GUESTS = re.compile(r"^\s*#include <(nlohmann/.+)>", re.MULTILINE)

Example = collections.namedtuple("Example", "header line code")


def examples_of(header):
    """The examples of a header, with the line of the first of their own."""
    lines = header.read_text(encoding="utf-8").splitlines()
    found, begin = [], None
    for number, line in enumerate(lines, 1):
        if re.fullmatch(r"\s*/// @code", line):
            begin = number + 1
        elif begin is not None and re.fullmatch(r"\s*/// @endcode", line):
            code = [inside.replace("///", "   ", 1) for inside in lines[begin - 1:number - 1]]
            found.append(Example(header.relative_to(ROOT / "include").as_posix(), begin, code))
            begin = None
    if begin is not None:
        sys.exit(f"{header.relative_to(ROOT)}:{begin - 1}: there is no @endcode")
    return found


def program_of(example):
    header, begin, code = example
    numbered = [(f'#line {number} "include/{header}"', line) for number, line in enumerate(code, begin)]
    include = f"#include <{header}>"
    if any("int main(" in line for line in code):
        is_included = any(line.lstrip().startswith("#include <presence/") for line in code)
        top = [] if is_included else [include]
        body = [numbered[0][0], *code]
    else:
        directives = [line for line in numbered if line[1].lstrip().startswith("#")]
        rest = ["" if line.lstrip().startswith("#") else line for line in code]
        top = [*(text for line in directives for text in line), include]
        body = ["int main() {", "using namespace presence;", numbered[0][0], *rest, "}"]
    return "\n".join(["#include <cassert>", *top, *body]) + "\n"


def run(*command):
    """What the command says if it fails, else nothing."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          encoding="utf-8", errors="backslashreplace")
    return "" if done.returncode == 0 else f"{done.stdout}exit status {done.returncode}\n"


def missing_guest(compiler, example):
    """A header that the example includes of somebody else, and that is not there."""
    guests = GUESTS.findall("\n".join(example.code))
    check = [*compiler, "-fsyntax-only", "-x", "c++", os.devnull]
    return next((guest for guest in guests if run(*check, "-include", guest)), None)


def judge(compiler, example):
    """What is wrong with an example, or why it was skipped; each may be empty."""
    guest = missing_guest(compiler, example)
    if guest is not None:
        return (f"<{guest}> is missing\n", "") if os.environ.get("CI") else ("", f"<{guest}> is missing")
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder, "example.cpp"), pathlib.Path(folder, "example")
        source.write_text(program_of(example), encoding="utf-8")
        return run(*compiler, *OPTIONS, source, "-o", program) or run(program), ""


def main(compiler):
    public = [list_headers.INCLUDE / header for header in list_headers.public_headers()]
    # The face of a module has nothing of its own to show.
    headers = [header for header in public if not header.with_suffix("").is_dir()]
    if len(headers) < 20:
        sys.exit(f"only {len(headers)} public headers were found")
    examples = [examples_of(header) for header in headers]
    pool = multiprocessing.pool.ThreadPool(os.cpu_count())
    results = [pool.apply_async(judge, (compiler, example)) for found in examples for example in found]
    is_wrong = False
    for header, found in zip(headers, examples):
        shown = f"{header.relative_to(ROOT)}:"
        if not found:
            print(shown, "there is no example", flush=True)
            is_wrong = True
        for example in found:
            wrong, skipped = results.pop(0).get()
            says = f"wrong\n{wrong}" if wrong else f"SKIPPED, {skipped}" if skipped else "as it says"
            print(f"{shown}{example.line}: {says}", flush=True)
            is_wrong |= bool(wrong)
    return 1 if is_wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:] or ["c++"]))
