import subprocess

print(subprocess.run(["cat"], input=b"through cat " * 3, stdout=subprocess.PIPE).stdout)
try:
    subprocess.run(["sleep", "30"], timeout=0.2)
except subprocess.TimeoutExpired as error:
    print(str(error)[:40])
