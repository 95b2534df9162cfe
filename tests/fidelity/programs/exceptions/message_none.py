raise ValueError(None, 3)
