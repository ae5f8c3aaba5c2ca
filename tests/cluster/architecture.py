#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws the architecture of the cluster as an SVG, architecture.svg in this folder.

    architecture.py          writes it
    architecture.py --check  fails if the file is not what would be written
"""
import argparse
import pathlib
import sys
from xml.sax.saxutils import escape

TARGET = pathlib.Path(__file__).resolve().with_name("architecture.svg")

# Narrow, with large letters: a phone shows it at about three fifths of this size.
WIDTH, HEIGHT = 600, 728

TITLE = "A cluster over Redis Streams"
DESCRIPTION = (
    "Clients send events to a node. A node has a Store, an Outbox and an Inbox for each shard of the users. Events that the "
    "Store has applied go to the Outbox, which appends them as batches to the stream of the shard in Redis. The Inbox reads "
    "the batches of all nodes from the stream, and the Store merges them and notifies the clients. A checkpoint is a copy of "
    "the Store with its position in the stream. Any node stores one in Redis; nodes that start or return read it. All "
    "nodes are equal, and each has all users."
)

# The colours of the timelines that the replay example draws.
STYLE = """
text{font:17px system-ui,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:#1f2328}
.name{font-weight:600}
.muted{fill:#57606a}
.middle{text-anchor:middle}
.end{text-anchor:end}
.paper{fill:#fff}
.place{fill:#f3f5f8;stroke:#8c959f}
.part{fill:#fff;stroke:#57606a;stroke-width:1.5}
.entry{fill:#0072b2}
.gone{fill:none;stroke:#8c959f;stroke-dasharray:3 3}
.send,.read,.keep{fill:none;stroke-width:2.5}
.send{stroke:#0072b2}
.read{stroke:#c14a00}
.keep{stroke:#57606a;stroke-dasharray:7 5}
.head-send{fill:#0072b2}
.head-read{fill:#c14a00}
.head-keep{fill:#57606a}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.muted{fill:#9da7b3}
.paper{fill:#0d1117}
.place{fill:#161b22;stroke:#6e7681}
.part{fill:#0d1117;stroke:#9da7b3}
.entry{fill:#56b4e9}
.gone{stroke:#6e7681}
.send{stroke:#56b4e9}
.read{stroke:#f0743a}
.keep{stroke:#9da7b3}
.head-send{fill:#56b4e9}
.head-read{fill:#f0743a}
.head-keep{fill:#9da7b3}
}
"""


class Drawing:
    def __init__(self):
        self.lines = []

    def box(self, style, x, y, width, height, radius=8):
        self.lines.append(f"<rect class='{style}' x='{x}' y='{y}' width='{width}' height='{height}' rx='{radius}'/>")

    def text(self, x, y, words, style=""):
        style = f" class='{style}'" if style else ""
        self.lines.append(f"<text{style} x='{x}' y='{y}'>{escape(words)}</text>")

    def part(self, x, y, width, height, name, *notes):
        """A box with centred lines, the first of which is its name."""
        self.box("part", x, y, width, height)
        top = y + height / 2 - 11 * len(notes) + 6
        for i, words in enumerate((name, *notes)):
            self.text(x + width // 2, round(top + 22 * i), words, ("muted" if i else "name") + " middle")

    def arrow(self, style, x, begin, end):
        """A vertical arrow, whose point is at `end`."""
        back = -10 if end > begin else 10
        self.lines.append(f"<path class='{style}' d='M{x} {begin}V{end + back}'/>"
                          f"<path class='head-{style}' d='M{x} {end}l-7 {back}h14z'/>")


def draw():
    d = Drawing()
    send, read, put, get = 110, 300, 450, 500

    d.part(60, 14, 480, 44, "clients of node-1")

    # The box behind stands for the other shards.
    d.box("place", 22, 102, 564, 232)
    d.box("place", 14, 108, 564, 232)
    d.text(30, 132, "node-1", "name")
    d.text(564, 132, "one of each per shard", "muted end")
    d.part(30, 142, 532, 54, "Store")
    d.part(30, 268, 160, 58, "Outbox", "batches")
    d.part(220, 268, 160, 58, "Inbox", "each event once")
    d.part(410, 268, 152, 58, "Checkpoint", "copy + position")

    d.box("place", 14, 398, 572, 160)
    d.text(30, 422, "Redis", "name")
    for row, shard in enumerate(("presence:0", "presence:1")):
        y = 432 + 42 * row
        d.box("part", 30, y, 350, 34, 6)
        d.text(42, y + 23, shard)
        for i in range(8):
            d.box("gone" if i < 3 else "entry", 150 + 28 * i, y + 7, 22, 20, 3)
    d.part(410, 432, 152, 76, "newest", "checkpoint", "of each stream")
    d.text(30, 542, "one stream per shard; old entries are trimmed", "muted")

    d.arrow("send", send, 58, 142)
    d.text(send + 14, 86, "events")
    d.arrow("send", send, 196, 268)
    d.text(send + 14, 238, "applied events")
    d.arrow("send", send, 326, 432)
    d.text(send + 14, 375, "append")

    d.arrow("read", read, 432, 326)
    d.text(read + 14, 375, "read")
    d.arrow("read", read, 268, 196)
    d.text(read + 14, 238, "merge")
    d.arrow("read", read, 142, 58)
    d.text(read + 14, 86, "presence of all users")

    d.arrow("keep", put, 196, 268)
    d.arrow("keep", put, 326, 432)
    d.text(put - 12, 375, "put", "end")
    d.arrow("keep", get, 432, 326)
    d.arrow("keep", get, 268, 196)
    d.text(get + 12, 375, "get")

    for x, name in ((14, "node-2"), (314, "node-3")):
        d.part(x, 624, 272, 84, name, "the same parts, all users,", "and clients of its own")
        d.arrow("send", x + 66, 624, 558)
        d.arrow("read", x + 120, 558, 624)
        d.arrow("keep", x + 174, 624, 558)
        d.arrow("keep", x + 206, 558, 624)

    return (f"<svg xmlns='http://www.w3.org/2000/svg' width='{WIDTH}' height='{HEIGHT}' viewBox='0 0 {WIDTH} {HEIGHT}' role='img' "
            f"aria-labelledby='title description'>\n<title id='title'>{escape(TITLE)}</title>\n"
            f"<desc id='description'>{escape(DESCRIPTION)}</desc>\n<style>{STYLE}</style>\n"
            f"<rect class='paper' width='{WIDTH}' height='{HEIGHT}'/>\n" + "\n".join(d.lines) + "\n</svg>\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    options = parser.parse_args()
    picture = draw().encode("utf-8")
    if not options.check:
        TARGET.write_bytes(picture)
    elif not TARGET.exists() or TARGET.read_bytes() != picture:
        sys.exit(f"{TARGET} is not what {pathlib.Path(__file__).name} draws; run it without --check")


if __name__ == "__main__":
    main()
