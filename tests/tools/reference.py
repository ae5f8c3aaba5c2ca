#!/usr/bin/env python3
"""Expects a comment at the declaration of everything public: doxygen is asked what has none, and what it cannot read.

usage: reference.py [--output DIR]

  --output DIR   also makes the API reference: a folder of HTML that begins with DIR/index.html

What doxygen reads is a copy of the public headers in which each module is a group, the comment of a header is that of
its file, and the inline namespace is left out, as users leave it out. Line numbers are those of the headers.

Comparisons but for == may go without: they follow from it, or from what a comment says of the group they stand in. So
may whatever is deleted or defaulted. `/// @{` and `/// @}` stand around declarations that share one comment. Macros are
public unless they guard a header or are undefined again.

Exit status: 0 when all is documented, 1 when something is not. Without doxygen it is skipped, but where CI is set that
fails.
"""
import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

import amalgamate
import list_headers

ROOT = pathlib.Path(__file__).resolve().parents[2]
PUBLIC = ROOT / "include/presence"

DOXYFILE = r"""
ALIASES = in{1}="@ingroup \1 ^^ "
PROJECT_NAME = presence
INPUT = .
FILE_PATTERNS = *.hpp *.dox
RECURSIVE = YES
EXCLUDE_SYMBOLS = presence::detail
MACRO_EXPANSION = YES
EXPAND_ONLY_PREDEF = YES
PREDEFINED = __cpp_exceptions PRESENCE_DETAIL_APART= PRESENCE_DETAIL_FLAT= PRESENCE_DETAIL_RARE=
EXTRACT_ALL = NO
DISTRIBUTE_GROUP_DOC = YES
JAVADOC_AUTOBRIEF = YES
MULTILINE_CPP_IS_BRIEF = NO
SORT_BRIEF_DOCS = NO
BUILTIN_STL_SUPPORT = YES
HIDE_FRIEND_COMPOUNDS = YES
HAVE_DOT = NO
SHOW_INCLUDE_FILES = NO
SOURCE_BROWSER = NO
VERBATIM_HEADERS = NO
STRIP_FROM_PATH = include
STRIP_FROM_INC_PATH = include
GENERATE_TREEVIEW = NO
HTML_TIMESTAMP = NO
GENERATE_LATEX = NO
GENERATE_XML = YES
XML_PROGRAMLISTING = NO
QUIET = YES
WARN_IF_UNDOCUMENTED = YES
WARN_IF_DOC_ERROR = YES
WARN_FORMAT = "$file:$line: $text"
WARN_AS_ERROR = NO
"""
# Headers of no module.
OTHER = "other", "Other headers", "The version, the configuration, and the headers that presence.hpp leaves out."
TOLERATED = re.compile(r": Member operator(!=|<=?|>=?)\(.* is not documented\.$")


def is_documented(element):
    return any("".join(element.find(kind).itertext()).strip()
               for kind in ("briefdescription", "detaileddescription") if element.find(kind) is not None)


def is_public_macro(macro):
    return is_public_name(macro.findtext("name"), list_headers.INCLUDE / macro.find("location").get("file"))


def is_public_name(macro, header):
    return not macro.endswith("_HPP") and f"#undef {macro}\n" not in header.read_text(encoding="utf-8")


def is_tolerated(warning):
    macro = re.match(r"(\S+?):\d+: warning: Member (\w+)(?:\(.*\))? \(macro definition\) ", warning)
    return TOLERATED.search(warning) or macro and not is_public_name(macro[2], ROOT / macro[1])


def groups_without_comment():
    """Doxygen would give these the comment of what follows them."""
    for header in map(list_headers.INCLUDE.joinpath, list_headers.public_headers()):
        lines = [line.strip() for line in header.read_text(encoding="utf-8").splitlines()]
        for number, (line, following) in enumerate(zip(lines, lines[1:]), 1):
            if line == "/// @{" and not re.match(r"/// \w", following):
                yield f"{header.relative_to(ROOT)}:{number}: This group does not begin with a comment."


