#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Draws what a heartbeat costs against the number of users, from the JSON of run.py, as an SVG."""
import argparse
import json
import math
import pathlib

SERIES = (
    ("one", "presence, one at a time", "one"),
    ("batched", "presence, batched", "batched"),
    ("absl", "absl::flat_hash_map", "absl"),
    ("unordered_map", "std::unordered_map", "std"),
    ("array", "array by known index", "array"),
)
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 420, 64, 210, 48, 52
LABEL_HEIGHT = 17

# Colours that can be told apart by most eyes, and a second set for a dark page.
STYLE = """
text { font: 13px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600; font-size: 15px }
.grid { stroke: #d0d7de; stroke-width: 1 }
.line { fill: none; stroke-width: 2.5 }
.one { stroke: #0550ae } .batched { stroke: #1a7f37 } .absl { stroke: #bc4c00 }
.std { stroke: #8250df } .array { stroke: #57606a }
.line.array { stroke-dasharray: 5 4 }
.dot { stroke-width: 8; stroke-linecap: round }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .grid { stroke: #3d444d }
  .one { stroke: #79c0ff } .batched { stroke: #56d364 } .absl { stroke: #ffa657 }
  .std { stroke: #d2a8ff } .array { stroke: #9198a1 }
}
"""


def spread(wanted):
    """Moves labels down where they would lie upon each other; (y, anything) in, the same out."""
    placed = []
    for y, what in sorted(wanted, key=lambda label: label[0]):
        placed.append((max(y, placed[-1][0] + LABEL_HEIGHT) if placed else y, what))
    return placed


def draw(medians, choice):
    series = []
    for name, label, style in SERIES:
        points = [(size, medians[f"heartbeat/{name}/{choice}/{size}"]) for size in (10000, 100000, 1000000)
                  if f"heartbeat/{name}/{choice}/{size}" in medians]
        if points:
            series.append((label, style, points))
    if not series:
        raise SystemExit("there are no heartbeats in this file")
    sizes = sorted({size for _, _, points in series for size, _ in points})
    times = [time for _, _, points in series for _, time in points]
    low, high = math.floor(math.log10(min(times))), math.ceil(math.log10(max(times)))
    first, last = math.log10(sizes[0]), math.log10(sizes[-1])

    def x(size):
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(size) - first) / ((last - first) or 1)

    def y(time):
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * (math.log10(time) - low) / ((high - low) or 1)

    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img">',
           f"<title>Nanoseconds per heartbeat against users, {choice} choice</title>", f"<style>{STYLE}</style>",
           f'<text class="title" x="{LEFT}" y="24">Nanoseconds per heartbeat (users chosen: {choice})</text>']
    for power in range(low, high + 1):
        at = y(10.0**power)
        out.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{at:.1f}" y2="{at:.1f}"/>')
        out.append(f'<text x="{LEFT - 8}" y="{at + 4:.1f}" text-anchor="end">{10.0**power:,g}</text>')
    for size in sizes:
        shown = "1 M" if size == 1000000 else f"{size // 1000} k"
        out.append(f'<text x="{x(size):.1f}" y="{HEIGHT - BOTTOM + 22}" text-anchor="middle">{shown}</text>')
    out.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2:.1f}" y="{HEIGHT - 10}" text-anchor="middle">users</text>')
    labels = []
    for label, style, points in series:
        path = " ".join(f"{x(size):.1f},{y(time):.1f}" for size, time in points)
        out.append(f'<polyline class="line {style}" points="{path}"/>')
        out += [f'<path class="dot {style}" d="M{x(size):.1f} {y(time):.1f}h0"/>' for size, time in points]
        shown = f"{points[-1][1]:.0f}" if points[-1][1] >= 10 else f"{points[-1][1]:.1f}"
        labels.append((y(points[-1][1]) + 4, f"{label}, {shown}"))
    out += [f'<text x="{WIDTH - RIGHT + 12}" y="{at:.1f}">{label}</text>' for at, label in spread(labels)]
    return "\n".join(out + ["</svg>", ""])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--choice", choices=("uniform", "zipf"), default="uniform", help="how users are chosen")
    parser.add_argument("json", help="what run.py --json wrote")
    parser.add_argument("svg", help="the file to write")
    options = parser.parse_args()
    medians = json.loads(pathlib.Path(options.json).read_text(encoding="utf-8"))["median_ns"]
    pathlib.Path(options.svg).write_text(draw(medians, options.choice), encoding="utf-8")


if __name__ == "__main__":
    main()
