#!/usr/bin/env python3
"""Compiles every ```cpp block of the README against the single header and those beside it, runs it, and compares with the ```text block that follows.

usage: test_readme.py [COMPILER...]
"""
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
# <presence/presence.hpp> is the single header; those that it leaves out are found behind it.
HEADERS = [f"-I{ROOT / 'single_include'}", f"-I{ROOT / 'include'}"]


def main(compiler):
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```cpp\n(.*?)^```\n\s*^```text\n(.*?)^```$", readme, re.MULTILINE | re.DOTALL)
    if not blocks or len(blocks) != len(re.findall(r"^```cpp$", readme, re.MULTILINE)):
        sys.exit("README.md: a cpp block is followed by the text that it prints")
    for number, (code, expected) in enumerate(blocks, 1):
        with tempfile.TemporaryDirectory() as folder:
            source, program = pathlib.Path(folder, "example.cpp"), pathlib.Path(folder, "example")
            source.write_text(code, encoding="utf-8")
            subprocess.run([*compiler, "-std=c++17", "-Wall", "-Wextra", "-Werror", *HEADERS, source, "-o", program], check=True)
            printed = subprocess.run([program], check=True, capture_output=True, encoding="utf-8").stdout
        if printed != expected:
            sys.exit(f"README.md: example {number} prints\n{printed}\nand not\n{expected}")
        print(f"example {number}: as printed in README.md")


if __name__ == "__main__":
    main(sys.argv[1:] or ["c++"])
