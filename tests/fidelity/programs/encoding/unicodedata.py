import unicodedata

print(unicodedata.name("🐣"), unicodedata.normalize("NFD", "é").encode(), unicodedata.unidata_version)
print("ﬁ".upper(), "ß".casefold(), "İ".lower().encode(), "\N{SNOWMAN}")
