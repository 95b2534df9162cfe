"""An SVG of figures over time: one small panel for each, drawn by hand, readable on light and dark pages."""

from xml.sax.saxutils import escape

WIDTH, PANEL, LEFT, GAP = 820, 90, 120, 26
STYLE = ("<style>text{font:12px system-ui,sans-serif;fill:#555}.t{font-weight:600}path{fill:none;stroke:#2f6fdb;stroke-width:1.5}"
         "line{stroke:#8888;stroke-width:1}.k{stroke:#d33;stroke-dasharray:2 3}"
         "@media(prefers-color-scheme:dark){text{fill:#bbb}path{stroke:#7aa7ff}}</style>")


def scale(values):
    top = max(values, default=0) or 1
    return top * 1.05


def draw(title, series, marks=()):
    """`series` is [(name, unit, [(seconds, value)])]; `marks` are seconds at which something was done to the service."""
    end = max((t for _, _, points in series for t, _ in points), default=1) or 1
    height = 40 + len(series) * (PANEL + GAP) + 20
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(title)}">', STYLE,
             f'<text class="t" x="10" y="20">{escape(title)}</text>']

    def x(seconds):
        return LEFT + (WIDTH - LEFT - 20) * seconds / end

    for place, (name, unit, points) in enumerate(series):
        bottom = 40 + place * (PANEL + GAP) + PANEL
        top = scale([value for _, value in points])
        parts += [f'<line class="k" x1="{x(t):.1f}" y1="{bottom - PANEL}" x2="{x(t):.1f}" y2="{bottom}"/>' for t in marks]
        parts += [f'<text class="t" x="10" y="{bottom - PANEL + 14}">{escape(name)}</text>',
                  f'<text x="10" y="{bottom - PANEL + 30}">to {top / 1.05:.4g} {escape(unit)}</text>',
                  f'<line x1="{LEFT}" y1="{bottom}" x2="{WIDTH - 20}" y2="{bottom}"/>']
        if points:
            path = " ".join(f"{'L' if i else 'M'}{x(t):.1f} {bottom - PANEL * value / top:.1f}" for i, (t, value) in enumerate(points))
            parts.append(f'<path d="{path}"/>')
    parts.append(f'<text x="{LEFT}" y="{height - 8}">0</text><text x="{WIDTH - 20}" y="{height - 8}" text-anchor="end">{end:.0f} s</text></svg>')
    return "\n".join(parts) + "\n"
