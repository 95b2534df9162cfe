# needs: numpy
import threading

import numpy as np

np.save("x.npy", np.eye(3))
print(np.load("x.npy", mmap_mode="r"))
x = np.random.RandomState(0).rand(200, 200)
out = []
ts = [threading.Thread(target=lambda: out.append(np.linalg.det(x @ x) != 0)) for _ in range(3)]
[t.start() for t in ts]
[t.join() for t in ts]
print(out, np.fft.fft(np.ones(8)).real)
