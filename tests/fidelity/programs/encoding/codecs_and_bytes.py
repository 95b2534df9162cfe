import codecs

print(codecs.lookup("utf8").name, "é".encode("utf-16-le"), b"\xff\xfe".decode("utf-16"), codecs.encode("abc", "rot13"))
print("日本".encode("shift_jis"), "日本".encode("euc_jp"), "한국".encode("cp949"), "中文".encode("gb18030"))
print("straße".encode("idna"), b"\xe9".decode("utf-8", "replace"), "\u20ac".encode("ascii", "xmlcharrefreplace"))
"\u20ac".encode("ascii")
