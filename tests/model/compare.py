#!/usr/bin/env python3
"""Compares the library with a model of it (model.py) on random histories.

usage: compare.py [--histories N] [--seed N] [--include DIR] [--driver FILE] [-- COMPILER [FLAG]...]

  --histories   how many; 3000 unless told
  --seed        of the first history; the others have the following ones. A random one unless told
  --include     the headers that are compared; include/ unless told
  --driver      a driver that has been built already; else driver.cpp is compiled

A difference is made as short as it can be and printed with its seed.

A history is a list of lines:
  rules session_timeout=3 ...        a new history
  event type=connect user=u at=5 ... one event; a name has no space
  time now=9 | resume now=9 patience=3 | forget | deadline
  node number=1 | merge number=2     from now on another of three nodes; its union with a further one
  store                              encoded and decoded

Exit status: 0 when all agree, 1 when one does not, 2 when the driver does not compile.
"""
import argparse
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

import model

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
USERS, SESSIONS = ("u", "v"), ("r", "s", "t")
BATCH = 500
SHORTENED = 3       # differences; the others are counted


# ---- random histories ----------------------------------------------------------------------------------------------

KINDS = {"connect": 6, "heartbeat": 4, "active": 3, "update": 6, "disconnect": 4, "status": 2, "availability": 3,
         "data": 2, "report": 4, "visible": 2, "remove": 1}
LENGTHS = (0, 0, 1, 2, 3, 5, 8, 15)


def random_rules(chance):
    ranking = list(model.WORDS)
    chance.shuffle(ranking)
    usual = ["busy", "available", "away", "idle"]
    return dict(
        session_timeout=chance.choice((0, 3, 6, 9)), offline_grace=chance.choice((0, 0, 2, 5, 15)),
        last_active_refresh=chance.choice((0, 3, 10)), reorder_window=chance.choice((3, 8, 15, 1000)),
        max_clock_skew=chance.choice((0, 2, 5)), idle_after=chance.choice((0, 1, 3, 5, 14)),
        report_timeout=chance.choice((0, 0, 4)), heartbeat_is_activity=chance.choice((0, 1)),
        session_fold=chance.choice(("by_rank", "by_rank", "by_priority", "latest")),
        ranking=",".join(chance.choice((usual, ranking))))


def random_event(chance, at, kinds):
    """A dict of texts, in which invalid fields are rare."""
    kind = chance.choice(kinds)
    one = lambda share: chance.random() < share
    word = lambda: chance.choice(("offline", "asleep")) if one(.02) else chance.choice(model.WORDS)
    event = dict(type=kind, user=chance.choice(USERS), at=at)
    if kind in ("connect", "heartbeat", "active", "update", "disconnect"):
        event["session"] = chance.choice(SESSIONS)
    if (kind == "update" and one(.7)) or (kind == "connect" and one(.3)):
        event["availability"] = word()
    if kind in ("update", "connect") and one(.4 if "availability" in event else .03):
        event["priority"] = chance.choice((-1, 0, 1))
    if (kind == "update" and one(.4)) or (kind == "connect" and one(.25)):
        event["activity"] = chance.choice(("", "1", "2"))
    if kind == "connect" and one(.3):
        event["invisible"] = int(one(.6))
    if kind == "visible":
        event["invisible"] = chance.choice((0, 1))
    if kind == "availability" and one(.8):
        event["availability"] = word()
    if kind == "data":
        event.update(name="status" if one(.03) else chance.choice("kl"), value=chance.choice(("", "1", "2")))
    if kind == "report":
        event["online"] = int(one(.6))
        if one(.3): event["last_active"] = at - chance.randrange(5)
        if event["online"] and one(.4): event["availability"] = word()
        if event["online"] and one(.25): event["activity"] = chance.choice(("", "1", "2"))
        if one(.3): event["data"] = ",".join(name + ":" + chance.choice("12") for name in "klm" if one(.5))
    if kind == "status" or (kind in ("connect", "report") and one(.15)):
        event["status"] = chance.choice(("", "a", "b"))
    if ("status" in event or kind == "availability") and one(.5):
        event["until"] = at + chance.randrange(-1, 20)
    return event


def line_of(command, fields):
    return " ".join([command] + ["%s=%s" % field for field in fields.items()])


