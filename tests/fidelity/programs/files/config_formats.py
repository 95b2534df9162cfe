import configparser
import csv
import io
import json
import tomllib

print(json.dumps({"a": [1, 2.5, None, True, "é\ud83d"]}), json.dumps({"b": 1, "a": 2}, indent=2, sort_keys=True))
w = csv.writer(open("x.csv", "w", newline=""))
w.writerows([["a", 'q"uote'], [1, "new\nline"]])
print(open("x.csv", newline="").read().encode(), list(csv.DictReader(["h1,h2", "1,2"])))
print(tomllib.loads('a = 1\n[t]\nb = ["x", 1979-05-27]'))
c = configparser.ConfigParser()
c.read_string("[s]\nk = %(j)s!\nj = v")
print(dict(c["s"]))
json.loads('{"a": }')
