#!/usr/bin/env python3
"""Expects a comment at the declaration of everything public: doxygen is asked what has none, and what it cannot read.

Comparisons but for == may go without: they follow from it, or from what a comment says of the group they stand in. So
may whatever is deleted or defaulted. `/// @{` and `/// @}` stand around declarations that share one comment. Macros are
public unless they guard a header or are undefined again.

Exit status: 0 when all is documented, 1 when something is not. Without doxygen it is skipped, but where CI is set that
fails.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import list_headers

ROOT = pathlib.Path(__file__).resolve().parents[2]
PUBLIC = ROOT / "include/presence"
INLINE_NAMESPACE = "abi"

DOXYFILE = f"""
INPUT = {PUBLIC}
FILE_PATTERNS = *.hpp
RECURSIVE = YES
EXCLUDE_PATTERNS = */detail/*
EXCLUDE_SYMBOLS = presence::detail presence::{INLINE_NAMESPACE}::detail
MACRO_EXPANSION = YES
EXPAND_ONLY_PREDEF = YES
PREDEFINED = PRESENCE_ABI={INLINE_NAMESPACE} __cpp_exceptions
STRIP_FROM_PATH = {ROOT}
EXTRACT_ALL = NO
DISTRIBUTE_GROUP_DOC = YES
GENERATE_HTML = NO
GENERATE_LATEX = NO
GENERATE_XML = YES
XML_PROGRAMLISTING = NO
QUIET = YES
WARN_IF_UNDOCUMENTED = YES
WARN_IF_DOC_ERROR = YES
WARN_FORMAT = "$file:$line: $text"
WARN_AS_ERROR = NO
"""
TOLERATED = re.compile(r": Member operator(!=|<=?|>=?)\(.* is not documented\.$")


def is_documented(element):
    return any("".join(element.find(kind).itertext()).strip()
               for kind in ("briefdescription", "detaileddescription") if element.find(kind) is not None)


def is_public_macro(macro):
    name = macro.findtext("name")
    text = (ROOT / macro.find("location").get("file")).read_text(encoding="utf-8")
    return not name.endswith("_HPP") and f"#undef {name}\n" not in text


def groups_without_comment():
    """Doxygen would give these the comment of what follows them."""
    for header in map(list_headers.INCLUDE.joinpath, list_headers.public_headers()):
        lines = [line.strip() for line in header.read_text(encoding="utf-8").splitlines()]
        for number, (line, following) in enumerate(zip(lines, lines[1:]), 1):
            if line == "/// @{" and not re.match(r"/// \w", following):
                yield f"{header.relative_to(ROOT)}:{number}: This group does not begin with a comment."


def main():
    doxygen = shutil.which("doxygen")
    if doxygen is None:
        print("SKIPPED: doxygen is missing (Debian: apt-get install doxygen)")
        return 1 if os.environ.get("CI") else 0
    with tempfile.TemporaryDirectory() as folder:
        config = DOXYFILE + f"OUTPUT_DIRECTORY = {folder}\n"
        done = subprocess.run([doxygen, "-"], input=config, capture_output=True, encoding="utf-8", cwd=ROOT)
        pages = [xml.etree.ElementTree.parse(file).getroot() for file in pathlib.Path(folder, "xml").glob("*.xml")
                 if file.name not in ("index.xml", "Doxyfile.xml")]
    said = done.stderr.replace(f"{INLINE_NAMESPACE}::", "").replace(f"{ROOT}/", "").splitlines()
    wrong = [line for line in said if not TOLERATED.search(line)]
    if done.returncode != 0:
        wrong.append(f"doxygen: exit status {done.returncode}")

    compounds = [compound for page in pages for compound in page.findall("compounddef")
                 if compound.get("prot") == "public"]
    members = {member.get("id"): member for page in pages for member in page.iter("memberdef")
               if member.get("prot") == "public"}
    # Of these doxygen says nothing.
    wrong.extend(groups_without_comment())
    values = []
    for member in members.values():
        place = f"{member.find('location').get('file')}:{member.find('location').get('line')}"
        for value in member.findall("enumvalue"):
            values.append(value)
            if not is_documented(value):
                wrong.append(f"{place}: Enumerator {member.findtext('name')}::{value.findtext('name')} is not documented.")
        if member.get("kind") == "define" and is_public_macro(member) and not is_documented(member):
            wrong.append(f"{place}: Macro {member.findtext('name')} is not documented.")

    count = sum(map(is_documented, [*compounds, *members.values(), *values]))
    if not count:
        wrong.append("doxygen found nothing")
    for line in sorted(set(wrong)):
        print(line)
    if not wrong:
        print(f"{count} names are documented")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
