print(__loader__.name, __loader__.path)
print(__loader__.get_source("__main__").splitlines()[0])
print(__loader__.is_package("__main__"), __loader__.get_filename())
