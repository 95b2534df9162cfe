import array
import struct

print(struct.pack("<hIq", -1, 2, 3), struct.unpack(">H", b"\x01\x02"), array.array("d", [1.5, 2.5]).tobytes(), memoryview(b"abc")[1])
struct.unpack("I", b"x")
