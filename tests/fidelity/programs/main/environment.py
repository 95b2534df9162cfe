import os

print(sorted(k for k in os.environ if k in ("HOME", "PATH", "LANG", "PYTHONUNBUFFERED")))
print([k for k in os.environ if k.startswith(("HATCHERY", "LD_", "SSH", "XDG", "DBUS", "SUDO"))])
print(os.environ["LANG"], os.environ["HOME"], os.path.expanduser("~"))
print("NOPE" in os.environ, os.getenv("NOPE", "default"))
os.environ["NEW"] = "value"
os.system("echo $NEW")
