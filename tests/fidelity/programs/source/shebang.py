#!/usr/bin/env -S python3 -O
print(__debug__)
