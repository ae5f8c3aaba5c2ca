#!/usr/bin/env python3
"""Runs the replay example as a person would, and holds what it says against a count of its own.

usage: test_replay.py REPLAY [UNITTEST-ARGUMENT...]
"""
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import unittest

TESTS = pathlib.Path(__file__).resolve().parents[1]
WEEK = TESTS / "data" / "community-week.jsonl"
COUNT = TESTS / "tools" / "count_log.py"
YEAR = os.environ.get("PRESENCE_YEAR_LOG", "")
REPLAY = []


def line(type, at, user="ada", session="phone", **more):
    event = {"type": type, "user": user, "at": f"2026-03-02T08:{at}Z", **more}
    if type in ("connect", "disconnect", "heartbeat"):
        event["session"] = session
    return json.dumps(event)


def replay(*arguments, text=None, status=0):
    done = subprocess.run([*REPLAY, *arguments], input=text, capture_output=True, text=True, encoding="utf-8")
    if done.returncode != status:
        raise AssertionError(f"exit status {done.returncode}, not {status}: {done.stderr}")
    return done


def summary(output):
    """What is said after the changes: counts, and who is online."""
    found = re.search(
        r"^(?P<events>\d+) events: (?P<applied>\d+) applied, (?P<unchanged>\d+) unchanged(?:, (?P<late>\d+) too late)?"
        r"(?:, (?P<after>\d+) after the instant asked for)?(?:; (?P<bad>\d+) bad lines skipped)?\n"
        r"(?P<users>\d+) users, (?P<changes>\d+) changes\n(?:(?P<online>\d+) online at \S+\n(?P<who>(?:\{.*\n)*))?\Z",
        output, re.MULTILINE)
    if not found:
        raise AssertionError("no summary in: " + output)
    counts = {name: int(value or 0) for name, value in found.groupdict().items() if name != "who"}
    users = [json.loads(user) for user in (found["who"] or "").splitlines()]
    return counts, users


class Counts(unittest.TestCase):
    def check(self, log, *options):
        expected = json.loads(subprocess.run([sys.executable, str(COUNT), *options, str(log)], check=True, capture_output=True).stdout)
        output = replay("--changes", *options, str(log)).stdout
        counts, users = summary(output)
        changes = [json.loads(change) for change in output.splitlines() if '"user.presence.changed"' in change]
        self.assertEqual(counts["events"], expected["events"])
        self.assertEqual(counts["applied"], expected["applied"])
        self.assertEqual(counts["unchanged"], expected["unchanged"])
        self.assertEqual(counts["late"], expected["too_late"])
        self.assertEqual(counts["users"], expected["users_known"])
        self.assertEqual(counts["changes"], expected["changes"])
        self.assertEqual(sorted(user["id"] for user in users), expected["online_at_end"])
        self.assertEqual(len(changes), expected["changes"])
        # The changes tell the whole story.
        online = {}
        for change in changes:
            online[change["user"]["id"]] = change["user"]["online"]
        self.assertEqual(sorted(user for user in online if online[user]), expected["online_at_end"])

    def test_week(self):
        for options in ([], ["--timeout", "0"], ["--timeout", "2700"], ["--timeout", "1800", "--grace", "60"], ["--timeout", "0", "--refresh", "0"]):
            with self.subTest(options):
                self.check(WEEK, *options)

    @unittest.skipUnless(YEAR, "PRESENCE_YEAR_LOG names no log")
    def test_year(self):
        for options in (["--timeout", "0"], ["--timeout", "1800"], ["--timeout", "1800", "--grace", "300"]):
            with self.subTest(options):
                self.check(YEAR, *options)


