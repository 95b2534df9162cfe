"""A whole machine: systemd is process 1. Runs in the virtual machine of tools/vm.sh alone, with VM_SYSTEM=1."""

import json
import os
import subprocess
import urllib.request
from pathlib import Path

import pytest

from service import REPOSITORY

URL = "http://127.0.0.1:8000"


# The tests' own variables are no settings.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("HATCHERY_")}


def run(*command, check=True, **more):
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=ENVIRONMENT, **more)
    assert not check or done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout.strip()


def execute(code, **body):
    request = urllib.request.Request(URL + "/execute", json.dumps({"code": code, **body}).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=120) as answer:
        return json.load(answer)


def get(path):
    with urllib.request.urlopen(URL + path, timeout=60) as answer:
        return json.load(answer)


class Unit:
    """hatchery.service, as systemd sees it."""

    name = "hatchery.service"
    group = Path("/sys/fs/cgroup/system.slice/hatchery.service")

    def show(self, name):
        return run("systemctl", "show", "--value", "-p", name, self.name)

    def pid(self):
        return int(self.show("MainPID"))

    def active(self):
        return self.show("ActiveState")

    def do(self, what):
        run("systemctl", what, self.name)

    def journal(self):
        return run("journalctl", "--no-pager", "-o", "cat", "-u", self.name)

    def processes(self):
        """All that systemd counts to the unit, in groups below, too."""
        found = []
        for file in self.group.rglob("cgroup.procs"):
            found += file.read_text().split()
        return found


@pytest.fixture(scope="session")
def package():
    return next(REPOSITORY.glob("hatchery_*.deb"))


@pytest.fixture(scope="session")
def older(package, tmp_path_factory):
    """The same package with a lower version."""
    folder = tmp_path_factory.mktemp("older") / "tree"
    run("dpkg-deb", "-R", str(package), str(folder))
    control = folder / "DEBIAN/control"
    lines = [line if not line.startswith("Version:") else "Version: 0.0.1" for line in control.read_text().splitlines()]
    control.write_text("\n".join(lines) + "\n")
    run("dpkg-deb", "-Znone", "-b", str(folder), str(folder.parent / "older.deb"))
    return folder.parent / "older.deb"


@pytest.fixture(scope="session")
def unit(older):
    """The service, as the older package has installed and started it, in the place of the container."""
    run("docker", "rm", "-f", "hatchery", check=False)
    run("dpkg", "-i", str(older))
    return Unit()
