#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the benchmarks and prints one table: what each target asks for, what was measured, and beside what.

The rounds of the library and of what it is measured against take turns in one process; figures are medians over rounds,
ratios those of the medians. A target that is not met fails nothing: only a program that fails does.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys

SIZES = [10000, 100000, 1000000]
QUICK_SIZES = SIZES[:2]

# Figures that other programs gave on another machine, in nanoseconds: (connect, heartbeat, status, disconnect) at
# 100,000 users, or at 10,000 where there is no more. Their work is not equal: some know no heartbeats, some read JSON.
PEERS = {
    "Nakama LocalTracker (Go)": (1307, 914, 3446, 1408),
    "libpurple (C, at 10 k)": (1548, 375, 1616, 2423),
    "gloox roster (C++)": (1983, 1983, 1983, 1983),
    "Phoenix.Tracker.State (Elixir)": (9600, 9600, 31000, 22000),
    "stream-chat-js": (2200, 2200, 2200, 2200),
    "Ably PresenceMap (js)": (2700, 4200, 4200, 5000),
    "y-protocols awareness (js)": (4500, 4500, 4500, None),
    "phoenix.js": (11500, 11500, 11500, 10200),
}
KINDS = ("connect", "heartbeat", "status", "disconnect")
Y_PROTOCOLS_EXPIRY = 630
IMMER_MAP_UPDATE = {100000: 1046, 1000000: 1998}


def users(size):
    return f"{size // 1000000} M" if size >= 1000000 else f"{size // 1000} k"


def digits(value):
    if value == 0:
        return "0"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}" if value >= 0.01 else f"{value:.2g}"


class Report:
    """Makes rows of medians; what has not been measured gives none."""

    COLUMNS = ("target", "limit", "measured", "baseline", "ratio", "met")

    def __init__(self, rounds):
        self.medians = {name: statistics.median(times) for name, times in rounds.items()}
        self.rows = []

    def add(self, target, limit="", measured="", baseline="", ratio="", met=None):
        met = "" if met is None else "yes" if met else "no"
        self.rows.append(dict(zip(self.COLUMNS, (target, limit, measured, baseline, ratio, met))))

    def value(self, target, value, limit=None, unit="ns"):
        self.add(target, "" if limit is None else f"<= {limit:g} {unit}", f"{digits(value)} {unit}",
                 met=None if limit is None else value <= limit)

    def time(self, target, name, limit=None):
        if name in self.medians:
            self.value(target, self.medians[name], limit)

    def compare(self, target, measured, baseline, label, limit=None):
        """`baseline`: the name of a benchmark, or a recorded figure."""
        if measured not in self.medians:
            return
        time = self.medians[measured]
        other = self.medians.get(baseline) if isinstance(baseline, str) else baseline
        shown_limit = "" if limit is None else f"<= {limit:g} x"
        if other is None:
            self.add(target, shown_limit, f"{digits(time)} ns", f"{label}: not built")
            return
        ratio = time / other
        self.add(target, shown_limit, f"{digits(time)} ns", f"{label} {digits(other)} ns", f"{ratio:.3g}",
                 None if limit is None else ratio <= limit)

    def worst(self, target, pairs, label, limit):
        """The greatest of several ratios: (kind, measured, recorded)."""
        pairs = [pair for pair in pairs if pair[1] in self.medians and pair[2] is not None]
        if pairs:
            kind, measured, recorded = max(pairs, key=lambda pair: self.medians[pair[1]] / pair[2])
            self.compare(f"{target}, worst: {kind}", measured, recorded, label, limit)


