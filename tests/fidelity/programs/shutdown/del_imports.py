class Late:
    def __del__(self):
        try:
            import json

            print("imported", json.dumps([1]))
        except ImportError as error:
            print("ImportError", error)


late = Late()
