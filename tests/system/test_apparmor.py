"""The container on a host with AppArmor: confined by our profile, and refused by the engine's own."""

import json
import subprocess
from pathlib import Path

import audit
from conftest import run
from service import REPOSITORY, wait_for

RIGHTS = ["--cap-drop", "ALL", "--cap-add", "SETUID", "--cap-add", "SETGID", "--cap-add", "SETFCAP", "--read-only", "--security-opt",
          "no-new-privileges", "--security-opt", f"seccomp={REPOSITORY}/packaging/docker/seccomp.json"]  # fmt: skip


def test_every_process_is_confined():
    init = int(run("docker", "inspect", "--format", "{{.State.Pid}}", "hatchery"))
    labels = {Path(f"/proc/{pid}/attr/current").read_text().strip() for pid in audit.tree(init)}
    assert labels == {"hatchery-container (enforce)"}


def test_readme_curl():
    readme = (REPOSITORY / "README.md").read_text()
    line = readme[readme.index("curl -X POST http://localhost:8000/execute") :].split("```")[0]
    answer = json.loads(run("sh", "-c", line.split("\n\n")[0]))
    assert (answer["output"], answer["error"]) == ("Hello, World!\nSum: 45\n", None)


def test_every_layer_with_proc():
    """systempaths=unconfined: the kernel lets the sandboxes mount /proc, too."""
    done = run("docker", "run", "--rm", *RIGHTS, "--security-opt", "apparmor=hatchery-container", "--security-opt", "systempaths=unconfined",
               "hatchery", "doctor", "--json")  # fmt: skip
    report = json.loads(done)
    assert report["complete"] and {layer["state"] for layer in report["layers"]} == {"enforced"}, report


def test_the_engines_own_profile_is_named():
    """docker-default refuses every mount: the service does not start, and says what would help."""
    done = subprocess.run(["docker", "run", "--rm", *RIGHTS, "-e", "HATCHERY_INSECURE_NO_KEYS=true", "hatchery"],
                          capture_output=True, text=True, timeout=300)  # fmt: skip
    assert done.returncode != 0
    assert "AppArmor" in done.stderr, done.stderr


def test_engine_limit_of_processes():
    """--pids-limit on cgroup v2 bounds the container; a program meets its own limit before."""
    identity = run("docker", "inspect", "--format", "{{.Id}}", "hatchery")
    group = Path(f"/sys/fs/cgroup/system.slice/docker-{identity}.scope")
    assert (group / "pids.max").read_text() == "512\n"
    wait_for(lambda: int((group / "pids.current").read_text()) < 512, 10)
    assert (group / "pids.events").read_text() == "max 0\n"
