import resource

print(resource.getrlimit(resource.RLIMIT_NOFILE))
files = []
try:
    while True:
        files.append(open("/dev/null"))
except OSError as error:
    print(error, len(files) > 200)