def module_of(header):
    """The name of a group."""
    parts = header.split("/")
    name = parts[1] if len(parts) > 2 else parts[1].removesuffix(".hpp")
    return name if (PUBLIC / name).is_dir() else OTHER[0]


def for_doxygen(header, text):
    """The header as doxygen should see it, with the same lines."""
    module = module_of(header)
    # The first sentence of a comment, which lists show, does not end at an abbreviation.
    lines = [line.replace("et al. ", "et al.\\ ") for line in text.splitlines()]
    lines = ["" if "namespace PRESENCE_ABI" in line else line for line in lines]
    for number, line in enumerate(lines[1:], 1):
        before = lines[number - 1]
        if not re.match(r"/// \w", line) or re.match(r"///(?! @{)", before):
            continue
        end = next(at for at in range(number, len(lines)) if not lines[at].startswith("///"))
        if line.startswith("/// Internal:"):
            lines[number - 1] = "/// @cond"
            lines[lines.index("/// @}", number)] = "/// @endcond"
        elif lines[end].startswith(("namespace presence {", "#include")):
            is_face = header == f"presence/{module}.hpp"
            lines[number - 1] = f"/// @defgroup {module} Module {module}" if is_face else f"/// @file {header}"
        elif not before:
            lines[number - 1] = f"/// @ingroup {module}"
        else:
            lines[number] = f"/// @in{{{module}}}{line[4:]}"
    return "\n".join([*lines, ""])


def overview():
    """What the reference says of the library as a whole."""
    other, title, text = OTHER
    modules = sorted({module_of(header) for header in list_headers.public_headers()} - {other})
    listed = "\n".join(f"/// - @ref {module}" for module in [*modules, other])
    return f"""/// @mainpage
/// A header-only C++17 library for user presence: who is online and how available, what they are doing, what they say
/// about themselves, and when they were last active.
///
/// Begin with one of these:
/// - @ref presence::Store "Store": presence, channels, watches and callbacks of one process.
/// - @ref presence::Snapshot "Snapshot": the presence of all users at one point in time, as an immutable value.
/// - @ref presence::PresenceEvent "PresenceEvent": what a user or a session did.
/// - @ref presence::Filter "Filter": which users, channels or objects of your own a query finds.
///
/// `#include <presence/presence.hpp>` includes all modules but `replica`:
{listed}
///
/// @namespace presence
/// All names of the library.
///
/// @defgroup {other} {title}
/// {text}
"""


def stage(folder):
    """Writes what doxygen is to read."""
    for header in list_headers.public_headers():
        path = folder / "include" / header
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(for_doxygen(header, (list_headers.INCLUDE / header).read_text(encoding="utf-8")), encoding="utf-8")
    (folder / "overview.dox").write_text(overview(), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", metavar="DIR", type=pathlib.Path)
    output = parser.parse_args().output
    doxygen = shutil.which("doxygen")
    if doxygen is None:
        print("SKIPPED: doxygen is missing (Debian: apt-get install doxygen)")
        return 1 if os.environ.get("CI") else 0
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary)
        stage(folder)
        config = DOXYFILE + f"PROJECT_NUMBER = {amalgamate.version(ROOT)}\nGENERATE_HTML = {'YES' if output else 'NO'}\n"
        done = subprocess.run([doxygen, "-"], input=config, capture_output=True, encoding="utf-8", cwd=folder)
        if output:
            shutil.copytree(folder / "html", output, dirs_exist_ok=True)
        pages = [xml.etree.ElementTree.parse(file).getroot() for file in pathlib.Path(folder, "xml").glob("*.xml")
                 if file.name not in ("index.xml", "Doxyfile.xml")]
    said = done.stderr.replace(f"{folder.resolve()}/", "").splitlines()
    wrong = [line for line in said if line and not is_tolerated(line)]
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
        place = f"include/{member.find('location').get('file')}:{member.find('location').get('line')}"
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
