from multiprocessing import Pool


def bad(x):
    return 1 / x


if __name__ == "__main__":
    with Pool(1) as pool:
        try:
            pool.map(bad, [0])
        except ZeroDivisionError as error:
            print(error, "RemoteTraceback" in repr(error.__cause__) or type(error.__cause__).__name__)
