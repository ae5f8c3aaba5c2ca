#!/usr/bin/env python3
"""Checks the pictures that the replay example draws, against a count of its own and against spans written by hand.

usage: test_timeline.py REPLAY [UNITTEST-ARGUMENT...]
"""
import base64
import difflib
import hashlib
import html.parser
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.dont_write_bytecode = True
sys.path.insert(0, str(TESTS / "tools"))
import count_log  # noqa: E402

WEEK = TESTS / "data" / "community-week.jsonl"
EXPECTED = TESTS / "examples" / "week.svg"
EXPECTED_OPTIONS = ["--timeout", "2700", "--viewer", "carmen"]
YEAR = os.environ.get("PRESENCE_YEAR_LOG", "")
REPLAY = []
SVG = "{http://www.w3.org/2000/svg}"
SECOND = 10**9
LEFT, WIDTH, LEAST_WIDTH = 1440, 8000, 10  # tenths of a pixel


def run(*arguments, text=None):
    return subprocess.run([*REPLAY, *arguments], input=text, capture_output=True, text=True, encoding="utf-8")


def draw(*options, text=None, log=None, status=0):
    """Returns the SVG and the HTML."""
    with tempfile.TemporaryDirectory() as folder:
        svg, page = pathlib.Path(folder, "log.svg"), pathlib.Path(folder, "log.html")
        done = run("--svg", str(svg), "--html", str(page), *options, str(log or "-"), text=text)
        if done.returncode != status:
            raise AssertionError(f"exit status {done.returncode}, not {status}: {done.stderr}")
        return svg.read_bytes().decode("utf-8"), page.read_bytes().decode("utf-8")


def event(type, at, user="ada", **more):
    """`at`: a time of 2026-03-02, or a whole timestamp"""
    at = at if "T" in at else f"2026-03-02T{at}Z"
    if type in ("connect", "disconnect", "heartbeat", "active", "update"):
        more = {"session": "phone", **more}
    return json.dumps({"type": type, "user": user, "at": at, **more}) + "\n"


def rows_of(picture):
    return [group for group in xml.etree.ElementTree.fromstring(picture).iter(SVG + "g") if group.get("class") == "row"]


def bars_of(page):
    """{id: [(state, times, begin, end, status, left, width)]} of a page, with lengths in tenths of a pixel"""
    found = {}
    for row in rows_of(page):
        name = re.fullmatch(r"(.*): (?:never online|online for .*)", row.find(SVG + "title").text, re.DOTALL)[1]
        bars = found.setdefault(name, [])
        for span in row.findall(SVG + "g"):
            title, path = span.find(SVG + "title").text, span.find(SVG + "path")
            assert title.startswith(name + ": "), title
            text = re.fullmatch(r"(\w+)(?:, (\d+) times)?, (\S+) to (\S+?)(?: \([^)]*\))?(?:, status: (.*))?", title[len(name) + 2:], re.DOTALL)
            place = re.match(r"M([\d.]+) [\d.]+h([\d.]+)", path.get("d"))
            state = "online" if path.get("class") == "available" else path.get("class")
            assert text[1] == state, title
            bars.append((state, int(text[2] or 1), count_log.instant(text[3]), count_log.instant(text[4]), text[5] or "",
                         round(float(place[1]) * 10), round(float(place[2]) * 10)))
    return found


def spans_of(page):
    """{id: [(state, begin, end, status)]} of a page on which no bar stands for several spans"""
    found = bars_of(page)
    assert all(bar[1] == 1 for bars in found.values() for bar in bars)
    return {name: [(state, *rest[1:4]) for state, *rest in map(list, bars)] for name, bars in found.items()}


