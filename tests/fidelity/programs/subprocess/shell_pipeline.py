import subprocess

print(subprocess.run("printf 'b\\na\\nc\\n' | sort | tr a-z A-Z", shell=True, capture_output=True, text=True).stdout)
print(subprocess.getstatusoutput("exit 5"))
