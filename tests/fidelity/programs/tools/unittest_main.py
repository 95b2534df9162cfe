import unittest


class T(unittest.TestCase):
    def test_good(self):
        self.assertEqual(1, 1)

    def test_skip(self):
        self.skipTest("why")

    def test_subtests(self):
        for i in range(2):
            with self.subTest(i=i):
                self.assertTrue(i < 5)


if __name__ == "__main__":
    unittest.TextTestRunner.run.__globals__["time"] = type("T", (), {"perf_counter": staticmethod(lambda: 0.0)})
    unittest.main(verbosity=2)
