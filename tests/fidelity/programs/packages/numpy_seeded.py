# needs: numpy
import numpy as np

np.random.seed(7)
print(np.random.rand(3), np.random.permutation(5))
s = np.random.get_state()
np.testing.assert_allclose([1.0], [1.1])
