import builtins
import sys
import types


class Loud:
    def __init__(self, name):
        self.name = name

    def __del__(self):
        print("del", self.name)


module = types.ModuleType("made")
module.x = Loud("in a made module")
sys.modules["made"] = module
print("end")
