#!/usr/bin/env python3
"""Compiles what must not compile, and looks for the reason in what the compiler says.

usage: test_must_not_compile.py [COMPILER...]

Each file of must_not_compile/ is one mistake. Its first line, `// expect: TEXT`, is a part of an error of every compiler;
where compilers say it differently, the texts stand behind each other with ` | ` between them. Behind it may follow
`// within the first lines`: the text, which may be in a note too, is then in the first 8 lines of what the compiler says;
and `// options: OPTION...`, for the compiler. control.cpp is the same without the mistakes, and compiles; so does each file
that has a control of its own, where CONTROL is defined.

With CI=1 each is tried with g++ in C++17 and with clang++ in C++20; otherwise with the compilers that are named, or c++,
in C++17.
"""
import concurrent.futures
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
MISTAKES = pathlib.Path(__file__).resolve().parent / "must_not_compile"
EXPECTED = re.compile(r"// expect: (\S.*)")
OPTIONS = re.compile(r"^// options: (\S.*)", re.MULTILINE)
EARLY = re.compile(r"^// within the first lines$", re.MULTILINE)
FIRST_LINES = 8


def compile_text(compiler, standard, source, *options):
    command = [*compiler, f"-std={standard}", "-fsyntax-only", f"-I{ROOT / 'include'}", *options]
    done = subprocess.run([*command, str(source)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def precompile(folder, compiler, standard):
    """The option that includes the whole library, which is compiled once for all files without options. The files whose
    message must be early do without, because such a message does not list the includes."""
    is_clang = any("clang" in word for word in compiler)
    header = pathlib.Path(folder, f"{'clang' if is_clang else 'gcc'}-{standard}.hpp")
    header.write_text("#include <presence/presence.hpp>\n", encoding="utf-8")
    output = header.with_suffix(".hpp.pch" if is_clang else ".hpp.gch")
    subprocess.run([*compiler, f"-std={standard}", f"-I{ROOT / 'include'}", "-x", "c++-header", str(header), "-o", str(output)],
                   stdin=subprocess.DEVNULL, check=True)
    return ["-include-pch", str(output)] if is_clang else ["-include", str(header)]


def problem_of(compiler, standard, precompiled, source):
    """None: all is as it should be."""
    where = f"{source.name} with {' '.join(compiler)} -std={standard}"
    text = source.read_text(encoding="utf-8")
    expected = EXPECTED.match(text)
    is_control = source.name == "control.cpp"
    options = OPTIONS.search(text)
    options = options[1].split() if options else []
    if is_control or "CONTROL" in text:
        status, output = compile_text(compiler, standard, source, "-DCONTROL", *(options or precompiled))
        if status != 0:
            return f"{where}: should compile without the mistake:\n{output}"
        if is_control:
            return None
    if expected is None:
        return f"{source.name}: the first line does not say what to expect"
    is_early = EARLY.search(text)
    status, output = compile_text(compiler, standard, source, *(options or ([] if is_early else precompiled)))
    if status == 0:
        return f"{where}: compiles"
    lines = output.splitlines()
    if is_early:
        lines = lines[:FIRST_LINES]
    else:
        lines = [line for line in lines if "error:" in line]
    if not any(one in "\n".join(lines) for one in expected[1].split(" | ")):
        return f"{where}: \"{expected[1]}\" is not {'early enough ' if is_early else ''}in:\n{output}"
    return None


def main(named):
    everything = os.environ.get("CI") == "1"
    compilers = [("g++",), ("clang++",)] if everything else [tuple(named or ["c++"])]
    compilers = [compiler for compiler in compilers if shutil.which(compiler[0])]
    if not compilers:
        sys.exit("none of the compilers is there")
    standard_of = {"clang++": "c++20"} if everything else {}
    kinds = [(compiler, standard_of.get(compiler[0], "c++17")) for compiler in compilers]
    sources = sorted(MISTAKES.glob("*.cpp"))
    control = MISTAKES / "control.cpp"
    if control not in sources or len(sources) < 2:
        sys.exit(f"{MISTAKES}: there is nothing to try")
    sources.remove(control)
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        kinds = list(pool.map(lambda kind: (*kind, precompile(folder, *kind)), kinds))
        for batch in [[control], sources]:  # what must not compile means nothing where nothing does
            tries = [pool.submit(problem_of, *kind, source) for source in batch for kind in kinds]
            problems = [problem for problem in (one.result() for one in tries) if problem is not None]
            if problems:
                sys.exit("\n".join(problems))
    print(f"{len(sources)} mistakes are refused by {len(kinds)} kinds of compiler and standard")


if __name__ == "__main__":
    main(sys.argv[1:])
