#!/usr/bin/env python3
"""Compiles what must not compile, and looks for the reason in what the compiler says.

usage: test_must_not_compile.py [COMPILER...]

Each file of must_not_compile/ is one mistake. Its first line, `// expect: TEXT`, is a part of what every compiler says of
it. control.cpp is the same without the mistakes, and compiles. Each is tried with every compiler that is there, g++ and
clang++ unless others are named, in C++17 and C++20.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MISTAKES = pathlib.Path(__file__).resolve().parent / "must_not_compile"
EXPECTED = re.compile(r"// expect: (\S.*)")
STANDARDS = ["c++17", "c++20"]


def compile_file(compiler, standard, source):
    command = [compiler, f"-std={standard}", "-fsyntax-only", f"-I{ROOT / 'include'}", str(source)]
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def problem_of(compiler, standard, source):
    """None: all is as it should be."""
    where = f"{source.name} with {compiler} -std={standard}"
    expected = EXPECTED.match(source.read_text(encoding="utf-8"))
    status, output = compile_file(compiler, standard, source)
    if source.name == "control.cpp":
        return None if status == 0 else f"{where}: should compile:\n{output}"
    if expected is None:
        return f"{source.name}: the first line does not say what to expect"
    if status == 0:
        return f"{where}: compiles"
    errors = "\n".join(line for line in output.splitlines() if "error:" in line)
    if expected[1] not in errors:
        return f"{where}: \"{expected[1]}\" is not in:\n{output}"
    return None


def main(compilers):
    found = [compiler for compiler in compilers or ["g++", "clang++"] if shutil.which(compiler)]
    if not found:
        sys.exit("none of the compilers is there")
    sources = sorted(MISTAKES.glob("*.cpp"))
    control = MISTAKES / "control.cpp"
    if control not in sources or len(sources) < 2:
        sys.exit(f"{MISTAKES}: there is nothing to try")
    sources.remove(control)
    problems = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for batch in [[control], sources]:  # what must not compile means nothing where nothing does
            tries = [pool.submit(problem_of, compiler, standard, source)
                     for source in batch for compiler in found for standard in STANDARDS]
            for problem in (one.result() for one in tries):
                if problem is not None:
                    problems += 1
                    print(problem)
            if problems:
                sys.exit(1)
    print(f"{len(sources)} mistakes are refused by {' and '.join(found)}")


if __name__ == "__main__":
    main(sys.argv[1:])
