import warnings

warnings.simplefilter("error")


def old():
    warnings.warn("old", DeprecationWarning, stacklevel=2)


old()
