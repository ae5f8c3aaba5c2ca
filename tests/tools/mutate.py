#!/usr/bin/env python3
"""Plants small bugs in a copy of the fold, one at a time, and expects the tests to find each of them.

usage: mutate.py [--list] [--only NAME]... [--stage NAME]... [--tests NAME]... [--jobs N] [--histories N] [--results FILE]

  --list        tells the mutants, and runs nothing
  --only        runs the mutants whose name matches; * and ? as in a shell
  --stage       runs only these of the stages values, live, unit, property, memory, compact_text,
                events_memory, filter_memory, reading_memory, following_memory, corpus
  --tests       puts only these files into those of the stages that join several, such as 'state/*' or law3_merge; so a
                few mutants are tried in seconds each
  --jobs        how many mutants at a time; 2 unless told
  --histories   how many random histories each property tries; 100 unless told
  --results     where to write a line for each mutant as well

The mutants are in mutants.py. Each is tried by the unit tests first, then by the laws, then with allocators that fail
and that count, then by the fuzz corpus, up to the first failure; a test that does not end in time has failed, too. Those
of a Store are tried by its own unit tests before all others. CXX is the compiler: clang++ or c++ unless it is set.

Exit status: 0 when every mutant was killed, 1 when one survived, 2 when the list itself is broken: a text to replace is
not there exactly once, a mutant does not compile, or the tests fail without any.
"""
import argparse
import concurrent.futures
import fnmatch
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import threading
import time

import mutants

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"

# The unit tests that concern values, which are tried for mutants of those alone, and the ones that concern the fold.
VALUES = """
base/duration base/time_text model/rankings model/values
""".split()
VALUE_HEADERS = """
base/time.hpp base/detail/time_bodies.hpp model/availability.hpp model/event.hpp model/detail/event_bodies.hpp
model/rules.hpp model/user.hpp model/detail/user_bodies.hpp
""".split()
# The unit tests of a Store. They are tried only for mutants of its headers, and for those before all others.
LIVE = """
live/coalescing live/delivering live/disconnecting_sessions live/following live/listening live/may_see live/mirrors
live/removing live/resume live/rich_changes live/rich_frames live/rooms live/sessions live/stores live/time live/viewer_map live/watch_users
live/watching
""".split()
LIVE_HEADERS = "live/"
UNIT = """
base/callback_lifetimes base/chunked_vector base/id_map base/shared_string base/siphash base/sorted_chunks
binary/anti_entropy binary/decoding binary/deltas binary/encoding binary/encoding_for_viewers
binary/events binary/events_format binary/events_refused binary/golden
binary/peers binary/rich binary/sketches json/activity_and_data json/availability json/decimal json/json_channels
json/json_event_types json/json_events json/json_filters json/json_lists json/json_odd_fields json/json_queries
json/json_strictness json/json_users json/objects live/delivering live/removing live/stores live/watching
model/attributes_view model/custom_fields model/objects query/activity_and_data query/availability query/dotted_names
query/filters query/querying query/word_prefix registers/acceptance_window registers/dropped_ranges registers/evidence
registers/joining registers/normal_form registers/runs registers/sessions
replica/checkpoint replica/inbox replica/outbox replica/rolling_upgrade state/activity state/activity_and_liveness
state/availability state/batches state/borrowed_arguments state/changes state/choice state/comparing state/data
state/deadlines state/devices state/diffing state/disconnecting_sessions state/extremes state/forget_after
state/forgetting state/hiding state/idle state/in_place state/invisible state/judging state/last_active state/limits
state/listing state/merging state/merging_few state/merging_in_place state/offline_grace
state/order state/ownership state/removing state/replaying state/reports state/reports_as_sessions state/resume
state/resyncing state/sessions state/set_visible state/snapshots state/status state/steps state/story state/throwing
state/timed_status state/timeouts state/verdicts table/user_table
""".split()
PROPERTY = """
anti_entropy event_batches law1_order law2_time law3_merge law4_invisible law5_changes law6_bad_input law7_values
oracle_fold replicas store_laws
""".split()

STD = """
    algorithm array cstddef cstdint cstdio cstdlib filesystem fstream functional initializer_list iterator
    map optional ostream set string string_view utility vector
""".split()

