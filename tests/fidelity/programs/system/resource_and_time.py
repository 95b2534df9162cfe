import resource
import time

print(resource.getrlimit(resource.RLIMIT_CORE)[0])
t = time.monotonic()
time.sleep(0.01)
print(time.monotonic() - t >= 0.01, time.tzname, time.strftime("%Y-%m-%d", time.gmtime(0)), time.localtime(0).tm_hour)
print(time.strptime("30 Nov 2000", "%d %b %Y").tm_yday, time.get_clock_info("monotonic").monotonic)
