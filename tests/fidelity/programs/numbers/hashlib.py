import base64
import binascii
import hashlib
import hmac
import uuid

for name in ("md5", "sha1", "sha256", "sha3_512", "blake2b"):
    print(name, hashlib.new(name, b"data").hexdigest())
print(hmac.new(b"k", b"m", "sha256").hexdigest(), base64.b85encode(b"hello"), binascii.crc32(b"x"), uuid.uuid5(uuid.NAMESPACE_DNS, "python.org"))
print(hashlib.pbkdf2_hmac("sha256", b"p", b"s", 1000).hex(), hashlib.file_digest(open("/dev/null", "rb"), "sha256").hexdigest())
hashlib.new("nothing")
