import datetime
import zoneinfo

paris = zoneinfo.ZoneInfo("Europe/Paris")
t = datetime.datetime(2024, 10, 27, 2, 30, tzinfo=paris)
print(t, t.replace(fold=1), t.utcoffset(), t.astimezone(zoneinfo.ZoneInfo("Asia/Tokyo")), zoneinfo.TZPATH)
print(len(zoneinfo.available_timezones()) > 300)
zoneinfo.ZoneInfo("Mars/Olympus")
