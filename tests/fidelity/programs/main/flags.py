import sys

print(sys.flags)
print(sys.implementation.name, sys.version_info[:2], sys.hexversion, sys.byteorder, sys.maxsize, sys.platform)
print(sys._xoptions, sys.warnoptions, sys.dont_write_bytecode, sys.pycache_prefix)
print(hasattr(sys, "ps1"), hasattr(sys, "last_type"), sys.flags.interactive)
