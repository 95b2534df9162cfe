raise ValueError("half a pair: \ud83d, and \udc80 too")
