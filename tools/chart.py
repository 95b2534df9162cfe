#!/usr/bin/env python3
"""chart.py docs/performance.md: the first row of its table of measurements as an SVG, on standard output."""

import re
import sys

WIDTH, ROW, TOP, LEFT, RIGHT = 700, 34, 40, 220, 90
LABELS = {
    "hatchery": "hatchery: sandbox and HTTP",
    "bare fork": "bare fork: neither of them",
    "FastAPI": "FastAPI, a Python per request",
}
STYLE = """text { font: 13px system-ui, sans-serif; fill: #1b222c } .title { font-weight: 600 } .bar { fill: #9aa5b4 } .ours { fill: #0f766e }
@media (prefers-color-scheme: dark) { text { fill: #e3e8ee } .bar { fill: #5d6b7d } .ours { fill: #2dd4bf } }"""


def cells(line):
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def main(path):
    with open(path) as page:
        table = [line for line in page if line.startswith("|")][:3]
    names, row = cells(table[0])[1:], cells(table[2])
    values = [float(re.match(r"[\d.]+", cell)[0]) for cell in row[1:]]
    title = row[0].split(", p50")[0] + ", median, milliseconds: less is better"
    told = "; ".join(f"{LABELS[name]}: {value:g} ms" for name, value in zip(names, values))
    height = TOP + ROW * len(values)
    print(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{title}. {told}">')
    print(f"<style>{STYLE}</style>")
    print(f'<text class="title" x="0" y="20">{title}</text>')
    for index, (name, value) in enumerate(zip(names, values)):
        y = TOP + ROW * index
        length = (WIDTH - LEFT - RIGHT) * value / max(values)
        print(f'<text x="0" y="{y + 16}">{LABELS[name]}</text>')
        print(f'<rect class="bar{" ours" if index == 0 else ""}" x="{LEFT}" y="{y}" width="{length:.1f}" height="22" rx="3"/>')
        print(f'<text x="{LEFT + length + 8:.1f}" y="{y + 16}">{value:g} ms</text>')
    print("</svg>")


if __name__ == "__main__":
    main(sys.argv[1])
