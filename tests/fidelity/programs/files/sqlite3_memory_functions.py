import sqlite3

db = sqlite3.connect(":memory:")
db.create_function("twice", 1, lambda x: x * 2)
print(db.execute("select twice(21), upper('x'), json_extract('{\"a\": 5}', '$.a')").fetchone())
try:
    db.executescript("create table t (x unique); insert into t values (1); insert into t values (1);")
except sqlite3.IntegrityError as error:
    print(error)
print(list(db.iterdump()))
