"""What make bench runs: (code, a text that its output contains)."""

HELLO = ('print("Hello, World!")\n', "Hello, World!")

PROGRAMS = {
    "hello world": HELLO,
    "README example": ('print("Hello, World!")\nresult = sum(range(10))\nprint(f"Sum: {result}")\n', "Sum: 45"),
    "standard library": (
        "import collections, csv, dataclasses, decimal, hashlib, json, pathlib, random, re, statistics, textwrap\n"
        'print(len(json.dumps({str(i): i for i in range(1000)})), hashlib.sha256(b"x").hexdigest()[:8])\n',
        "2d711642",
    ),
    "numpy and pandas groupby": (
        "import numpy as np, pandas as pd\n"
        'frame = pd.DataFrame({"key": np.arange(10000) % 7, "value": np.arange(10000.0)})\n'
        'print(frame.groupby("key").value.mean().sum())\n',
        "34996.5",
    ),
    "an exception": ("def f(n):\n    return 1 / n\n\nf(0)\n", "ZeroDivisionError: division by zero"),
    "10 MB, one print": ('print("x" * 10_000_000)\n', "x" * 1000),
    "10 MB, 100,000 prints": ('for _ in range(100_000):\n    print("x" * 99)\n', "x" * 99),
}
PRELOAD = {"numpy and pandas groupby": ("numpy", "pandas")}
BUSY = "while True: pass"
