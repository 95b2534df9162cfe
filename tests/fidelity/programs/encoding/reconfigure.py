import sys

sys.stdout.reconfigure(encoding="ascii", errors="backslashreplace")
print("é日")
sys.stdout.reconfigure(encoding="utf-8", newline="\r\n")
print("line")
sys.stderr.reconfigure(errors="replace")
print("\ud800", file=sys.stderr)