class Oracle(count_log.Log):
    """Collects what `viewer` sees, by the plain count of tools/count_log.py, which uses nothing of the library."""

    def __init__(self, viewer, **rules):
        super().__init__(count_log.Rules(**rules))
        self.viewer, self.first, self.spans, self.open = viewer, None, {}, {}

    def look(self, name, at):
        user = self.users[name]
        self.first = at if self.first is None else self.first
        seen = user.view(at, self.rules)
        state = "online" if seen and seen[0] else None
        if name == self.viewer:
            state = "online" if at < user.online_until(self.rules) else None
            if state and user.hidden_since() != count_log.NEVER:
                state = "invisible"
        elif seen is None:
            return
        spans = self.spans.setdefault(name, [])
        status = re.sub("[\t\n\r]", " ", seen[1] if seen else "")
        now = (state, status) if state else None
        last = self.open.get(name)
        if now == (last and last[:2]):
            return
        if last and last[2] < at:
            spans.append((last[0], last[2], at, last[1]))
        self.open[name] = now and (*now, at)

    def all_spans(self):
        for name, last in self.open.items():
            if last:
                self.spans[name].append((last[0], last[2], self.now, last[1]))
        return self.spans

    def bars(self):
        """The same as `bars_of`: spans that would overlap are one bar."""
        begin, end = self.first // 10**6, self.now // 10**6
        x = lambda at: LEFT + (at // 10**6 - begin) * WIDTH // (end - begin)
        found = {}
        for name, spans in self.all_spans().items():
            bars, latest = [], {}
            for state, since, until, status in spans:
                left = min(x(since), LEFT + WIDTH - LEAST_WIDTH)
                right = max(x(until), left + LEAST_WIDTH)
                last = latest.get(state)
                if last is not None and left < bars[last][5]:
                    one = bars[last]
                    bars[last] = (state, one[1] + 1, one[2], until, "", max(right, one[5]), one[6])
                else:
                    latest[state] = len(bars)
                    bars.append((state, 1, since, until, status, right, left))
            found[name] = [(*bar[:5], bar[6], bar[5] - bar[6]) for bar in bars]
        return found


class Spans(unittest.TestCase):
    def check(self, log, viewer, timeout, grace):
        with open(log, encoding="utf-8") as file:
            events = count_log.read(file)
        oracle = Oracle(viewer, timeout=timeout * SECOND, grace=grace * SECOND)
        oracle.replay(events)
        options = ["--timeout", str(timeout), "--grace", str(grace)] + (["--viewer", viewer] if viewer else [])
        expected, found = oracle.bars(), bars_of(draw(*options, log=log)[1])
        self.assertEqual(list(found), sorted(expected, key=lambda name: name.encode("utf-8")))
        for name, bars in expected.items():
            self.assertEqual(found[name], bars, name)

    def test_the_week_is_as_counted_without_the_library(self):
        for viewer in ("", "carmen", "petra"):
            for timeout, grace in ((2700, 0), (1800, 600), (0, 0)):
                with self.subTest(viewer=viewer, timeout=timeout, grace=grace):
                    self.check(WEEK, viewer, timeout, grace)

    story = [
        event("connect", "08:00:00", status="hi"),
        event("connect", "08:00:00", "bob"),
        event("update", "08:10:00", "bob", availability="busy"),
        event("heartbeat", "08:30:00"),  # idle before, as of 08:20
        event("visible", "08:40:00", invisible=True),
        event("update", "08:40:00", "bob", availability="away"),
        event("heartbeat", "08:55:00", "bob"),
        event("status", "09:00:00", status="in a match", until="2026-03-02T09:05:00Z"),  # ada times out at 09:15
        event("disconnect", "09:10:00", "bob"),
        event("connect", "09:30:00", "bob"),
        event("connect", "09:40:00", "cleo", invisible=True),
        event("visible", "09:50:00", invisible=False),  # ada has no session
        event("connect", "09:55:00", invisible=False),
        event("availability", "09:56:00", availability="busy", until="2026-03-02T09:58:00Z"),
        event("disconnect", "10:00:00", "bob"),
    ]
    options = ["--timeout", "2700", "--idle", "1200"]

    def expect(self, viewer, expected):
        at = lambda text: count_log.instant(f"2026-03-02T{text}Z")
        page = draw(*self.options, *viewer, text="".join(self.story))[1]
        self.assertEqual(spans_of(page), {name: [(state, at(begin), at(end), status) for state, begin, end, status in spans]
                                          for name, spans in expected.items()})

    bob = [("online", "08:00:00", "08:10:00", ""), ("busy", "08:10:00", "08:40:00", ""), ("away", "08:40:00", "09:10:00", ""),
           ("online", "09:30:00", "09:50:00", ""), ("idle", "09:50:00", "10:00:00", "")]
    ada_at_last = [("online", "09:55:00", "09:56:00", ""), ("busy", "09:56:00", "09:58:00", ""), ("online", "09:58:00", "10:00:00", "")]

    def test_others_see_no_trace_of_the_invisible(self):
        self.expect([], {
            "ada": [("online", "08:00:00", "08:20:00", "hi"), ("idle", "08:20:00", "08:30:00", "hi"), ("online", "08:30:00", "08:40:00", "hi"), *self.ada_at_last],
            "bob": self.bob,
        })

    def test_viewers_see_themselves_as_they_are(self):
        self.expect(["--viewer", "ada"], {
            "ada": [("online", "08:00:00", "08:20:00", "hi"), ("idle", "08:20:00", "08:30:00", "hi"), ("online", "08:30:00", "08:40:00", "hi"),
                    ("invisible", "08:40:00", "09:00:00", "hi"), ("invisible", "09:00:00", "09:05:00", "in a match"),
                    ("invisible", "09:05:00", "09:15:00", ""), *self.ada_at_last],
            "bob": self.bob,
        })
        page = draw(*self.options, "--viewer", "cleo", text="".join(self.story))[1]
        self.assertEqual(list(spans_of(page)), ["ada", "bob", "cleo"])
        self.assertEqual(spans_of(page)["cleo"][0][0], "invisible")

    def test_of_two_changes_with_one_timestamp_the_last_counts(self):
        # An event that comes late changes what is seen at the time of its arrival.
        late = event("connect", "08:00:00") + event("status", "07:59:30", status="late") + event("disconnect", "08:10:00")
        for viewer in ([], ["--viewer", "ada"]):
            spans = spans_of(draw("--timeout", "0", *viewer, text=late)[1])["ada"]
            self.assertEqual([(state, status) for state, _, _, status in spans], [("online", "late")])

    def test_a_viewer_who_is_never_invisible_sees_what_all_others_see(self):
        options = ["--timeout", "2700", "--idle", "900"]
        expected = bars_of(draw(*options, log=WEEK)[1])
        self.assertTrue(any(bar[0] == "idle" for bar in expected["tomas"]))
        for viewer in ("tomas", "ada", "nobody of this name"):
            with self.subTest(viewer):
                self.assertEqual(bars_of(draw(*options, "--viewer", viewer, log=WEEK)[1]), expected)

    def test_both_pictures_have_the_same_bars(self):
        svg, page = draw("--timeout", "2700", "--idle", "900", "--viewer", "carmen", log=WEEK)
        rows = {row.find(SVG + "title").text.split(": ")[0]: row for row in rows_of(svg)}
        for name, bars in bars_of(page).items():
            covered = {}
            for state, *_, left, width in bars:
                covered.setdefault("available" if state == "online" else state, set()).update(range(left, left + width))
            for path in rows[name].findall(SVG + "path"):
                lines = re.findall(r"M([\d.]+) [\d.]+h([\d.]+)", path.get("d"))
                drawn = {x for left, width in lines for x in range(round(float(left) * 10), round(float(left) * 10) + round(float(width) * 10))}
                self.assertEqual(drawn, covered.pop(path.get("class")), name)
            self.assertEqual(covered, {})


class Chart(unittest.TestCase):
    def test_the_number_of_users_online_is_a_step_chart(self):
        log = (event("connect", "08:00:00") + event("connect", "08:10:00", "bob") + event("connect", "08:20:00", "cleo")
               + event("disconnect", "08:30:00") + event("disconnect", "08:40:00", "bob"))
        svg, _ = draw("--timeout", "0", text=log)
        chart = next(path for path in xml.etree.ElementTree.fromstring(svg).iter(SVG + "path") if path.get("class") == "count")
        start, bottom, steps = re.fullmatch(r"M([\d.]+) ([\d.]+)(.*)", chart.get("d")).groups()
        heights = [(float(x), round((float(bottom) - float(y)) / 30)) for x, y in re.findall(r"H([\d.]+)V([\d.]+)", steps)]
        self.assertEqual(heights, [(144, 1), (344, 2), (544, 3), (744, 2), (944, 1), (944, 0)])
        self.assertEqual(start, "144")
        self.assertEqual(chart.find(SVG + "title").text, "At most 3 online at once, first at 2026-03-02T08:20:00.000Z")

    def test_the_highest_number_is_drawn_however_short_it_was(self):
        log = event("connect", "2026-01-01T00:00:00Z") + event("connect", "2026-06-01T00:00:00Z", "bob")
        log += event("disconnect", "2026-06-01T00:00:01Z", "bob") + event("disconnect", "2026-12-31T00:00:00Z")
        svg, _ = draw("--timeout", "0", text=log)
        chart = re.search(r"<path class='count' d='M144 ([\d.]+)(\S+)'", svg)
        self.assertIn(min(re.findall(r"V([\d.]+)", chart[2]), key=float), str(float(chart[1]) - 90))
        self.assertIn("at most 2 online at once", svg)


class Axis(unittest.TestCase):
    def labels(self, begin, end):
        svg, _ = draw("--timeout", "0", text=event("connect", begin) + event("disconnect", end))
        texts = xml.etree.ElementTree.fromstring(svg).iter(SVG + "text")
        rows = {}
        for text in texts:
            if text.get("y") in ("100", "86"):
                rows.setdefault(text.get("y"), []).append((float(text.get("x")), text.text))
        for row in rows.values():
            for (x, text), (next_x, _) in zip(row, row[1:] + [(980, "")]):
                self.assertLess(x + len(text) * 6.5, next_x + 2, row)
        return [text for _, text in rows.get("86", [])], [text for _, text in rows.get("100", [])]

    def test_labels_fit_the_length_of_the_log(self):
        for begin, end, context, labels in (
                ("2026-03-02T08:00:00Z", "2026-03-02T08:00:20Z", ["Mon 2 Mar"], [f"08:00:{s:02}" for s in range(0, 20, 2)]),
                ("2026-03-02T08:00:00Z", "2026-03-02T08:10:00Z", ["Mon 2 Mar"], [f"08:{m:02}" for m in range(10)]),
                ("2026-03-02T21:59:00Z", "2026-03-03T03:00:00Z", ["Mon 2 Mar", "Tue 3 Mar"],
                 ["22:00", "22:30", "23:00", "23:30", "00:00", "00:30", "01:00", "01:30", "02:00", "02:30"]),
                ("1969-12-31T10:30:00Z", "1969-12-31T14:00:00Z", ["Wed 31 Dec"],
                 ["10:30", "10:45", "11:00", "11:15", "11:30", "11:45", "12:00", "12:15", "12:30", "12:45", "13:00", "13:15", "13:30", "13:45"]),
                ("2024-02-28T00:00:00Z", "2024-03-02T01:00:00Z", ["Wed 28 Feb", "Thu 29 Feb", "Fri 1 Mar"],
                 [f"{h:02}:00" for h in range(0, 24, 6)] * 3),
                ("1969-12-28T00:00:00Z", "1970-01-10T00:00:00Z", ["Dec 1969", "Jan 1970"],
                 ["Sun 28", "Mon 29", "Tue 30", "Wed 31", "Thu 1", "Fri 2", "Sat 3", "Sun 4", "Mon 5", "Tue 6", "Wed 7", "Thu 8", "Fri 9"]),
                ("2026-01-01T00:00:00Z", "2026-03-15T00:00:00Z", ["Jan 2026", "Feb 2026", "Mar 2026"],
                 ["Mon 5", "Mon 12", "Mon 19", "Mon 26", "Mon 2", "Mon 9", "Mon 16", "Mon 23", "Mon 2", "Mon 9"]),
                ("2025-07-10T00:00:00Z", "2026-05-10T00:00:00Z", ["2025", "2026"],
                 ["Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb", "Mar", "Apr", "May"]),
                ("2001-06-01T00:00:00Z", "2011-06-01T00:00:00Z", [], [str(year) for year in range(2002, 2012)])):
            with self.subTest(begin=begin, end=end):
                self.assertEqual(self.labels(begin, end), (context, labels))

    def test_logs_of_any_length_have_an_axis(self):
        for begin, end in (("1677-09-22T00:00:00Z", "2262-04-11T00:00:00Z"), ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000000001Z"),
                           ("1969-12-31T23:59:59.999Z", "1970-01-01T00:00:00.001Z"), ("2262-04-11T23:47:10Z", "2262-04-11T23:47:16Z")):
            with self.subTest(begin):
                self.assertTrue(0 < len(self.labels(begin, end)[1]) <= 18)


class Users(unittest.TestCase):
    def draw_users(self, count):
        log = "".join(event("connect", f"08:{i // 60:02}:{i % 60:02}", f"user-{i:03}") for i in range(count))
        log += event("visible", "09:00:00", "user-000", invisible=False)
        svg, _ = draw("--timeout", "0", text=log)
        return xml.etree.ElementTree.fromstring(svg), [row.find(SVG + "text").text for row in rows_of(svg)]

    def test_one(self):
        root, rows = self.draw_users(1)
        self.assertEqual((root.get("width"), rows), ("960", ["user-000"]))

    def test_60_fit(self):
        root, rows = self.draw_users(60)
        self.assertEqual(rows, [f"user-{i:03}" for i in range(60)])
        self.assertNotIn("Not drawn", "".join(root.itertext()))

    def test_of_300_those_with_most_time_online_are_drawn(self):
        root, rows = self.draw_users(300)
        self.assertEqual(rows, [f"user-{i:03}" for i in range(60)])
        self.assertIn("Not drawn: 240 users with less time online.", "".join(root.itertext()))
        self.assertIn("300 users, as others see them; at most 300 online at once", "".join(root.itertext()))
        self.assertLess(float(root.get("height")), 1400)

    def test_users_who_were_never_online_have_a_row(self):
        svg, page = draw(text=event("status", "08:00:00", status="soon"))
        self.assertEqual(bars_of(page), {"ada": []})
        self.assertIn("<title>ada: never online</title>", svg)


class Hostile(unittest.TestCase):
    ids = ["<script>alert(1)</script>", "</title></svg><script>alert(2)</script>", "a&b &lt; &#0; \"q\" 'q' x='y'", "]]>--><!--", "\u202eright to left\u2066\u061c\u200f\u2028",
           "\x01\x08\x1f\x7f\x85", "\ufffe\uffff\U0001fffe", "日本語の長い名前の利用者です、とても長い", "e\u0301" * 50, "\U0001f43e" * 30, "a" * 200, "javascript:alert(3)", "--svg", "%s%n"]

    def log(self):
        log = "".join(event("connect", f"08:{i:02}:00", name, status=name) for i, name in enumerate(self.ids))
        return log + "".join(event("disconnect", f"09:{i:02}:00", name) for i, name in enumerate(self.ids))

    def test_pictures_are_well_formed_and_have_no_foreign_element(self):
        for viewer in ([], *(["--viewer", name] for name in self.ids)):
            svg, page = draw("--timeout", "0", *viewer, text=self.log())
            for text, allowed in ((svg, set()), (page, {"html", "head", "meta", "title", "body", "p", "script", "style"})):
                root = xml.etree.ElementTree.fromstring(text)
                elements = [element.tag for element in root.iter()]
                drawing = {SVG + name for name in ("svg", "title", "desc", "style", "rect", "text", "g", "path")}
                self.assertEqual(set(elements), drawing | allowed)
                self.assertEqual(elements.count("script"), 1 if allowed else 0)
                for element in root.iter():
                    self.assertFalse([name for name in element.keys() if name.startswith("on") or name in ("style", "href", "src")])
                rows = [row.find(SVG + "title").text.rsplit(":", 1)[0] for row in rows_of(text)]
                self.assertEqual(len(rows), len(self.ids))
                for name in self.ids:
                    if name.isprintable() and "\U0001fffe" not in name:
                        self.assertIn(name, rows)
                self.assertIsNone(re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufffe\uffff\U0001fffe]", text))

    def test_a_reader_of_html_finds_the_one_script(self):
        scripts = []

        class Reader(html.parser.HTMLParser):
            def handle_starttag(self, tag, attributes):
                if tag == "script":
                    scripts.append(attributes)

        Reader(convert_charrefs=True).feed(draw("--timeout", "0", text=self.log())[1])
        self.assertEqual(scripts, [[]])

    def test_long_ids_are_cut(self):
        svg, _ = draw("--timeout", "0", text=self.log())
        names = [row.find(SVG + "text").text for row in rows_of(svg)]
        self.assertIn("a" * 17 + "…", names)
        self.assertIn("日本語の長い名前…", names)
        self.assertTrue(all(len(name) <= 18 for name in names), names)
        self.assertIn("aaaa", draw("--timeout", "0", text=event("connect", "08:00:00", "a" * 18))[0].split("class='name'")[1].split("<")[0])
        self.assertNotIn("…", draw("--timeout", "0", text=event("connect", "08:00:00", "a" * 18))[0])


class Page(unittest.TestCase):
    def test_the_policy_allows_the_style_and_script_of_the_page_and_nothing_else(self):
        _, page = draw("--timeout", "2700", log=WEEK)
        policy = re.search(r'<meta http-equiv=\'Content-Security-Policy\' content="([^"]*)"', page)[1]
        digest = lambda text: "'sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode() + "'"
        styles = " ".join(map(digest, re.findall("<style>(.*?)</style>", page, re.DOTALL)))
        scripts = " ".join(map(digest, re.findall("<script>(.*?)</script>", page, re.DOTALL)))
        self.assertEqual(policy, f"default-src 'none'; base-uri 'none'; form-action 'none'; style-src {styles}; script-src {scripts}")

    def test_nothing_is_loaded_from_elsewhere(self):
        for text in draw("--timeout", "2700", log=WEEK):
            text = text.replace("xmlns='http://www.w3.org/2000/svg'", "")
            self.assertIsNone(re.search(r"https?:|//[a-z]|url\(|@import|\bsrc=|href=", text))

    def test_names_and_descriptions_for_screen_readers(self):
        svg, page = draw(*EXPECTED_OPTIONS, log=WEEK)
        root = xml.etree.ElementTree.fromstring(svg)
        self.assertEqual((root.get("role"), root.get("aria-labelledby")), ("img", "title description"))
        self.assertEqual(root.find(SVG + "title").text, "Presence from 2 Mar 2026 00:02 to 8 Mar 2026 23:58 UTC")
        self.assertIn("A timeline of 60 users, as carmen sees them; at most 17 online at once, first at 2026-03-02T", root.find(SVG + "desc").text)
        for row in rows_of(page):
            self.assertEqual(row.get("tabindex"), "0")

    def test_light_and_dark_colours(self):
        svg, _ = draw(log=WEEK)
        light, dark = re.search(r"<style>(.*)@media \(prefers-color-scheme:dark\)\{(.*)\}\n</style>", svg, re.DOTALL).groups()
        for name in ("text", ".muted", ".paper", ".stripe", ".grid", ".day", ".available", ".busy", ".away", ".idle", ".invisible", ".count"):
            self.assertIn("\n" + name + "{", light)
            self.assertIn("\n" + name + "{", dark)


class Files(unittest.TestCase):
    def test_week(self):
        svg, _ = draw(*EXPECTED_OPTIONS, log=WEEK)
        expected = EXPECTED.read_bytes().decode("utf-8")
        if svg != expected:
            difference = difflib.unified_diff(expected.split("\n"), svg.split("\n"), "week.svg", "drawn", lineterm="", n=0)
            self.fail("\n".join(line[:200] for line in difference) + f"\nIf it should be so: replay {' '.join(EXPECTED_OPTIONS)} --svg {EXPECTED} {WEEK}")

    def test_the_same_log_gives_the_same_bytes(self):
        text = WEEK.read_text(encoding="utf-8")
        self.assertEqual(draw(log=WEEK), draw(text=text))

    def test_the_output_is_the_same_with_and_without_a_picture(self):
        with tempfile.TemporaryDirectory() as folder:
            drawn = run("--changes", "--viewer", "carmen", "--svg", os.path.join(folder, "week.svg"), str(WEEK))
        self.assertEqual(drawn.stdout, run("--changes", str(WEEK)).stdout)

    def test_an_empty_log(self):
        for text in ("", "\n\n", event("connect", "08:00:00", invisible=True)):
            for picture in draw(text=text):
                self.assertIn("There is no user to draw.", "".join(xml.etree.ElementTree.fromstring(picture).itertext()))

    def test_at_moves_the_end(self):
        _, page = draw("--timeout", "0", "--at", "2026-03-02T10:00:00Z", text=event("connect", "08:00:00"))
        self.assertEqual(spans_of(page)["ada"], [("online", count_log.instant("2026-03-02T08:00:00Z"), count_log.instant("2026-03-02T10:00:00Z"), "")])
        _, page = draw("--timeout", "3600", "--viewer", "ada", "--at", "2026-03-02T10:00:00Z", text=event("connect", "08:00:00", invisible=True))
        self.assertEqual(spans_of(page)["ada"], [("invisible", count_log.instant("2026-03-02T08:00:00Z"), count_log.instant("2026-03-02T09:00:00Z"), "")])

    def test_wrong_lines_are_reported_and_the_others_drawn(self):
        good = event("connect", "08:00:00") + event("disconnect", "08:10:00")
        self.assertEqual(draw(text="nonsense\n" + good + event("connect", "23:00:00", ""), status=1), draw(text=good))

    def test_wrong_use(self):
        with tempfile.TemporaryDirectory() as folder:
            picture = os.path.join(folder, "week.svg")
            absent = os.path.join(folder, "absent", "week.svg")
            log = os.path.join(folder, "log.jsonl")
            pathlib.Path(log).write_text(event("connect", "08:00:00"), encoding="utf-8")
            for arguments, said in (
                    (["--svg"], "replay: --svg needs a value\n"),
                    (["--html"], "replay: --html needs a value\n"),
                    (["--viewer"], "replay: --viewer needs a value\n"),
                    (["--idle"], "replay: --idle needs a value\n"),
                    (["--svg", "--html", picture], 'replay: --svg: not the name of a file: "--html"\n'),
                    (["--svg", "", log], 'replay: --svg: not the name of a file: ""\n'),
                    (["--viewer", "ada", log], "replay: --viewer needs --svg or --html\n"),
                    (["--svg", log, log], "replay: the log and each picture need files of their own\n"),
                    (["--svg", picture, "--html", picture, log], "replay: the log and each picture need files of their own\n"),
                    (["--svg", absent, log], f"replay: cannot write {absent}\n"),
                    (["--html", folder, log], f"replay: cannot write {folder}\n")):
                with self.subTest(arguments):
                    done = run(*arguments, text="")
                    self.assertEqual(done.returncode, 2)
                    self.assertTrue(done.stderr.startswith(said), done.stderr)
            self.assertEqual(pathlib.Path(log).read_text(encoding="utf-8"), event("connect", "08:00:00"))
            self.assertFalse(os.path.exists(picture))

    @unittest.skipUnless(os.path.exists("/dev/full"), "no device that is always full")
    def test_a_full_disk(self):
        done = run("--svg", "/dev/full", str(WEEK))
        self.assertEqual((done.returncode, done.stderr), (2, "replay: cannot write /dev/full\n"))

    @unittest.skipUnless(YEAR, "PRESENCE_YEAR_LOG names no log")
    def test_year(self):
        begin = time.monotonic()
        svg, page = draw("--timeout", "1800", log=YEAR)
        self.assertLess(time.monotonic() - begin, 10)
        self.assertLess(len(svg), 500_000)
        self.assertLess(len(page), 5_000_000)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    REPLAY = shlex.split(os.environ.get("MESON_EXE_WRAPPER", "")) + [sys.argv.pop(1)]
    unittest.main()
