exec("def f():\n    raise ValueError('inside exec')\n")
f()