def fill(report, sizes, memory):
    absl = any("/absl/" in name for name in report.medians)
    fast_map = "absl" if absl else "unordered_map"
    shown_map = "absl::flat_hash_map" if absl else "std::unordered_map (absl not built)"
    for choice in ("uniform", "zipf"):
        for size in sizes:
            baseline = f"heartbeat/{fast_map}/{choice}/{size}"
            for way, shown, limit in (
                ("one", "one at a time", 2.0),
                ("one_unheard", "one at a time, nobody listens", 2.0),
                ("batched", "batched", {100000: 0.8, 1000000: 0.5}.get(size)),
            ):
                report.compare(f"heartbeat, {shown}, {choice}, {users(size)}", f"heartbeat/{way}/{choice}/{size}",
                               baseline, shown_map, limit)
    for size in sizes:
        for way, shown, limit in (
            ("one", "one at a time", 0.06),
            ("one_unheard", "one at a time, nobody listens", 0.06),
            ("batched_heard", "batched, somebody listens", 0.03),
            ("batched", "batched", 0.03),
        ):
            target, name = f"whole mix, {shown}, {users(size)}", f"mix/{way}/{size}"
            if size <= 100000:
                report.compare(target, name, f"mix/std_maps/{size}", "std maps, scanned",
                               limit if size == 100000 else None)
            else:
                report.time(target, name)

    of = f", {users(memory['users'])}"
    report.value("memory per user" + of, memory["bytes_per_user"], 176, "bytes")
    rich = memory["rich_bytes_per_user"]
    for kind, shown, limit in (("plain", "1.3 sessions", 176), ("status", "1.3 sessions and a status of 15 bytes", 176),
                               ("idle", "1.3 sessions that become idle", None),
                               ("activity", "an activity of 100 bytes", 400),
                               ("sessions", "1.3 sessions, each with an availability and 100 bytes", None),
                               ("data", "5 names of data", None)):
        report.value(f"memory per user with {shown}, 10 k", rich[kind], limit, "bytes")
    report.value("peak of memory while they are built" + of, memory["peak_megabytes"], unit="MiB")
    for kind, shown in (("heartbeat", "heartbeat"), ("disconnect", "disconnect"),
                        ("third_connect", "reconnect of a known session, its third connect in two minutes"),
                        ("fourth_connect", "reconnect of a known session, its fourth connect in two minutes")):
        report.value(f"allocations per {shown}{of}", memory["allocations"][kind], 0, "allocations")

    for size in sizes:
        report.time(f"taking a snapshot, {users(size)}", f"snapshots/take/{size}", 20)
    for size in sizes:
        for way, shown in (("write", ""), ("write_batched", ", batched")):
            target, name = f"update, 100 kept, 1,000 updates each{shown}, {users(size)}", f"snapshots/{way}/{size}"
            if size in IMMER_MAP_UPDATE:
                report.compare(target, name, IMMER_MAP_UPDATE[size], "recorded: immer::map", 0.3)
            else:
                report.time(target, name)
        report.time(f"giving one of them back, per update, {users(size)}", f"snapshots/give_back/{size}")
    for way, shown in (("diff", "at one instant"), ("diff_later", "a second apart")):
        for size in sizes:
            report.time(f"diff, 1,000 changes, {shown}, per change, {users(size)}", f"snapshots/{way}/{size}", 500)
        report.compare(f"diff, {shown}: growth from {users(sizes[0])} to {users(sizes[-1])}",
                       f"snapshots/{way}/{sizes[-1]}", f"snapshots/{way}/{sizes[0]}", users(sizes[0]))
    for size in sizes:
        report.time(f"advance, nothing due, {users(size)}", f"passing/idle/{size}", 100)
    report.time("advance, per expired session, 100 k", "passing/expire/100000", 60)
    for size in (100000, 1000000):
        report.time(f"next_deadline after each heartbeat, each user every 25 s, {users(size)}", f"passing/next_deadline/{size}", 1000)
    for size in sizes:
        for way, kind, shown, limit in (("equal", "equal", "equal, nothing shared, never met before", 0.1),
                                        ("equal_again", "equal", "equal, nothing shared, found equal before", 0.1),
                                        ("newer", "newer", "10 % newer", 0.5)):
            for theirs, order in (("list", "other in an order of its own"), ("map", "other in table order")):
                report.compare(f"merge, {shown}, per user, {users(size)}", f"merging/{way}/{size}",
                               f"merging/{theirs}_{kind}/{size}", f"{shown_map}, {order}",
                               limit if size == 1000000 else None)

    for kind in ("heartbeat", "connect", "status", "disconnect"):
        for together, shown in ((1, "one at a time"), (64, "64 at a time")):
            report.compare(f"merging a message of events, {kind}, {shown}, per event, 100 k",
                           f"merging/message_{kind}/{together}", f"merging/applied_{kind}/{together}", "applying them", 1.5)

    for shown, name in (("and(eq type, in 2 members)", "messaging"), ("in(id, 100 ids)", "ids")):
        report.compare(f"filter over 100 k channels, {shown}, per channel", f"queries/filter_{name}/100000",
                       f"queries/lambda_{name}/100000", "lambda", 1.3)
    for size in sizes:
        report.time(f"query of 100 users by id, per user found, {users(size)}", f"queries/look_up/{size}")
    report.time("delivery of a change to one of 1,000 viewers who watch the user, 10 k viewers",
                "queries/deliver/100000")

    for size in sizes:
        of_size = users(size)
        for way, shown, limit in (("online", "`online` of a user", 1.5), ("view", "`view` of a user", 2),
                                  ("find", "`find` of a user", 3),
                                  ("together", "`views` of 512 users at once, per user", 0.6 if size >= 1000000 else None)):
            report.compare(f"{shown}, {of_size}", f"reads/{way}/{size}", f"reads/map/{size}", f"{shown_map}, find", limit)
        report.time(f"going over all users, per user, {of_size}", f"reads/iterate/{size}",
                    {100000: 15, 1000000: 25}.get(size))
        report.time(f"30 users online who were active last, {of_size}", f"reads/first_page/{size}",
                    1000000 if size == 100000 else None)

    for size in (size for size in sizes if size <= 100000):
        for kind in ("heartbeat", "connect"):
            for way, shown, limit in (("encoded", "another thread encodes one copy after the other", 2.0),
                                      ("copying", "a copy is taken every 20,480 events and not read", None)):
                report.compare(f"{kind} while {shown}, {users(size)}", f"sharing/{kind}_{way}/{size}",
                               f"sharing/{kind}_alone/{size}", "without copies", limit)

    for kind in ("heartbeat", "connect"):
        for way, shown in (("idle", "sessions become idle"), ("rich", "two sessions with availability and activity")):
            report.compare(f"{kind}, {shown}, 100 k", f"kinds/{kind}_{way}/100000", f"kinds/{kind}/100000", "plain")

    for scene, shown in (("friends", "10 k viewers who watch 100 users each"),
                         ("room", "a channel of 10 k members who all watch it")):
        report.compare(f"notification of one viewer, {shown}", f"live/notify/{scene}/10000",
                       f"live/notify/{scene}_plain/10000", "std::function in a map")
    room = memory["room_bytes_per_member"]
    for kind, shown in (("users", "watched by its users"), ("sessions", "watched by their sessions")):
        report.add(f"memory of a channel of 10 k members, {shown}, per member", measured=f"{digits(room[kind])} bytes",
                   baseline=f"std::vector<std::string> {digits(room['ids'])} bytes",
                   ratio=f"{room[kind] / room['ids']:.3g}")
    report.value("memory of a subscription", room["subscription"], unit="bytes")
    for size in (size for size in sizes if size <= 100000):
        for kind, shown in (("heartbeat", "heartbeat"), ("status", "status"), ("mix", "whole mix")):
            for way, how in (("dispatch", "no viewers"), ("dispatch_tracked", "no viewers, ends of sessions tracked")):
                report.compare(f"dispatch, {shown}, {how}, {users(size)}", f"live/{way}/{kind}/{size}",
                               f"live/apply/{kind}/{size}", "apply, one at a time")
        for way, how in (("dispatch_256", "in the order of calls"), ("dispatch_256_any_order", "in any order")):
            report.compare(f"dispatch of 256 events at once, whole mix, {how}, {users(size)}",
                           f"live/{way}/mix/{size}", f"live/apply_256/mix/{size}", "apply of the range")
        for way in ("next_wakeup", "next_deadline"):
            report.compare(f"dispatch and {way}, each session every 25 s, {users(size)}", f"live/wakeup/{way}/{size}",
                           f"live/wakeup/not_asked/{size}", "dispatch alone")

    payload = "parse of a 410-byte payload"
    report.compare(payload, "text/parse_event", "text/simdjson", "simdjson on demand, instants left as text", 1.0)
    report.compare(payload, "text/parse_event", "text/simdjson_instants", "simdjson on demand, instants read", 1.0)
    report.compare(payload, "text/parse_event", "text/nlohmann", "nlohmann", 0.06)
    report.compare(payload + ", with data", "text/parse_event_data", "text/nlohmann", "nlohmann", 0.3)
    report.compare("RFC 3339, parse", "text/parse_instant", "text/strptime", "strptime + timegm", 0.3)
    report.compare("RFC 3339, format", "text/format_instant", "text/strftime", "gmtime_r + strftime", 0.2)

    for way, shown in (("encode", "encode, per user"), ("decode", "decode, per user"),
                       ("encode_delta", "encode a delta of 1,000 changes, per change"),
                       ("apply_delta", "apply a delta of 1,000 changes, per change"),
                       ("encode_events", "encode batches of 256 heartbeats, per event"),
                       ("decode_events", "decode batches of 256 heartbeats, per event")):
        for size in sizes:
            report.time(f"{shown}, {users(size)}", f"wire/{way}/{size}")
    for differences in (1, 100, 10000):
        for size in sizes:
            report.time(f"two nodes agree, {differences:,} differences, all they do, {users(size)}",
                        f"wire/exchange_{differences}/{size}")
    encoded = memory["encoded_bytes"]
    report.value("encoded, per user" + of, encoded["user"], unit="bytes")
    report.value("encoded for others, per user" + of, encoded["user_for_others"], unit="bytes")
    report.value("a delta of 1,000 changes, per change" + of, encoded["change"], unit="bytes")
    for one in memory["exchanges"]:
        report.value(f"two nodes agree, {one['differences']:,} differences{of}", one["messages"], unit="messages")
        report.value(f"two nodes agree, {one['differences']:,} differences{of}", one["bytes"], unit="bytes")

    for peer, figures in PEERS.items():
        pairs = [(kind, f"kinds/{kind}/100000", figure) for kind, figure in zip(KINDS, figures)]
        if peer.startswith("y-protocols"):
            pairs.append(("expiry", "passing/expire/100000", Y_PROTOCOLS_EXPIRY))
        report.worst(f"any event, 100 k, against {peer}", pairs, "recorded", 0.1)


