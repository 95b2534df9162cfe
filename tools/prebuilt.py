"""prebuilt.py BUILD FOLDER: copies the web pages that a build has embedded into FOLDER, with `list`, which src/front/meson.build reads
instead of making them: a tree that has it builds without node, npm and a network."""

import gzip
import re
import sys
from pathlib import Path


def main(build, folder):
    front, folder = Path(build, "src/front"), Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = re.findall(r'^    \{"([^"]+)", "([^;"]+).* asset_data_(\d+),', (front / "assets_data.c").read_text(), re.MULTILINE)
    suffixes = {"text/html": ".html", "text/javascript": ".js", "text/css": ".css", "image/png": ".png", "image/svg+xml": ".svg", "text/plain": ".txt"}
    lines = []
    for url, kind, number in rows:
        name = f"{int(number):02}{suffixes[kind]}"
        packed = (front / "assets_data.c.p" / f"asset_{number}.gz").read_bytes()
        (folder / name).write_bytes(gzip.decompress(packed))
        lines.append(f"{url}={name}\n")
    (folder / "list").write_text("".join(lines))
    if not lines:
        sys.exit(f"prebuilt.py: no pages in {front}/assets_data.c")


main(*sys.argv[1:])
