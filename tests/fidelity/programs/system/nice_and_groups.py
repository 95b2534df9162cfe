import os

print(os.getuid() == os.geteuid(), os.getgid() == os.getegid())
print(os.getresuid() == (os.getuid(),) * 3)
os.setpgid(0, 0) if os.getpgrp() != os.getpid() and os.getsid(0) != os.getpid() else None
print(os.getpgrp() == os.getpgid(0), os.sysconf("SC_PAGE_SIZE"), os.confstr("CS_PATH"))