class BadLines(unittest.TestCase):
    good = [line("connect", "15:00.000"), line("connect", "15:01.000", "kofi"), line("heartbeat", "15:20.000")]

    def check(self, bad, said):
        whole, _ = summary(replay(text="\n".join(self.good) + "\n").stdout)
        for place in range(len(self.good) + 1):
            text = "\n".join(self.good[:place] + [bad] + self.good[place:]) + "\n"
            done = replay(text=text, status=1)
            counts, _ = summary(done.stdout)
            self.assertEqual(counts["bad"], 1)
            self.assertEqual(done.stderr, f"-:{place + 1}: {said}\n")
            for name in ("applied", "users", "changes", "online"):
                self.assertEqual(counts[name], whole[name], name)

    def test_not_json(self):
        self.check("connect ada", "byte 0: expected a value")

    def test_cut_short(self):
        text = line("connect", "15:00.000")[:-2]
        self.check(text, f"byte {len(text)}: the text is truncated")

    def test_unknown_type(self):
        self.check('{"type":"teleport","user":"ada","session":"phone","at":"2026-03-02T08:15:00.000Z"}', "byte 8: unknown type of event")

    def test_instant_out_of_range(self):
        bad = '{"type":"heartbeat","user":"ada","session":"phone","at":"2300-03-02T08:15:00.000Z"}'
        self.check(bad, "byte 56: the timestamp is outside the years 1677 to 2262")

    def test_empty_id(self):
        self.check(line("connect", "15:00.500", ""), "invalid: an empty id or a timestamp out of range")

    def test_long_id(self):
        self.check(line("connect", "15:00.500", "a" * 256), "over the limit for ids, texts, sessions or users")

    def test_long_status(self):
        self.check(line("status", "15:00.500", status="x" * 1025), "over the limit for ids, texts, sessions or users")

    def test_one_among_the_events_of_an_instant(self):
        text = "\n".join([line("connect", "15:00.000"), line("connect", "15:00.000", ""), line("connect", "15:00.000", "kofi")])
        done = replay(text=text, status=1)
        self.assertEqual(done.stderr, "-:2: invalid: an empty id or a timestamp out of range\n")
        self.assertEqual(summary(done.stdout)[0]["users"], 2)


class Options(unittest.TestCase):
    def test_file_and_standard_input_give_the_same(self):
        text = WEEK.read_text(encoding="utf-8")
        self.assertEqual(replay(str(WEEK)).stdout, replay(text=text).stdout)
        self.assertEqual(replay(str(WEEK)).stdout, replay("-", text=text).stdout)

    def test_lines_that_end_as_on_windows_and_empty_ones(self):
        text = WEEK.read_text(encoding="utf-8")
        self.assertEqual(replay(text=text.replace("\n", "\r\n\r\n")).stdout, replay(text=text).stdout)

    def test_at_gives_what_the_changes_up_to_then_add_up_to(self):
        output = replay("--changes", "--timeout", "2700", str(WEEK)).stdout
        changes = [json.loads(change) for change in output.splitlines() if '"user.presence.changed"' in change]
        for at in ("2026-03-02T00:00:00Z", "2026-03-04T12:34:56Z", "2026-03-07T20:00:00.5Z"):
            online = {}
            for change in changes:
                # Written alike, instants compare as texts do.
                if change["created_at"][:19] < at[:19]:
                    online[change["user"]["id"]] = change["user"]["online"]
            _, users = summary(replay("--at", at, "--timeout", "2700", str(WEEK)).stdout)
            self.assertEqual(sorted(user["id"] for user in users), sorted(user for user in online if online[user]), at)

    def test_at_passes_the_deadlines_after_the_last_event(self):
        counts, users = summary(replay("--at", "2026-04-01T00:00:00Z", "--timeout", "2700", str(WEEK)).stdout)
        self.assertEqual((counts["users"], users), (60, []))

    def test_an_empty_log(self):
        counts, users = summary(replay(text="").stdout)
        self.assertEqual((counts["events"], counts["users"], users), (0, 0, []))

    def test_wrong_use(self):
        for arguments in (["--nonsense"], ["--at"], ["--at", "yesterday"], ["--timeout", "-1"], ["--timeout", "1x"], ["--grace", ""]):
            with self.subTest(arguments):
                self.assertIn("usage: replay", replay(*arguments, text="", status=2).stderr)
        with tempfile.TemporaryDirectory() as folder:
            self.assertIn("cannot read", replay(os.path.join(folder, "absent.jsonl"), status=2).stderr)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    REPLAY = shlex.split(os.environ.get("MESON_EXE_WRAPPER", "")) + [sys.argv.pop(1)]
    unittest.main()
