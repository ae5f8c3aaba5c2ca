#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Builds debugged.cpp, stops it in gdb, and compares what presence_gdb.py shows with what is expected.

usage: test_gdb.py [--options='-g -O0' ...] [COMPILER...]

Checks presence.natvis too: that it is well-formed, and that gdb finds a type for each of its expressions. Without gdb
it is skipped (77), but where CI is set it fails.
"""
import argparse
import difflib
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

try:
    import gdb  # this file is run by gdb too
except ImportError:
    gdb = None

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SKIPPED = 77
# The second has another inline namespace.
OPTIONS = ["-g -O0", "-g -Og '-DPRESENCE_ALLOC(bytes,alignment)=::operator new(bytes)' "
           "'-DPRESENCE_FREE(pointer,bytes,alignment)=::operator delete(pointer)'"]



def at(second):
    return f"2019-01-07T13:17:{42 + second}.000Z"


AT = at(0)
# The order is that of the hashes.
FEW = [
    f'["everything"] = reports online {at(3)}; session "s0" connect {at(0)}; session "s1" connect {at(1)}; session "s2" connect {at(2)}; '
    f'session "s3" connect {at(3)}; active {at(0)}, {at(1)}, {at(2)}, {at(3)}; invisible from {at(0)}, '
    f'visible from {at(1)}, invisible from {at(2)}, visible from {at(3)}; status "status 3" from {at(3)}; '
    f'reported at {at(3)}',
    f'["late"] = session "s" alive {at(4)}; active 2019-01-07T13:15:00.000Z (known at {at(4)})',
    f'["john"] = session "phone" alive {at(5)} since {at(0)}; active {at(0)}',
    f'["mary"] = session "a session with a long id" connect {at(0)}; active {at(0)}; invisible from {at(0)}; '
    f'status "not seen" from {at(0)}',
    f'["many"] = session "s0" connect {at(0)}; session "s1" connect {at(1)} disconnect {at(2)}, {at(3)}, {at(4)}; '
    f'session "s2" connect {at(2)}; active {at(0)}, {at(1)}, {at(2)}',
    f'["a user with a long id"] = status "a status that is long" from {at(2)}',
    f'["told"] = reports offline {at(1)}; status "told so" from {at(1)}; data complete at {at(1)}; reported at {at(1)}; '
    f'reported active 2019-01-07T13:16:42.000Z at {at(1)}',
]
ROW = f'session "phone" connect {at(0)}; active {at(0)}; status "a status that is long" from {at(1)} until 2019-01-07T13:18:42.000Z; removed up to {at(-1)}'
AVAILABLE = (
    f'reports online {at(3)} offline {at(4)} says available activity none from {at(3)} by a connect; session "phone" alive 2019-01-07T13:19:32.000Z since '
    f'2019-01-07T13:19:22.000Z disconnect {at(5)} says busy priority 3 from 2019-01-07T13:19:22.000Z active '
    f'2019-01-07T13:19:32.000Z earlier {at(0)} to 2019-01-07T13:18:22.000Z held until 2019-01-07T13:21:02.000Z; '
    f'active {at(0)}; status "" from {at(3)}; chose away at {at(2)} until 2019-01-07T13:18:42.000Z; data complete at {at(3)}; reported at {at(4)}'
)
RICH = (
    f'reports online {at(-5)} says available activity none from {at(-5)} by a connect; session "desk" alive {at(1)} activity none from {at(1)}; '
    f'session "phone" connect {at(0)} activity {{"map": "harbour"}} from {at(0)} by a connect; active {at(0)}; status "" from {at(-5)}; '
    f'data "image": "https://x" from {at(2)}, "level": 7 from {at(3)}, "team": "red" from {at(-5)}, "name" removed at {at(4)}, complete at {at(-5)}; '
    f'reported at {at(-5)}'
)
MATCH = '{"map": "harbour", "players": [1, 2]}'
EXPECTED = {
    "timestamps.usual": AT,
    "timestamps.fraction": "2019-01-07T13:17:42.375Z",
    "timestamps.us": "2019-01-07T13:17:42.000001Z",
    "timestamps.ns": "2019-01-07T13:17:42.000000007Z",
    "timestamps.old": "1969-12-31T23:59:59.999999999Z",
    "timestamps.oldest": "1677-09-21T00:12:43.145224193Z",
    "timestamps.lowest": "lowest",
    "timestamps.highest": "highest",
    "durations.seconds": "40 s",
    "durations.fraction": "1.5 s",
    "durations.ns": "250 ns",
    "durations.us": "1.5 us",
    "durations.ms": "-20 ms",
    "durations.zero": "0 s",
    "durations.highest": "highest",
    "durations.longest_past": "-9223372036.854775808 s",
    "users.john": f'"john" online, status "At lunch", last active {AT}',
    "users.unknown": '"" offline',
    "users.quoted": r'"a \"quoted\" \\ id\u000a" offline, status "über", invisible',
    "users.long_text": f'"{"x" * 200}"... offline',
    "users.away": f'"john" online, away, last active {AT}',
    "users.plain": f'"john" online, last active {AT}',
    "users.gone": f'"john" offline, last active {AT}',
    "users.view": f'"john" online, status "At lunch", last active {AT}',
    "users.viewer": 'viewer "john"',
    "users.anyone": "nobody",
    "users.rich": f'"john" online, last active {AT}, activity {MATCH}, data {{"name": "John"}}',
    "users.rich_view": f'"john" online, last active {AT}, activity {MATCH}, data {{"name": "John"}}',
    "users.device": 'session "phone" busy',
    "users.playing": f'session "phone" idle, activity {MATCH}',
    "users.nothing": "{}",
    "users.of_nothing": "{}",
    "users.of_fields": MATCH,
    "users.of_members": MATCH,
    "events.connect": f'connect "john" session "phone" at {AT}',
    "events.hidden": f'connect "john" session "phone" at {AT}, invisible, status "hidden"',
    "events.status": f'set_status "john" at {AT}, status "At lunch"',
    "events.timed": f'set_status "john" at {AT}, status "At lunch" until 2019-01-07T13:17:43.000Z',
    "events.shows": f'set_visible "john" at {AT}, visible',
    "events.hides": f'set_visible "john" at {AT}, invisible',
    "events.remove": f'remove "john" at {AT}',
    "events.active": f'active "john" session "phone" at {AT}',
    "events.update": f'update "john" session "phone" at {AT}, away priority -5',
    "events.chooses": f'set_availability "john" at {AT}, busy until 2019-01-07T13:17:43.000Z',
    "events.chooses_nothing": f'set_availability "john" at {AT}, no choice',
    "events.report": f'report "mary" online at 2019-01-07T13:17:43.000Z, status "", available, last active {AT}, activity {{}}, data {{}}',
    "events.sets": f'set_data "john" at {AT}, "image" = "https://x"',
    "events.sets_view": f'set_data "john" at {AT}, "image" = "https://x"',
    "events.removes": f'set_data "john" at {AT}, "image" = null',
    "events.plays": f'update "john" session "phone" at {AT}, activity {{"map": "harbour"}}, data {{}}',
    "events.plays_view": f'update "john" session "phone" at {AT}, activity {{"map": "harbour"}}, data {{}}',
    "events.view": f'connect "john" session "phone" at {AT}, invisible, status "hidden"',
    "events.came": f'"john" at {AT}: unknown -> offline',
    "events.changed": f'"john" at {AT}: offline -> online, status "At lunch", last active {AT}',
    "events.went": f'"john" at {AT}: online, last active {AT} -> unknown',
    "results.good": f"value {AT}",
    "results.bad": "error syntax at offset 10: not an RFC 3339 timestamp",
    "results.number": "value 7",
    "values.null": "null",
    "values.truth": "true",
    "values.falsehood": "false",
    "values.integer": "-7",
    "values.real": "1.5",
    "values.text": r'"At \"lunch\""',
    "values.longest_short": '"' + 200 * "x" + '"...',
    "values.long_text": '"' + 200 * "y" + '"...',
    "values.long_name": '{"' + 200 * "z" + '"...: null}',
    "values.instant": AT,
    "values.array": f'[1, "two", 3.5, null, true, {AT}]',
    "values.empty": "[]",
    "values.invalid": "<invalid>",
    "values.object": '{"a name that is long": [{"city": "Kyoto"}, 2], "location": {"city": "Kyoto"}}',
    "values.empty_object": "{}",
    "values.member": '"a name that is long": [{"city": "Kyoto"}, 2]',
    "values.absent": "absent",
    "values.text_view": r'"At \"lunch\""',
    "values.array_view": "<array of 2>",
    "values.object_view": "<object of 2>",
    "values.real_view": "2.5",
    "filters.everything": "{}",
    "filters.eq": '{"online": {"$eq": true}}',
    "filters.gt": f'{{"last_active": {{"$gt": {AT}}}}}',
    "filters.in": '{"id": {"$in": ["john", "mary"]}}',
    "filters.complete": '{"id": {"$autocomplete": "ro"}}',
    "filters.both": '{"$and": [{"online": {"$eq": true}}, {"status": {"$exists": false}}]}',
    "filters.none": '{"$nor": [{"$or": [{"a": {"$eq": 1}}, {"b": {"$ne": null}}]}, {"c": {"$lte": 2.5}}]}',
    "filters.wrong": "<invalid: error bad_operand at offset 0: a field needs a name without $>",
    "channels.empty": '"" "", 0 members []',
    "channels.room": '"messaging" "kitchen", 2 members ["john", "mary"], custom {"name": "Kitchen", "seats": 4}',
    "texts.empty": '""',
    "texts.inside": '"fifteen letters"',
    "texts.stored": '"sixteen letters!"',
    "rows.whole": ROW,
    "rows.borrowed": ROW,
    "rows.available": AVAILABLE,
    "rows.rich": RICH,
    "rows.none": "no user",
    "snapshots.none": "Snapshot of 0 users, 0 online, at no instant",
    "snapshots.few": f"Snapshot of 7 users, 4 online, at {at(6)} = {{\n  " + ",\n  ".join(FEW) + "\n}",
    "snapshots.unordered": f"""Snapshot of 1 user, 1 online, at no instant = {{
  ["john"] = session "phone" connect {AT}; active {AT}
}}""",
}
# What is shown of bytes that are no value. Zeros are one of many types.
UNREADABLE = "<unreadable>"
UNREADABLE_SNAPSHOTS = ("ones", "some", "truths", "random", "nowhere")

# The elements and attributes of natvis that are used, and what they may be in.
ELEMENTS = {
    "AutoVisualizer": ((), ()),
    "Type": (("AutoVisualizer",), ("Name", "Inheritable")),
    "AlternativeType": (("Type",), ("Name",)),
    "DisplayString": (("Type",), ("Condition",)),
    "StringView": (("Type",), ("Condition",)),
    "Expand": (("Type",), ()),
    "Item": (("Expand",), ("Name", "Condition")),
    "ExpandedItem": (("Expand",), ("Condition",)),
    "ArrayItems": (("Expand",), ("Condition",)),
    "Size": (("ArrayItems",), ("Condition",)),
    "ValuePointer": (("ArrayItems",), ("Condition",)),
}
# What stands for the types with parameters. Compilers spell numbers differently.
INSTANCES = {
    "{0}detail::CompactVector<*>": (["{0}detail::CompactVector<{0}Value>"], ["{0}Value"]),
    "{0}detail::CompactVector<*>::Head": (["{0}detail::CompactVector<{0}Value>::Head"], ["{0}Value"]),
    "{0}Result<*>": (["{0}Result<{0}Timestamp>"], ["{0}Timestamp"]),
    "{0}detail::SmallVector<*,*>": ([f"{{0}}detail::SmallVector<{{0}}Timestamp, {one}>" for one in ("2", "2U", "2u")], ["{0}Timestamp", "2"]),
}


def without_format(expression):
    """The expressions in one with format specifiers: `text,[size]s8` has two."""
    found = re.fullmatch(r"(.*?)(?:,(?:\[(.*)\])?(?:s8|sb|en)?)?", expression.strip(), re.DOTALL)
    return [part for part in found.groups() if part]


def expressions_of(element):
    """Those of one element."""
    kind, text = element.tag.rpartition("}")[2], element.text or ""
    found = [element.get("Condition")] if element.get("Condition") else []
    if kind == "DisplayString":
        for part in re.findall(r"\{([^{}]*)\}", text.replace("{{", "").replace("}}", "")):
            found += without_format(part)
    elif kind in ("StringView", "Item", "ExpandedItem", "Size", "ValuePointer"):
        found += without_format(text)
    return found


def check_natvis(path):
    """The types, each with its other names and its expressions; ends the program where the file is not as it should be."""
    root = xml.etree.ElementTree.parse(path).getroot()
    parents = {child: parent for parent in root.iter() for child in parent}
    types = []
    for element in root.iter():
        namespace, _, kind = element.tag.rpartition("}")
        parent = parents[element].tag.rpartition("}")[2] if element in parents else None
        if namespace != "{http://schemas.microsoft.com/vstudio/debugger/natvis/2010" or kind not in ELEMENTS:
            sys.exit(f"{path}: <{kind}> is none of the elements that are known")
        inside, attributes = ELEMENTS[kind]
        if (parent is None) != (inside == ()) or (parent and parent not in inside) or set(element.keys()) - set(attributes):
            sys.exit(f"{path}: <{kind}> stands in <{parent}>, or has an attribute that it cannot have")
        if kind == "Type":
            names = [element.get("Name")] + [child.get("Name") for child in element if child.tag.endswith("}AlternativeType")]
            types.append((names, [found for part in element.iter() for found in expressions_of(part)]))
    return types


# --- In gdb


def in_type(expression, name, arguments):
    """A natvis expression as gdb reads it anywhere: its members are those of an object at zero."""
    for i, argument in enumerate(arguments, 1):
        expression = expression.replace(f"$T{i}", argument)
    this = f"(({name} *)0)"

    def replace(found):
        word = found.group(0)
        if "::" in word or word in ("int", "unsigned", "char", "void", "const", "sizeof", "size_t"):
            return word
        return this if word == "this" else f"{this}->{word}"

    return re.sub(r"(?<![\w.>$])[A-Za-z_]\w*(?:::\w+)*", replace, expression)


def has_type(expression):
    """Of an expression, or of the name of a type."""
    try:
        gdb.execute(f"whatis {expression}", to_string=True)
        return True
    except gdb.error:
        return False


def natvis_errors(types, prefix):
    """What gdb finds no type for, and how much was asked. Each type has a name in the namespace of the program, except
    that those with one name have none in that of an allocator."""
    errors, checked = [], 0
    for names, expressions in types:
        if not any(name.startswith(prefix) for name in names) and (len(names) > 1 or "_alloc::" not in prefix):
            errors.append(f"{names[0]}: has no name in {prefix}")
        for name in names:
            if not name.startswith(prefix):
                continue
            candidates, arguments = [name], []
            for pattern, (instances, its_arguments) in INSTANCES.items():
                if name == pattern.format(prefix):
                    candidates, arguments = ([one.format(prefix) for one in some] for some in (instances, its_arguments))
            known = [one for one in candidates if has_type(one)]
            if not known:
                errors.append(f"{name}: there is no such type")
                continue
            name = known[0]
            for expression in expressions:
                checked += 1
                if not has_type(in_type(expression, name, arguments)):
                    errors.append(f"{name}: nothing is known of {expression}")
    return errors, checked


def printed(expression):
    try:
        return gdb.execute(f"output {expression}", to_string=True)
    except gdb.error as error:
        return f"error: {error}"


def whole(name):
    return gdb.default_visualizer(gdb.parse_and_eval(f"*shown->nonsense.{name}")).to_string()


def children(expression):
    return [(name, str(value)) for name, value in gdb.default_visualizer(gdb.parse_and_eval(expression)).children()]


def inside():
    """Looks at all that there is and writes it down for the outer half."""
    job = json.loads(os.environ["PRESENCE_GDB_JOB"])
    for setting in ("pagination off", "width 0", "height 0", "print pretty on", "startup-with-shell off",
                    "disable-randomization off", "print elements 200"):
        gdb.execute(f"set {setting}")
    gdb.execute(f"source {job['printers']}")
    gdb.execute("break stop_here")
    gdb.execute("run")
    seen = {"shown": {name: printed(f"shown->{name}") for name in job["names"]}, "nonsense": {}}
    for field in gdb.parse_and_eval("shown->nonsense").type.fields():
        for pattern in gdb.parse_and_eval(f"shown->nonsense.{field.name}").type.fields():
            name = f"{field.name}.{pattern.name}"
            # What points nowhere gdb refuses to print by itself, but not where it is a member of something.
            seen["nonsense"][name] = whole(name) if pattern.name == "nowhere" else printed(f"*shown->nonsense.{name}")
    seen["few"] = [f"{name} = {value}" for name, value in children("shown->snapshots.few")]
    for name in ("crowd", "shared"):
        seen[name] = [child for child, _ in children(f"shown->snapshots.{name}")]
    prefix = re.match(r"presence::(v\w+::)?", gdb.parse_and_eval("shown->snapshots.few").type.name).group(0)
    seen["natvis"], seen["natvis_checked"] = natvis_errors(job["natvis"], prefix)
    pathlib.Path(job["seen"]).write_text(json.dumps(seen), encoding="utf-8")
    gdb.execute("kill")


# --- Outside


def differ(title, expected, got):
    if expected == got:
        return False
    for line in difflib.unified_diff(expected, got, f"{title}: expected", f"{title}: shown", lineterm=""):
        print(line)
    return True


def lines_of(shown):
    return [line for name, text in shown.items() for line in f"{name} = {text}".split("\n")]


def check(gdb_program, compiler, options, types, folder):
    """Whether all is as expected with one way to build."""
    program, seen_file = pathlib.Path(folder, "debugged"), pathlib.Path(folder, "seen.json")
    subprocess.run([*compiler, "-std=c++17", *options, f"-I{ROOT / 'include'}", HERE / "debugged.cpp", "-o", program], check=True)
    crowd = subprocess.run([program], check=True, capture_output=True, encoding="utf-8").stdout.split()
    job = {"printers": str(HERE / "presence_gdb.py"), "names": list(EXPECTED), "natvis": types, "seen": str(seen_file)}
    environment = dict(os.environ, PRESENCE_GDB_JOB=json.dumps(job), PYTHONDONTWRITEBYTECODE="1", LC_ALL="C.UTF-8")
    seen_file.unlink(missing_ok=True)
    done = subprocess.run([gdb_program, "-nx", "-batch", "-x", __file__, program], stdin=subprocess.DEVNULL,
                          capture_output=True, encoding="utf-8", errors="backslashreplace", timeout=300, env=environment)
    if not seen_file.exists() or "Python Exception" in done.stderr or "Traceback" in done.stderr:
        print(done.stderr)
        return False
    seen = json.loads(seen_file.read_text(encoding="utf-8"))

    expected, shown = dict(EXPECTED), seen["shown"]
    wrong = differ("values", lines_of(expected), lines_of(shown))
    wrong |= differ("few", FEW, seen["few"])
    wrong |= differ("crowd", [f'["{name}"]' for name in crowd], seen["crowd"])
    wrong |= differ("shared", sorted([f'["{name}"]' for name in crowd] + ['["one more"]']), sorted(seen["shared"]))
    for name, text in seen["nonsense"].items():
        unreadable = name.endswith(".nowhere") or name in [f"snapshot.{pattern}" for pattern in UNREADABLE_SNAPSHOTS]
        if not text or text.startswith("error: ") or (unreadable and text != UNREADABLE):
            print(f"nonsense: {name} is shown as {text!r}")
            wrong = True
    for error in seen["natvis"]:
        print(f"presence.natvis: {error}")
    if not wrong and not seen["natvis"]:
        print(f"{' '.join([*compiler, *options])}: {len(shown)} values, {len(seen['nonsense'])} of nonsense, "
              f"{len(crowd)} users, {seen['natvis_checked']} expressions of natvis")
    return not wrong and not seen["natvis"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--options", action="append", help="of the compiler, to build once with; may be given repeatedly")
    parser.add_argument("compiler", nargs="*", default=["c++"])
    arguments = parser.parse_args()

    types = check_natvis(HERE / "presence.natvis")
    gdb_program = shutil.which("gdb")
    if gdb_program is None:
        print("the debugger views are not tested: gdb is missing (Debian: apt-get install gdb)")
        return 1 if os.environ.get("CI") else SKIPPED
    ok = True
    for options in arguments.options or OPTIONS:
        with tempfile.TemporaryDirectory() as folder:
            ok = check(gdb_program, arguments.compiler, shlex.split(options), types, folder) and ok
    return 0 if ok else 1


if __name__ == "__main__":
    if gdb is not None:
        inside()
    else:
        sys.exit(main())