def random_history(seed):
    chance = random.Random(seed)
    rules = random_rules(chance)
    lines = [line_of("rules", rules)]
    # One kind of a history has merges, one has resumes and forgotten reports: beside each other, they are not orderless.
    has_nodes = chance.random() < .35
    kinds = [kind for kind, times in KINDS.items() for _ in range(times)]
    if chance.random() < .35:
        kinds = chance.sample(sorted(KINDS), chance.randrange(1, 4))    # few, so that they meet at one date
    span = chance.choice((12, 25, 50))
    now = chance.randrange(span) if chance.random() < .8 else None
    if now is not None:
        lines.append("time now=%d" % now)
    nows = [now, None, None]
    node = 0
    for _ in range(chance.randrange(8, 40)):
        what, now = chance.random(), nows[node]
        if what < .2:
            nows[node] = (now if now is not None else chance.randrange(span)) + chance.randrange(-1, 9)
            lines.append("time now=%d" % nows[node])
        elif what < .3:
            lines.append("deadline")
        elif what < .33:
            lines.append("store")
        elif what < .45 and has_nodes:
            other = chance.randrange(3)
            if chance.random() < .5:
                lines.append("node number=%d" % other)
                node = other
            else:
                lines.append("merge number=%d" % other)
                nows[node] = max((t for t in (now, nows[other]) if t is not None), default=None)
        elif what < .36 and now is not None:
            nows[node] = now + chance.randrange(12)
            lines.append("resume now=%d patience=%d" % (nows[node], chance.randrange(8)))
        elif what < .38 and now is not None:
            lines.append("forget")
        else:
            near = now is not None and chance.random() < .8
            at = now + chance.randrange(-9, 4) if near else chance.randrange(span)
            if chance.random() < .3:
                at -= at % 5
            lines.append(line_of("event", random_event(chance, at, kinds)))
    return lines


# ---- what the model says -------------------------------------------------------------------------------------------

TYPES = {"status": "set_status", "availability": "set_availability", "data": "set_data", "visible": "set_visible"}


def event_of(fields):
    event = dict(fields, at=int(fields["at"]), type=TYPES.get(fields["type"], fields["type"]))
    for name in ("until", "last_active", "priority"):
        if name in event:
            event[name] = int(event[name])
    for name in ("invisible", "online"):
        if name in event:
            event[name] = event[name] == "1"
    for name in ("activity", "value"):
        if name in event:
            event[name] = event[name] or None
    if "data" in event:
        event["data"] = dict(entry.split(":") for entry in event["data"].split(",") if entry)
    return event


def rules_of(fields):
    fields = {name: int(text) if text.isdigit() else text for name, text in fields.items()}
    return model.Rules(**dict(fields, ranking=tuple(fields["ranking"].split(","))))


def shown(view):
    if view is None:
        return "unknown"
    word, text, last, doing, data = view
    return "%s/%s/%s/%s/%s" % (word, text, "never" if last is None else last, doing or "",
                               "".join("%s:%s," % entry for entry in data))


def state_of(node):
    state, text = node.state(), ""
    for user in USERS:
        others, own, devices = state.get(user, (None, None, []))
        text += " | %s %s %s" % (user, shown(others), shown(own))
        text += "".join(" %s=%s/%s" % (name, word, doing or "") for name, word, doing in devices)
    return text


def change(of):
    date, user, before, after = of
    return " [%d %s %s > %s]" % (date, user, shown(before), shown(after))


def expected(lines):
    """A line for each, up to the first that is not determined."""
    nodes, here, out = [], 0, []
    for line in lines:
        command, *words = line.split(" ")
        fields = dict(word.split("=", 1) for word in words)
        said, changes = command, []
        try:
            if command == "rules":
                nodes = [model.Node(rules_of(fields)) for _ in range(3)]
                here = 0
            node = nodes[here]
            if command == "event":
                said, changes = node.apply(event_of(fields))
            elif command == "time":
                changes = node.advance(int(fields["now"]))
            elif command == "resume":
                changes = node.resume(int(fields["now"]), int(fields["patience"]))
            elif command == "forget":
                changes = node.forget_reports()
            elif command == "node":
                here = int(fields["number"])
            elif command == "merge":
                if int(fields["number"]) != here:
                    node.merge(nodes[int(fields["number"])])
            elif command == "deadline":
                deadline = node.next_deadline()
                said += " none" if deadline is None else " %d" % deadline
        except model.Undetermined:
            break
        out.append(said + "".join(change(one) for one in changes) + state_of(nodes[here]))
    return out


