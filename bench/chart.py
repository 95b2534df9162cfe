"""The chart of make bench: `python3 bench/chart.py build/bench.json > docs/images/bench.svg`. Readable in light and dark."""

import json
import math
import statistics
import sys

PANELS = (("hello world, 1 client", "p50", 1e3, "ms", "p50 of a hello world, one client, in ms: shorter is better"),
          ("hello world, 8 clients", "per_second", 1, "", "hello worlds a second, 8 clients: longer is better"))
NAMES = {"hatchery": "hatchery: sealed, over HTTP", "bare fork": "bare fork of a warm CPython", "FastAPI": "FastAPI, a Python a request",
         "python3": "python3 main.py", "bubblewrap": "bwrap … python3 main.py"}
LEFT, RIGHT, BAR, GAP, WIDTH = 250, 90, 20, 8, 760

STYLE = """text{font:14px system-ui,sans-serif;fill:#1f2328}.title{font-weight:600}.bar{fill:#8c959f}.ours{fill:#0969da}
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.bar{fill:#6e7681}.ours{fill:#4493f8}}"""


def escape(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


def digits(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def panel(results, top, row, what, scale, unit, title):
    """The lines of one panel, and where the next begins. The bars are logarithmic: what they compare spans two orders of magnitude."""
    values = {who: statistics.median(one[what] for one in rounds) * scale for who, rounds in results["matrix"][row].items() if what in rounds[0]}
    least, most = min(values.values()) / 2, max(values.values())
    lines = [f'<text class="title" x="0" y="{top + 14}">{escape(title)}</text>']
    y = top + 28
    for who, value in values.items():
        length = (WIDTH - LEFT - RIGHT) * math.log(value / least) / math.log(most / least)
        lines.append(f'<text x="{LEFT - 10}" y="{y + 15}" text-anchor="end">{escape(NAMES.get(who, who))}</text>'
                     f'<rect class="{"ours" if who == "hatchery" else "bar"}" x="{LEFT}" y="{y}" width="{length:.0f}" height="{BAR}" rx="3"/>'
                     f'<text x="{LEFT + length + 8:.0f}" y="{y + 15}">{digits(value)} {unit}</text>')
        y += BAR + GAP
    return lines, y + 16


def draw(results):
    lines, top = [], 8
    for one in PANELS:
        more, top = panel(results, top, *one)
        lines += more
    lines.append(f'<text x="0" y="{top + 6}">Logarithmic; medians of one run of make bench, in which all take turns.</text>')
    height = top + 16
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" '
            f'aria-label="What make bench measured">\n<style>{STYLE}</style>\n' + "\n".join(lines) + "\n</svg>\n")


if __name__ == "__main__":
    with open(sys.argv[1]) as file:
        sys.stdout.write(draw(json.load(file)))