INCLUDE = re.compile(r"^[ \t]*#[ \t]*include[ \t]*([<\"])([^>\"]+)[>\"].*$", re.MULTILINE)
# A specialization of a template of the library, for a type of the test file.
SPECIALIZED = re.compile(r"^template <>\nstruct presence::\w+<(\w+)> \{\n.*?^\};\n", re.MULTILINE | re.DOTALL)
# What has to be equal where a mutant is planted: words, what separates them, and every other character.
TOKEN = re.compile(r"\w+|(?<=\w)\s+(?=\w)|[^\w\s]")
# A property that fails is not to search for the smallest history that shows it.
BUDGET = "std::size_t budget_ = 20000;"


STAGES = """
    values live unit property memory compact_text events_memory filter_memory reading_memory following_memory corpus
""".split()


class Broken(Exception):
    """The list of mutants, or what it is tried with."""


def text_of(path):
    return path.read_text(encoding="utf-8")


def together(sources):
    """One translation unit of several test files: each in a namespace of its own, after what any of them includes."""
    includes, bodies = [], []
    for source in sources:
        text = text_of(source)
        for kind, name in INCLUDE.findall(text):
            line = f'#include "{source.parent / name}"' if kind == '"' else f"#include <{name}>"
            if line not in includes:
                includes.append(line)
        space = f"file_{source.parent.name}_{source.stem}"
        body = INCLUDE.sub("", text)
        body = SPECIALIZED.sub(lambda found: "}\n" + re.sub(rf"\b{found[1]}\b", f"{space}::{found[1]}", found[0]) +
                               f"namespace {space} {{\n", body)
        bodies.append(f'namespace {space} {{\n#line 1 "{source}"\n{body}\n}}  // namespace {space}\n')
    return "\n".join(sorted(includes, key=lambda line: '"' in line)) + "\n" + "\n".join(bodies)


class Stage:
    """A test program: made once for the headers as they are, then again for each mutant."""

    def __init__(self, name, source, flags, linked, command, environment):
        self.name, self.source, self.flags, self.linked = name, source, flags, linked
        self.command, self.environment = command, environment
        self.compile_seconds = self.run_seconds = 0.0

    def compile(self, compiler, include, out):
        command = compiler + self.flags + ["-I", str(include), str(self.source)] + self.linked + ["-o", str(out)]
        return run(command, 900)

    def run(self, program):
        return run([str(program)] + self.command, max(60.0, 20 * self.run_seconds), self.environment)


