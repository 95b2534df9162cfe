import re
from typing import NamedTuple


class Token(NamedTuple):
    type: str
    value: str
    line: int


def tokenize(code):
    spec = [("NUMBER", r"\d+(\.\d*)?"), ("ASSIGN", r":="), ("END", r";"), ("ID", r"[A-Za-z]+"), ("OP", r"[+\-*/]"), ("NEWLINE", r"\n"), ("SKIP", r"[ \t]+"), ("MISMATCH", r".")]
    line = 1
    for mo in re.finditer("|".join("(?P<%s>%s)" % pair for pair in spec), code):
        kind, value = mo.lastgroup, mo.group()
        if kind == "NEWLINE":
            line += 1
        elif kind == "MISMATCH":
            raise RuntimeError(f"{value!r} unexpected on line {line}")
        elif kind != "SKIP":
            yield Token(kind, value, line)


for token in tokenize("IF quantity := quantity + 3;\n tax := 5.5 ?"):
    print(token)
