raise ValueError("one\ntwo\n\nfour\n")
