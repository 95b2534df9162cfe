raise SyntaxError("no details")
