"""What the service says of its own layers, and that it does not start without one."""

import json
import subprocess

import pytest

from service import BINARY, command, environment

LAYERS = ["root", "capabilities", "namespaces", "mounts", "proc", "cgroup", "seccomp", "landlock", "sandbox"]

def test_doctor_tries_every_layer():
    done = command("doctor", "--json")
    report = json.loads(done.stdout)
    assert done.returncode == 0 and report["complete"] is True, done
    assert [layer["layer"] for layer in report["layers"]] == LAYERS
    for layer in report["layers"]:
        assert layer["state"] == "enforced" or not layer["required"], layer
        assert (layer["remedy"] == "") == (layer["state"] == "enforced"), layer


@pytest.mark.parametrize("what", ["doctor", "serve", "run"])
def test_less_landlock_than_asked_for(what):
    arguments = {"doctor": ["doctor", "--json"], "serve": ["serve", "--listen", "127.0.0.1:0"], "run": ["run"]}[what]
    done = command(*arguments, "--landlock-min", 99, *["-"] * (what == "run"), input=b"print('ran')")
    assert done.returncode == (125 if what == "run" else 1), done
    assert b"ran" not in done.stdout
    if what == "doctor":
        report = json.loads(done.stdout)
        (landlock,) = [layer for layer in report["layers"] if layer["layer"] == "landlock"]
        assert report["complete"] is False and landlock["state"] == "missing" and "--landlock-min 0" in landlock["remedy"]
    else:
        assert b"landlock" in done.stderr and b"landlock-min" in done.stderr, done


def covered_proc(*arguments):
    """Runs it as a container's root, whose /proc the engine has covered in part."""
    few = ["setpriv", "--bounding-set=-all,+setuid,+setgid,+setfcap", str(BINARY), *arguments]
    script = 'mount --bind /dev/null /proc/timer_list && exec "$@"'
    return subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", *few], capture_output=True, timeout=60, env=environment())


def test_proc_is_required_when_it_is_asked_for():
    report = {layer["layer"]: layer for layer in json.loads(covered_proc("doctor", "--json").stdout)["layers"]}
    assert (report["proc"]["state"], report["proc"]["required"]) == ("missing", False), report
    report = json.loads(covered_proc("doctor", "--json", "--require-proc=true").stdout)
    assert report["complete"] is False
    done = covered_proc("serve", "--listen", "127.0.0.1:0", "--require-proc=true")
    assert done.returncode == 1 and b"systempaths=unconfined" in done.stderr, done


def test_doctor_as_somebody_else():
    """Exit status 1, a table that names the remedy, and nothing of it is a crash."""
    done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", str(BINARY), "doctor"], cwd="/", capture_output=True, timeout=60, env=environment())
    if done.returncode in (126, 127):
        return  # the build folder is not everybody's: nothing to ask
    assert done.returncode == 1 and b"sudo" in done.stdout, done


def test_info_tells_the_same(make_service):
    service = make_service(pool=1)
    isolation = service.client.get("/info").json()["isolation"]
    report = {layer["layer"]: layer for layer in json.loads(command("doctor", "--json").stdout)["layers"]}
    for layer in isolation:
        if layer["layer"] != "cgroup":
            assert layer == report[layer["layer"]]
    assert {layer["layer"] for layer in isolation} == set(LAYERS) - {"sandbox"}
