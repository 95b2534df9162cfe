import os
import subprocess

print(subprocess.check_output(["sh", "-c", "echo $GREETING $HOME"], env={"GREETING": "hi", "PATH": os.environ["PATH"]}))
os.environ["ADDED"] = "yes"
os.system("echo added: $ADDED; exit 3")
print(os.waitstatus_to_exitcode(os.system("exit 3")))
with os.popen("echo popen") as p:
    print(p.read())
