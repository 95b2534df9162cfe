import sys

sys.excepthook = lambda kind, value, trace: print("hooked", kind.__name__)
raise KeyboardInterrupt
