#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks that the modules of the library include only what their faces say.

usage: modules.py [--list] [ROOT]

  --list    prints each module with its lines and what it includes, from the ground up, and checks nothing

A folder of include/presence is a module. Its face, <presence/NAME.hpp>, includes the module's public headers and has a
sentence "Includes `a` and `b`." that names the modules it builds on. An error is: an include of a module that the face
does not name; a module that is named and not used; modules, or headers, that include each other in a circle; an include
of a face from inside a module; a public header that the face leaves out; a folder of tests/unit that is no module.

Exit status: 0 when there is no error, 1 when there is one.
"""
import pathlib
import re
import sys

# What a header includes at its end if it does not only declare includes that header itself, to be complete alone.
BODIES = "_bodies.hpp"
INCLUDE = re.compile(r"^\s*#\s*include\s*<presence/([^>]+)>", re.MULTILINE)
STATED = re.compile(r"^/// Includes (.*?)\.(?: |$)", re.MULTILINE | re.DOTALL)


def read_headers(include):
    """{name below presence/: the names it includes}"""
    return {path.relative_to(include).as_posix(): INCLUDE.findall(without_comments(path.read_text(encoding="utf-8")))
            for path in sorted(include.rglob("*.hpp"))}


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def modules_in(include):
    return sorted(path.name for path in include.iterdir() if any(path.rglob("*.hpp")))


def module_of(header):
    return header.split("/")[0] if "/" in header else None


def stated_by(face):
    found = STATED.search(face)
    return None if found is None else set(re.findall(r"`(\w+)`", found[1]))


def circle_in(arrows):
    """The first circle in {name: names}, as a list that ends as it begins; else None."""
    done, way = set(), []

    def visit(name):
        if name in way:
            return way[way.index(name):] + [name]
        if name in done:
            return None
        way.append(name)
        for other in sorted(arrows.get(name, ())):
            found = visit(other)
            if found:
                return found
        way.pop()
        done.add(name)
        return None

    for name in arrows:
        found = visit(name)
        if found:
            return found
    return None


def errors_in(root):
    include = root / "include" / "presence"
    headers = read_headers(include)
    modules = modules_in(include)
    stated = {}
    for module in modules:
        face = f"{module}.hpp"
        if face not in headers:
            yield f"{module}/ has no face <presence/{face}>"
            continue
        names = stated_by((include / face).read_text(encoding="utf-8"))
        if names is None:
            yield f"{face}: no sentence says what the module includes"
        stated[module] = names or set()
        parts = {header for header in headers if module_of(header) == module and "/detail/" not in header}
        for part in sorted(parts - set(headers[face])):
            yield f"{face}: leaves out <presence/{part}>"

    used = {module: set() for module in modules}
    for header, included in headers.items():
        module = module_of(header)
        for other in included:
            if other not in headers:
                yield f"{header}: there is no <presence/{other}>"
            if module is None:
                continue
            target = module_of(other)
            if target is None and other.removesuffix(".hpp") in modules:
                yield f"{header}: includes <presence/{other}>, a face, from inside a module"
            if target is None or target == module:
                continue
            used[module].add(target)
            if target not in stated.get(module, set()):
                yield f"{header}: includes <presence/{other}>, and {module}.hpp does not name `{target}`"
    for module, names in stated.items():
        for name in sorted(names - used[module]):
            yield f"{module}.hpp: names `{name}`, which no header of the module includes"
    arrows_down = {header: [other for other in included if not other.endswith(BODIES)] for header, included in headers.items()}
    for what, arrows in (("modules", stated), ("headers", arrows_down)):
        circle = circle_in(arrows)
        if circle:
            yield f"{what} in a circle: {' -> '.join(circle)}"
    units = root / "tests" / "unit"
    for folder in sorted(path for path in units.iterdir() if path.is_dir()) if units.is_dir() else []:
        if folder.name not in modules and folder.name != "__pycache__":
            yield f"tests/unit/{folder.name}: there is no such module"


def show(root):
    include = root / "include" / "presence"
    modules = {name: stated_by((include / f"{name}.hpp").read_text(encoding="utf-8")) for name in modules_in(include)}
    left = dict(modules)
    while left:
        ready = sorted(name for name, names in left.items() if not names & set(left))
        if not ready:
            sys.exit("modules in a circle")
        for name in ready:
            files = sorted((include / name).rglob("*.hpp"))
            lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in files)
            internal = sum(1 for path in files if "/detail/" in path.as_posix())
            print(f"{name:10} {len(files) - internal:2} public and {internal:2} internal headers, {lines:5} lines;"
                  f" includes {', '.join(sorted(modules[name])) or 'nothing'}")
            del left[name]


def main(arguments):
    is_list = "--list" in arguments
    roots = [argument for argument in arguments if argument != "--list"]
    root = pathlib.Path(roots[0]) if roots else pathlib.Path(__file__).resolve().parents[2]
    if is_list:
        show(root)
        return 0
    errors = list(errors_in(root))
    print("\n".join(errors) or "modules: all includes are as their faces say")
    return 1 if errors else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
