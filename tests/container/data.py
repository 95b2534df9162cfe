"""The image `data`: numpy and pandas can be preloaded, and a program's plot is a file that is collected. Started by tools/container.sh."""

import base64

PLOT = """
import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

frame = pd.DataFrame({"x": np.linspace(0, 6, 200)})
frame["y"] = np.sin(frame.x)
frame.plot(x="x", y="y")
plt.savefig("plot.png")
print(matplotlib.get_backend().lower(), round(frame.y.max(), 2))
"""


def test_plot(container):
    answer = container.post({"code": PLOT, "timeout": 30, "collect": ["plot.png"]}).json()
    assert answer["status"] == "ok", answer
    assert answer["output"] == "agg 1.0\n"
    plot = base64.b64decode(answer["files"][0]["content_base64"])
    assert plot.startswith(b"\x89PNG\r\n\x1a\n") and len(plot) > 5000
    height, width = (int.from_bytes(plot[at : at + 4], "big") for at in (20, 16))
    assert (width, height) == (640, 480)


def test_packages_are_warm(container):
    code = "import sys\nprint([m in sys.modules for m in ('numpy', 'pandas')])"
    assert container.execute(code)["output"] == "[True, True]\n"