def run(command, timeout, environment=None):
    """Its exit status, or None when it did not end in time, and its output."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              timeout=timeout, env={**os.environ, **(environment or {})}, check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace")
    except subprocess.TimeoutExpired:
        return None, ""


def make_stages(scratch, compiler, histories, wanted):
    tests = scratch / "tests"
    for folder in ("unit", "property", "fuzz"):
        shutil.copytree(TESTS / folder, tests / folder)
    shrink = tests / "property" / "shrink.hpp"
    if text_of(shrink).count(BUDGET) != 1:
        raise Broken(f"tests/property/shrink.hpp does not have exactly one `{BUDGET}`")
    shrink.write_text(text_of(shrink).replace(BUDGET, "std::size_t budget_ = 0;"), encoding="utf-8")

    flags = {}
    for kind, names in (("plain", STD), ("doctest", ["doctest/doctest.h"] + STD)):
        common = scratch / f"{kind}.hpp"
        common.write_text("".join(f"#include <{name}>\n" for name in names), encoding="utf-8")
        flags[kind] = ["-std=c++17", "-O0", "-w"]
        status, _ = run(compiler + flags[kind] + ["-x", "c++-header", str(common), "-o", str(common) + ".gch"], 300)
        if status == 0:
            flags[kind] += ["-include", str(common)]

    main, replay = scratch / "main.o", scratch / "replay.o"
    corpus = f'-DPRESENCE_FUZZ_CORPUS="{TESTS / "fuzz" / "corpus" / "fold"}"'
    for source, out in ((tests / "unit" / "main.cpp", main), (tests / "fuzz" / "replay_corpus.cpp", replay)):
        command = compiler + ["-std=c++17", "-O0", corpus, "-c", str(source), "-o", str(out)]
        status, output = run(command, 300)
        if status != 0:
            raise Broken(f"{shlex.join(command)}\n{output}")

    doctest = ["--abort-after=1", "--no-intro", "--no-version"]
    stages = []
    joined = (("values", "unit", VALUES), ("live", "unit", LIVE), ("unit", "unit", UNIT), ("property", "property", PROPERTY))
    for name, folder, files in joined:
        files = [file for file in files if not wanted or any(fnmatch.fnmatchcase(file, one) for one in wanted)]
        if not files:
            continue
        source = scratch / f"{name}.cpp"
        text = together([tests / folder / f"{file}.cpp" for file in files])
        source.write_text(text, encoding="utf-8")
        stages.append(Stage(name, source, flags["doctest"], [str(main)], doctest, {"PRESENCE_HISTORIES": str(histories)}))
    # Which have allocators of their own, and so cannot be put together with others.
    for name in ("state/memory", "base/compact_text", "binary/events_memory", "query/filter_memory", "json/reading_memory",
                 "live/following_memory"):
        stages.append(Stage(name.split("/")[1], tests / "unit" / f"{name}.cpp", flags["doctest"], [str(main)], doctest, {}))
    stages.append(Stage("corpus", tests / "fuzz" / "fold_fuzz.cpp", flags["plain"], [str(replay)], [], {}))
    return stages


def places_of(old, text):
    """The spans of the text to replace: where the same tokens are, with any white space between them, but some between
    words. White space at its begin or end has to be there, but is not part of the span."""
    tokens = [r"\s+" if token.isspace() else re.escape(token) for token in TOKEN.findall(old)]
    pattern = r"(?<=\s)" * old[0].isspace() + r"\s*".join(tokens) + r"(?=\s)" * old[-1].isspace()
    return [found.span() for found in re.finditer(pattern, text)]


def headers_with(mutant, folder):
    shutil.copytree(ROOT / "include", folder / "include")
    path = folder / "include" / "presence" / mutant.file
    text = text_of(path)
    (begin, end), = places_of(mutant.old, text)
    path.write_text(text[:begin] + mutant.new + text[end:], encoding="utf-8")
    return folder / "include"


def what_failed(output):
    """The test case, or what the fuzz body said."""
    # Test cases that print a message are named as well: the one that failed is the last before its error.
    failed = re.search(r"\bERROR:", output)
    cases = re.findall(r"^TEST CASE:\s*(.*)$", output[:failed.start()] if failed else output, re.MULTILINE)
    wrong = re.search(r"^fold_fuzz: wrong: (.*)$", output, re.MULTILINE)
    told = cases[-1] if cases else wrong[1] if wrong else ""
    return told.strip()


def first_error(output):
    errors = [line for line in output.splitlines() if re.search(r"\berror\b", line)]
    return errors[0] if errors else output[-300:]


def try_mutant(mutant, stages, compiler, scratch):
    """(verdict, by which stage, what failed); a verdict is killed, survived or invalid."""
    folder = pathlib.Path(tempfile.mkdtemp(dir=scratch, prefix="mutant-"))
    try:
        include = headers_with(mutant, folder)
        for stage in stages:
            if stage.name == "values" and mutant.file not in VALUE_HEADERS:
                continue
            if stage.name == "live" and not mutant.file.startswith(LIVE_HEADERS):
                continue
            program = folder / stage.name
            status, output = stage.compile(compiler, include, program)
            if status != 0:
                if re.search(r"static.assert", output):
                    return "killed", stage.name, "a static_assert"
                return "invalid", stage.name, first_error(output)
            status, output = stage.run(program)
            if status is None:
                return "killed", stage.name, "(does not end)"
            if status != 0:
                return "killed", stage.name, what_failed(output) or f"(status {status})"
        return "survived", "", ""
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_list():
    problems, names = [], set()
    for mutant in mutants.MUTANTS:
        path = ROOT / "include" / "presence" / mutant.file
        count = len(places_of(mutant.old, text_of(path))) if path.exists() else -1
        if count < 0:
            problems.append(f"{mutant.name}: there is no {mutant.file}")
        elif count != 1:
            problems.append(f"{mutant.name}: {count} times in {mutant.file}, not once:\n{mutant.old}")
        if mutant.old == mutant.new:
            problems.append(f"{mutant.name}: changes nothing")
        if mutant.name in names:
            problems.append(f"{mutant.name}: there are two of this name")
        names.add(mutant.name)
    if problems:
        raise Broken("\n".join(problems))


def chosen(patterns):
    if not patterns:
        return list(mutants.MUTANTS)
    for pattern in patterns:
        if not any(fnmatch.fnmatchcase(mutant.name, pattern) for mutant in mutants.MUTANTS):
            raise Broken(f"no mutant is called {pattern}")
    return [mutant for mutant in mutants.MUTANTS if any(fnmatch.fnmatchcase(mutant.name, p) for p in patterns)]


def main(arguments):
    check_list()
    selected = chosen(arguments.only)
    to_run = [mutant for mutant in selected if not mutant.equivalent]
    if arguments.list:
        for mutant in selected:
            print(f"{mutant.name:36} {mutant.file:37} {mutant.why}")
            if mutant.equivalent:
                print(f"{'':36} equivalent, not run: {mutant.equivalent}")
        return 0

    compiler = shlex.split(os.environ.get("CXX", "")) or [shutil.which("clang++") or "c++"]
    with tempfile.TemporaryDirectory(prefix="mutants-") as name:
        scratch = pathlib.Path(name)
        stages = [s for s in make_stages(scratch, compiler, arguments.histories, arguments.tests) if s.name in arguments.stage or not arguments.stage]
        for stage in stages:
            start = time.monotonic()
            program = scratch / f"plain-{stage.name}"
            status, output = stage.compile(compiler, ROOT / "include", program)
            if status != 0:
                raise Broken(f"without a mutant, {stage.name} does not compile: {first_error(output)}")
            stage.compile_seconds, start = time.monotonic() - start, time.monotonic()
            stage.run_seconds = 60.0
            status, output = stage.run(program)
            if status != 0:
                raise Broken(f"without a mutant, {stage.name} fails: {what_failed(output)}\n{output[-2000:]}")
            stage.run_seconds = time.monotonic() - start
            print(f"{stage.name}: compiled in {stage.compile_seconds:.1f} s, ran in {stage.run_seconds:.1f} s", flush=True)

        results, lock = {}, threading.Lock()

        def one(mutant):
            start = time.monotonic()
            verdict, stage, failed = try_mutant(mutant, stages, compiler, scratch)
            with lock:
                results[mutant.name] = verdict, stage
                by = f"{verdict} by {stage}" if verdict == "killed" else f"{verdict} {stage}".strip()
                if arguments.results:
                    with open(arguments.results, "a", encoding="utf-8") as lines:
                        print(mutant.name, verdict, stage, failed, sep="\t", file=lines)
                print(f"{len(results):3}/{len(to_run)} {mutant.name:36} {by:20} {time.monotonic() - start:6.1f} s  {failed}", flush=True)

        with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
            list(pool.map(one, to_run))

    print()
    for stage in STAGES:
        print(f"killed by {stage + ':':10} {sum(r == ('killed', stage) for r in results.values())}")
    for verdict in ("survived", "invalid"):
        names = [mutant for mutant in to_run if results[mutant.name][0] == verdict]
        print(f"{verdict + ':':20} {len(names)}")
        for mutant in names:
            print(f"  {mutant.name}: {mutant.file}, {mutant.why}")
    print(f"{'equivalent, not run:':20} {len(selected) - len(to_run)}")
    verdicts = {verdict for verdict, _ in results.values()}
    return 2 if "invalid" in verdicts else 1 if "survived" in verdicts else 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1])
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--only", action="append", default=[])
    parser.add_argument("--tests", action="append", default=[])
    parser.add_argument("--stage", action="append", default=[], choices=STAGES)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--histories", type=int, default=100)
    parser.add_argument("--results")
    try:
        sys.exit(main(parser.parse_args()))
    except Broken as broken:
        print(broken, file=sys.stderr)
        sys.exit(2)
