print("äöü ß 日本語 🐣 \u200b|\u00a0|\ufeff|\u2028|")
print("combining: e\u0301", "nul: a\0b", "bell: \a", "escape: \x1b[31mred\x1b[0m")
print("\r\n carriage\rreturn\tand tab\v\f.")
