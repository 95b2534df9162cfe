import datetime as d

x = d.datetime(2024, 2, 29, 12, 30, tzinfo=d.timezone.utc)
print(x.isoformat(), x + d.timedelta(days=366), x.strftime("%A %d %B %Y"), d.date.fromisoformat("2024-W09-4"), d.timedelta(hours=-1))
print(d.datetime.fromtimestamp(0), d.datetime.fromtimestamp(0).astimezone().tzname())
d.date(2023, 2, 29)
