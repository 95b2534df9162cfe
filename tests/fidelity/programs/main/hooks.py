import sys

print(sys.gettrace(), sys.getprofile(), sys.excepthook is sys.__excepthook__, sys.displayhook is sys.__displayhook__)
print(sys.unraisablehook is sys.__unraisablehook__, sys.breakpointhook is sys.__breakpointhook__)
print([type(h).__name__ if not isinstance(h, type) else h.__name__ for h in sys.meta_path])
print(len(sys.path_hooks), sys.exc_info(), sys.getallocatedblocks() > 0, sys.is_finalizing())
