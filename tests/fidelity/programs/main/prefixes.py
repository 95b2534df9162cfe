import site
import sys
import sysconfig

print(sys.prefix, sys.exec_prefix, sys.base_prefix, sys.platlibdir)
print(site.ENABLE_USER_SITE, sysconfig.get_path("stdlib"), sysconfig.get_platform())
