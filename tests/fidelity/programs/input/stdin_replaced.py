import io
import sys

sys.stdin = io.StringIO("first\nsecond\n")
print(input("? "), input())
sys.stdin = None
input()
