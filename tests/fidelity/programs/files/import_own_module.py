import importlib
import os
import sys

os.mkdir("package")
open("package/__init__.py", "w").write("from .inner import value\nprint('package', __name__, __file__)\n")
open("package/inner.py", "w").write("value = 5\ndef fail():\n    raise ValueError('in a module')\n")
open("package/__main__.py", "w").write("print('run as', __name__)\n")
import package

print(package.value, package.inner.__spec__.name)
open("package/inner.py", "w").write("value = 6 + 1\ndef fail():\n    raise ValueError('in a module, changed')\n")
importlib.invalidate_caches()
importlib.reload(package.inner)
import runpy

runpy.run_module("package")
package.inner.fail()
