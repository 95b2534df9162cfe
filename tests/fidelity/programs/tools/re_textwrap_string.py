import difflib
import re
import string
import textwrap

print(re.findall(r"(?P<w>\w+)@(\w+)", "a@b c@d"), re.sub(r"(\d+)", lambda m: str(int(m[1]) + 1), "a1b99"), re.split(r"\s*,\s*", "a , b,c"))
print(textwrap.fill("The quick brown fox jumps over the lazy dog " * 3, 40), textwrap.dedent("  a\n   b"), string.Template("$a ${b}").substitute(a=1, b=2))
print("\n".join(difflib.unified_diff(["a", "b"], ["a", "c"], lineterm="")), f"{3.14159:>10.2f}|{1000000:,}|{255:#x}|{'é':^5}|{5!r:>3}")
re.compile("(unclosed")
