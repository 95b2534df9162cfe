import sqlite3

db = sqlite3.connect("data.db")
db.execute("create table t (id integer primary key, name text, score real)")
with db:
    db.executemany("insert into t (name, score) values (?, ?)", [("a", 1.5), ("b", 2.5), ("é", None)])
print(db.execute("select * from t order by id").fetchall(), db.total_changes)
db.close()
db = sqlite3.connect("data.db", isolation_level=None)
db.execute("pragma journal_mode=wal")
print(db.execute("select count(*), sum(score) from t").fetchone())
db.row_factory = sqlite3.Row
print(dict(db.execute("select * from t where name = ?", ("b",)).fetchone()))
db.execute("select * from missing")
