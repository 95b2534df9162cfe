import locale

print(locale.setlocale(locale.LC_ALL), locale.getlocale(), locale.localeconv()["decimal_point"])
print(locale.setlocale(locale.LC_ALL, "C"), locale.format_string("%d", 1234567, grouping=True))
print(locale.setlocale(locale.LC_ALL, ""))
locale.setlocale(locale.LC_ALL, "xx_XX.UTF-8")
