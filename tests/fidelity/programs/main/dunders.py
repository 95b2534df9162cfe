print(__name__, __doc__, __package__, __spec__, type(__loader__).__name__, __builtins__.__name__)
print(__file__)
print(__cached__)
