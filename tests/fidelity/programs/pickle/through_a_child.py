import pickle
import subprocess
import sys


class Thing:
    value = 5


if __name__ == "__main__":
    open("thing.pickle", "wb").write(pickle.dumps(Thing()))
    code = "import pickle, main, sys; sys.modules['__main__'].Thing = main.Thing; print(pickle.load(open('thing.pickle', 'rb')).value)"
    subprocess.run([sys.executable, "-c", code])
    subprocess.run([sys.executable, "-c", "import pickle; pickle.load(open('thing.pickle', 'rb'))"])
