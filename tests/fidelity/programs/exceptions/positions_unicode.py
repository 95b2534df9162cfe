def größe(naïve):
    return "日本語" + naïve + größe


größe("é")
