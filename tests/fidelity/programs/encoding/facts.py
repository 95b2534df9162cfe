import locale
import sys

print(sys.getdefaultencoding(), sys.getfilesystemencoding(), sys.getfilesystemencodeerrors())
for stream in sys.stdin, sys.stdout, sys.stderr:
    print(stream.encoding, stream.errors, stream.line_buffering, stream.write_through, stream.newlines, stream.name, stream.mode)
print(locale.getpreferredencoding(), locale.getencoding(), sys.flags.utf8_mode)
print(type(sys.stdout), type(sys.stdout.buffer), type(sys.stdout.buffer.raw) if hasattr(sys.stdout.buffer, "raw") else "raw itself")
