# needs: pandas
import io

import pandas as pd

df = pd.DataFrame({"k": list("abab"), "v": [1, 2, 3, 4]}, index=pd.date_range("2024-01-01", periods=4))
print(df, df.groupby("k").v.agg(["sum", "mean"]), df.describe(), df.dtypes)
df.to_csv("x.csv")
print(pd.read_csv("x.csv", index_col=0).shape, pd.read_json(io.StringIO('[{"a": 1}]')).to_dict())
df["missing"]