# ---- the comparison ------------------------------------------------------------------------------------------------

class Stopped(Exception):
    """The driver did not get to the end of the lines."""


def run(driver, lines):
    ran = subprocess.run([driver], input="".join(line + "\n" for line in lines), capture_output=True, encoding="utf-8")
    out = ran.stdout.splitlines()
    if ran.returncode or len(out) != len(lines):
        raise Stopped("it stopped after %d of %d lines: %s" % (len(out), len(lines), ran.stderr.strip()))
    return out


def first_difference(found, wanted):
    return next((i for i, (f, w) in enumerate(zip(found, wanted)) if f != w), None)


def differs(driver, lines):
    """The first line that does, or None. A driver that stops differs in the last one."""
    try:
        return first_difference(run(driver, lines), expected(lines))
    except Stopped:
        return len(lines) - 1


def shortened(driver, lines):
    """Leaves out lines, and fields of lines, as long as they still differ."""
    lines = lines[:differs(driver, lines) + 1]
    again = True
    while again:
        again = False
        for i in range(len(lines) - 1, 0, -1):
            command, *words = lines[i].split(" ")
            fewer = [lines[:i] + lines[i + 1:]]
            if command == "event":
                fewer += [lines[:i] + [" ".join([command] + words[:j] + words[j + 1:])] + lines[i + 1:]
                          for j in range(3, len(words)) if not words[j].startswith(("session=", "invisible=", "online="))]
            for shorter in fewer:
                if is_whole(shorter) and differs(driver, shorter) is not None:
                    lines, again = shorter, True
                    break
    return lines


def is_whole(lines):
    """Some fields belong to their events."""
    needs = {"status": ("status=",), "data": ("name=", "value=")}
    return all(field in line for line in lines for kind, fields in needs.items()
               if line.startswith("event type=%s " % kind) for field in fields)


def report(driver, seed, lines):
    lines = shortened(driver, lines)
    print("history %d differs:" % seed)
    at = differs(driver, lines)
    for line in lines[:at + 1]:
        print("  " + line)
    try:
        found = run(driver, lines)[at]
    except Stopped as why:
        found = str(why)
    print("library  %s\nmodel    %s" % (found, expected(lines)[at]), flush=True)


def build(compiler, include, folder):
    driver = os.path.join(folder, "driver")
    command = [*compiler, "-std=c++17", "-O1", "-I", include, str(HERE / "driver.cpp"), "-o", driver]
    if subprocess.run(command).returncode:
        sys.exit(2)
    return driver


def compare(driver, seed, histories):
    """Returns how many histories differ, and how many lines were compared."""
    bad = compared = 0
    for first in range(seed, seed + histories, BATCH):
        all_ = {one: random_history(one) for one in range(first, min(first + BATCH, seed + histories))}
        try:
            found = iter(run(driver, [line for lines in all_.values() for line in lines]))
        except Stopped:
            found = None    # then each by itself
        for one, lines in all_.items():
            wanted = expected(lines)
            compared += len(wanted)
            if found is None:
                at = differs(driver, lines)
            else:
                at = first_difference([next(found) for _ in lines], wanted)
            if at is not None:
                bad += 1
                if bad <= SHORTENED:
                    report(driver, one, lines)
    return bad, compared


def main():
    parser = argparse.ArgumentParser(usage=__doc__.split("usage: ")[1].split("\n\nA difference")[0])
    parser.add_argument("--histories", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--include", default=str(ROOT / "include"))
    parser.add_argument("--driver")
    parser.add_argument("compiler", nargs="*", default=[])
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 40)
    start = time.monotonic()
    print("histories %d from seed %d on" % (options.histories, seed), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        driver = options.driver or build(options.compiler or ["c++"], options.include, folder)
        bad, compared = compare(driver, seed, options.histories)
    print("%d histories differ; %d lines compared in %.0f s" % (bad, compared, time.monotonic() - start))
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
