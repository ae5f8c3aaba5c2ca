#!/usr/bin/env python3
"""Checks what the pages of the project (README.md and every README.md below it) show.

- Each ```cpp block is compiled against the single header and those beside it, and run. Its output is the ```text block
  that follows it. All but those that set options of the library share one file that has its bodies.
- Each row of the guide's table of defaults is what Rules has.
- Each link to a file of the project, and to a heading of a page, leads somewhere.

usage: test_readme.py [COMPILER...]
"""
import multiprocessing.pool
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
# <presence/presence.hpp> is the single header; those that it leaves out are found behind it.
HEADERS = [f"-I{ROOT / 'single_include'}", f"-I{ROOT / 'include'}"]
FLAGS = ["-std=c++17", "-Wall", "-Wextra", "-Werror", *HEADERS]
SEPARATE = ["-DPRESENCE_SEPARATE=1"]
OPTION = re.compile(r"^#define PRESENCE_", re.MULTILINE)
GUIDE = ROOT / "include/presence/README.md"
PROGRAM = re.compile(r"^```cpp\n(.*?)^```\n\s*^```text\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
DEFAULT = re.compile(r"^\| `(\w+)` \| ([^|]+) \|", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")


bodies_are_compiled = threading.Lock()


def pages():
    found = [ROOT / "README.md", *ROOT.glob("include/**/*.md"), *ROOT.glob("tests/**/*.md")]
    return [page for page in sorted(found) if "node_modules" not in page.parts]


def bodies(compiler, folder):
    """The object file of the bodies, which only the first call compiles."""
    made = pathlib.Path(folder, "bodies.o")
    with bodies_are_compiled:
        if not made.exists():
            source = pathlib.Path(folder, "bodies.cpp")
            source.write_text("#define PRESENCE_IMPLEMENTATION\n#include <presence/presence.hpp>\n", encoding="utf-8")
            subprocess.run([*compiler, *FLAGS, *SEPARATE, "-c", source, "-o", made], check=True)
    return made


def compile_and_run(compiler, code, shared):
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder, "example.cpp"), pathlib.Path(folder, "example")
        source.write_text(code, encoding="utf-8")
        options, objects = [], []
        if not OPTION.search(code):
            options, objects = SEPARATE, [bodies(compiler, shared)]
        subprocess.run([*compiler, *FLAGS, *options, source, *objects, "-o", program], check=True)
        return subprocess.run([program], check=True, capture_output=True, encoding="utf-8").stdout


def programs_of(page, text):
    programs = PROGRAM.findall(text)
    if len(programs) != len(re.findall(r"^```cpp$", text, re.MULTILINE)):
        sys.exit(f"{page}: a cpp block is followed by the text that it prints")
    return [(page, number, code, expected) for number, (code, expected) in enumerate(programs, 1)]


def check_program(compiler, shared, page, number, code, expected):
    printed = compile_and_run(compiler, code, shared)
    if printed != expected:
        raise RuntimeError(f"{page}: program {number} prints\n{printed}\nand not\n{expected}")
    print(f"{page.relative_to(ROOT)}: program {number} prints what is shown")


def expression(value):
    """The C++ expression of a default as the guide writes it."""
    seconds = re.fullmatch(r"(\d+) s", value)
    if seconds:
        return f"Duration::from_s({seconds[1]})"
    return "Duration::highest()" if value == "never" else value


def check_defaults(compiler, shared):
    table = DEFAULT.findall(GUIDE.read_text(encoding="utf-8"))
    members = re.findall(r"^  (?:bool|Duration|std::uint\d+_t) (\w+) = ", (ROOT / "include/presence/model/rules.hpp").read_text(), re.MULTILINE)
    missing = set(members) - {name for name, _ in table}
    if missing or not members:
        sys.exit(f"{GUIDE}: the table of defaults lacks {', '.join(sorted(missing))}")
    checks = "".join(f'static_assert(presence::Rules().{name} == {expression(value.strip())}, "{name}");\n'
                     for name, value in table if name in members)
    compile_and_run(compiler, f"#include <presence/presence.hpp>\nusing presence::Duration;\n{checks}int main() {{}}\n",
                    shared)
    print(f"{GUIDE.relative_to(ROOT)}: {len(members)} defaults are those of Rules")


def anchors(page):
    """The anchors that the headings of a page get where it is shown."""
    text = FENCED.sub("", page.read_text(encoding="utf-8"))
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def check_links(page, text):
    for target in LINK.findall(FENCED.sub("", text)):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            sys.exit(f"{page}: {target} does not exist")
        if anchor and anchor not in anchors(file):
            sys.exit(f"{page}: {file} has no heading for #{anchor}")


def main(compiler):
    programs = []
    for page in pages():
        text = page.read_text(encoding="utf-8")
        check_links(page, text)
        programs += programs_of(page, text)
    if not programs:
        sys.exit("no page has a program")
    with tempfile.TemporaryDirectory() as shared:
        with multiprocessing.pool.ThreadPool(os.cpu_count()) as pool:
            try:
                pool.starmap(check_program, [(compiler, shared, *program) for program in programs], chunksize=1)
            except RuntimeError as error:
                sys.exit(str(error))
        check_defaults(compiler, shared)


if __name__ == "__main__":
    main(sys.argv[1:] or ["c++"])
