import warnings


def helper():
    warnings.warn("from the caller", UserWarning, stacklevel=2)


helper()
helper()
warnings.showwarning("shown", UserWarning, "file.py", 3)
print(warnings.formatwarning("m", UserWarning, "main.py", 1))