def plain(rows):
    table = [Report.COLUMNS] + [tuple(row.values()) for row in rows]
    widths = [max(len(line[i]) for line in table) for i in range(len(Report.COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in table]
    return "\n".join(lines[:1] + ["  ".join("-" * width for width in widths)] + lines[1:]) + "\n"


def markdown(rows):
    table = [Report.COLUMNS, ("---",) * len(Report.COLUMNS)] + [tuple(row.values()) for row in rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in table)


def call(command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode != 0 or not done.stdout:
        sys.exit(f"{' '.join(command)}: exit status {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def measure(bench, sizes, repetitions):
    """The times of all rounds, by benchmark; and what the harness says of the machine."""
    # One process for each group: what is compared is near in time, and what is not does not share the memory.
    groups = ["^text/"] + [f"^{topic}/(.*/)?{size}/" for size in sizes
                           for topic in ("heartbeat", "mix", "kinds", "snapshots", "passing", "merging", "queries", "reads",
                                     "sharing", "live",
                                     "wire")]
    listed = subprocess.run([bench, "--benchmark_list_tests"], stdout=subprocess.PIPE, text=True, check=True).stdout
    rounds, machine = {}, {}
    for group in groups:
        if not any(re.search(group, name) for name in listed.splitlines()):
            continue
        print(f"measuring {group.strip('^')}", file=sys.stderr, flush=True)
        result = call([bench, f"--benchmark_filter={group}", "--benchmark_format=json",
                       "--benchmark_enable_random_interleaving=true", f"--benchmark_repetitions={repetitions}"])
        machine = result["context"]
        for one in result["benchmarks"]:
            if one.get("error_occurred"):
                sys.exit(f"{one['name']}: {one['error_message']}")
            if one["run_type"] == "iteration":
                rounds.setdefault(one["name"].split("/iterations:")[0], []).append(one["real_time"])
    return rounds, machine


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bench", required=True, help="the program that times")
    parser.add_argument("--memory", required=True, help="the program that counts allocations")
    parser.add_argument("--markdown", metavar="FILE", help="write the table there as well")
    parser.add_argument("--json", metavar="FILE", help="write all that was measured there")
    parser.add_argument("--quick", action="store_true", help="at most 100,000 users, 3 rounds instead of 7")
    options = parser.parse_args()

    sizes = QUICK_SIZES if options.quick else SIZES
    rounds, machine = measure(os.path.abspath(options.bench), sizes, 3 if options.quick else 7)
    print("measuring memory", file=sys.stderr, flush=True)
    memory = call([os.path.abspath(options.memory), str(sizes[-1])])

    report = Report(rounds)
    fill(report, sizes, memory)
    print(plain(report.rows), end="")
    if options.markdown:
        pathlib.Path(options.markdown).write_text(markdown(report.rows), encoding="utf-8")
    if options.json:
        everything = {
            "at": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "machine": {"platform": platform.platform(), "harness": machine},
            "quick": options.quick,
            "rounds_ns": rounds,
            "median_ns": report.medians,
            "memory": memory,
            "rows": report.rows,
        }
        pathlib.Path(options.json).write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
