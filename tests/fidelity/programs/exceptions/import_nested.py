import importlib

importlib.import_module("no.such.package")
