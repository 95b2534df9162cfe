data = {"a": {"b": None}}


def get():
    return data["a"]["b"]["c"] + data["a"]["x"]


get()
