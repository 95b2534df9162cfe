import atexit


def late():
    import json

    print(json.dumps({"late": True}))


atexit.register(late)
