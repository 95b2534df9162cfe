import os
import stat

print(oct(os.umask(0)))
os.umask(0o022)
open("f", "w").close()
os.mkdir("d")
print(stat.filemode(os.stat("f").st_mode), stat.filemode(os.stat("d").st_mode))
print(os.stat("f").st_uid == os.getuid(), os.stat("f").st_gid == os.getgid())
