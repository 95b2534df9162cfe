import sys


def f():
    try:
        sys.exit(2)
    finally:
        print("cleaned up")


f()
