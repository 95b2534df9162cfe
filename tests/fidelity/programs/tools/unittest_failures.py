import unittest


class T(unittest.TestCase):
    def test_bad(self):
        self.assertEqual([1, 2, 3], [1, 2, 4])

    def test_error(self):
        raise ValueError("e")


result = unittest.TestResult()
unittest.defaultTestLoader.loadTestsFromName("__main__").run(result)
for _, text in result.failures + result.errors:
    print(text)
