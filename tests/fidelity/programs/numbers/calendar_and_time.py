import calendar
import os
import time

print(calendar.month(2024, 2), calendar.isleap(2100))
os.environ["TZ"] = "America/New_York"
time.tzset()
print(time.tzname, time.strftime("%H:%M %Z", time.localtime(0)))
