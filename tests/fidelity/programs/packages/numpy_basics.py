# needs: numpy
import numpy as np

a = np.arange(12).reshape(3, 4)
print(a, a.sum(axis=0), a @ a.T, a.dtype, np.linalg.inv(np.array([[2.0, 1], [1, 3]])))
print(np.random.default_rng(5).integers(0, 100, 5), np.sort(np.array([3, 1, 2])), np.linspace(0, 1, 5))
print(np.array([1, 2]) / 0)
np.zeros(3) + np.zeros(4)
