"""The Debian package and its unit under systemd: readiness, stop, death, socket, upgrade, purge. In this order."""

import http.client
import itertools
import json
import os
import re
import signal
from pathlib import Path

from conftest import execute, get, run
from service import Clients, wait_for

SETTINGS = Path("/etc/hatchery/hatchery.conf")


def test_installed_and_ready(unit):
    """The package's script returned when the unit was ready: a sandbox waits already."""
    assert unit.active() == "active" and unit.show("SubState") == "running"
    assert execute("print(6 * 7)")["output"] == "42\n"
    assert unit.show("Type") == "notify" and unit.show("NRestarts") == "0"
    assert run("systemctl", "is-enabled", unit.name) == "enabled"


def test_every_layer_under_the_unit(unit):
    """With the unit's bounded capabilities, filters and delegated group."""
    layers = get("/info")["isolation"]
    assert len(layers) > 5 and not [layer for layer in layers if layer["state"] != "enforced"]


def test_limits_below_the_units_group(unit):
    answer = execute("kept = []\nwhile True: kept.append(bytearray(1 << 20))", timeout=60)
    assert answer["status"] == "memory_limit"
    assert unit.show("NRestarts") == "0" and unit.active() == "active"
    assert all(str(path).startswith(str(unit.group)) for path in Path("/sys/fs/cgroup").rglob("hatchery*") if path.is_dir())


def test_journal(unit):
    identity = execute("print('once')")["id"]
    wait_for(lambda: identity in unit.journal(), 20, "the line of the run")
    assert "once" not in unit.journal()


def test_killed_broker_is_restarted(unit):
    before, old = unit.pid(), unit.processes()
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: unit.pid() not in (0, before) and unit.active() == "active", 120, "the restart", 0.5)
    assert execute("print('again')")["output"] == "again\n"
    assert unit.show("NRestarts") == "1"
    assert not set(old) & set(unit.processes())


def test_a_stopped_main_process_is_restarted(unit):
    """WatchdogSec: systemd ends who does not tell that it goes on."""
    before, restarts = unit.pid(), int(unit.show("NRestarts"))
    os.kill(before, signal.SIGSTOP)
    wait_for(lambda: unit.pid() not in (0, before) and unit.active() == "active", 300, "the restart", 1)
    assert int(unit.show("NRestarts")) == restarts + 1
    assert "watchdog" in unit.journal().lower()
    assert execute("print('awake')")["output"] == "awake\n"


def test_restart_and_stop(unit):
    unit.do("restart")
    assert execute("print(1)")["output"] == "1\n"
    unit.do("stop")
    assert unit.active() == "inactive" and unit.show("Result") == "success"
    assert not unit.group.exists()


def test_socket_activation(unit):
    run("systemctl", "start", "hatchery.socket")
    assert unit.active() == "inactive"
    assert execute("print('woken')")["output"] == "woken\n"
    assert unit.active() == "active"
    run("systemctl", "stop", "hatchery.socket", unit.name)
    unit.do("start")


class Load(Clients):
    """Clients that ask for runs without a pause while something is done: each answer must be there, and right."""

    def __init__(self, clients=2):
        super().__init__(clients)
        self.right, self.wrong, self.numbers = 0, [], itertools.count()

    def ask_once(self):
        number = next(self.numbers)
        try:
            answer = execute(f"print({number})")
            right = answer["output"] == f"{number}\n"
        except (OSError, ValueError, http.client.HTTPException) as error:
            answer, right = repr(error), False
        if right:
            self.right += 1
        else:
            self.wrong.append(answer)


def binaries(unit):
    """Of the unit's processes that run ours: those whose file is no longer there are of the version before."""
    links = set()
    for pid in unit.processes():
        try:
            links.add(os.readlink(f"/proc/{pid}/exe"))
        except OSError:  # it has ended
            pass
    return {link for link in links if "/usr/bin/hatchery" in link}


def test_upgrade(unit, package):
    """Under load no request is lost, and the main process stays. Settings that were changed stay; the new version serves with them."""
    assert run("dpkg-query", "-W", "-f", "${Version}", "hatchery") == "0.0.1"
    SETTINGS.write_text(SETTINGS.read_text() + "limit-memory = 100M\n")
    unit.do("restart")
    main, restarts = unit.pid(), unit.show("NRestarts")
    with Load() as load:
        wait_for(lambda: load.right > 5, 60, "the load")
        run("dpkg", "-i", str(package))
        before = load.right
        wait_for(lambda: load.right > before + 5, 60, "answers of the new version")
    assert load.wrong == [] and load.right > 10, load.wrong[:5]
    assert run("dpkg-query", "-W", "-f", "${Version}", "hatchery") != "0.0.1"
    wait_for(lambda: unit.active() == "active", 60, "the service")
    assert (unit.pid(), unit.show("NRestarts")) == (main, restarts)
    wait_for(lambda: binaries(unit) == {"/usr/bin/hatchery"}, 120, "an end of the version before", 1)
    assert "limit-memory = 100M\n" in SETTINGS.read_text()
    answer = execute("kept = []\nwhile True: kept.append(bytearray(1 << 20))", timeout=60)
    assert (answer["status"], answer["usage"]["memory_peak"]) == ("memory_limit", 100 << 20)


def test_plain_user_with_the_users_own_systemd():
    """docs/deployment.md, "As a plain user": the group that systemd delegates, and the ids that useradd sets aside."""
    run("useradd", "--create-home", "--shell", "/bin/sh", "tester")
    user = run("id", "-u", "tester")
    assert re.search("^tester:", Path("/etc/subuid").read_text(), re.MULTILINE)
    run("systemctl", "start", f"user@{user}.service")
    environment = f"XDG_RUNTIME_DIR=/run/user/{user}"
    said = run("runuser", "-u", "tester", "--", "env", environment, "systemd-run", "--user", "--scope", "-p", "Delegate=yes",
               "hatchery", "doctor", "--json", "--rootless", "true", cwd="/")  # fmt: skip
    report = json.loads(said)
    assert report["complete"] and {layer["state"] for layer in report["layers"]} == {"enforced"}, report
    run("systemctl", "stop", f"user@{user}.service")


def test_remove_and_purge(unit):
    run("dpkg", "-r", "hatchery")
    assert unit.active() == "inactive" and not unit.group.exists()
    assert SETTINGS.exists(), "remove keeps the settings"
    run("dpkg", "-P", "hatchery")
    left = [str(path) for top in ("/etc", "/usr/bin", "/usr/lib", "/usr/share", "/var/lib", "/run") for path in Path(top).rglob("*hatchery*")]
    assert not [path for path in left if not path.startswith(("/usr/lib/debug", "/run/docker", "/var/lib/docker"))], left
