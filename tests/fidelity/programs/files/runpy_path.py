import runpy

open("script.py", "w").write("import sys\nprint(__name__, sys.argv[0], __file__)\nresult = 6 * 7\n")
print(runpy.run_path("script.py", run_name="__main__")["result"])
print(runpy.run_path("script.py")["__name__"])
