text = """never closed
line
line
