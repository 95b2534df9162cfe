"""A plain user's service: root in a user namespace, with the ids of /etc/subuid, in a group that was delegated to the user.

Adds a user to the machine, so it runs in the virtual machine of tools/vm.sh alone."""

import os
import subprocess
from pathlib import Path

import pytest

import audit
import service as services
from service import wait_for

USER, UID = "plain", 4321
SUBORDINATE = 300000  # the ids that the user may map, and how many
COUNT = 65536


@pytest.fixture(scope="module")
def user():
    subprocess.run(["useradd", "--uid", str(UID), "--user-group", "--no-create-home", USER], check=True)
    yield USER
    subprocess.run(["userdel", USER], check=True)


@pytest.fixture
def ids(user):
    for name in ("/etc/subuid", "/etc/subgid"):
        Path(name).write_text(f"{user}:{SUBORDINATE}:{COUNT}\n")
    yield
    for name in ("/etc/subuid", "/etc/subgid"):
        Path(name).write_text("")


@pytest.fixture
def group():
    """A group that belongs to the user, as systemd's Delegate=yes makes them."""
    made = audit.CGROUP_ROOT / "user"
    made.mkdir()
    (audit.CGROUP_ROOT / "cgroup.subtree_control").write_text("+memory +pids +cpu")
    for name in ("", "cgroup.procs", "cgroup.subtree_control", "cgroup.threads"):
        os.chown(made / name, UID, UID)
    yield made
    wait_for(lambda: not (made / "cgroup.procs").read_text(), 10, "end of what was started in the group")
    assert [entry.name for entry in made.iterdir() if entry.is_dir()] == [], "nothing is left in the group"
    made.rmdir()


@pytest.fixture
def as_user(monkeypatch, group):
    """What the tests start from now on is started by the user, in the group."""

    def prepare(die_with_parent=services._die_with_parent):
        (group / "cgroup.procs").write_text("0")
        os.setgroups([])
        os.setresgid(UID, UID, UID)
        os.setresuid(UID, UID, UID)
        die_with_parent()

    monkeypatch.setattr(services, "_die_with_parent", prepare)
    return prepare


def run(prepare, *arguments, stdin=b"print('hello')"):
    return subprocess.run([services.BINARY, *arguments], input=stdin, capture_output=True, timeout=120, cwd="/",
                          env=services.environment(), preexec_fn=prepare)


def test_every_layer_is_enforced(ids, as_user):
    done = run(as_user, "doctor", "--rootless=true")
    assert done.returncode == 0 and b"missing" not in done.stdout, done


def test_service(ids, as_user, make_service):
    service = make_service(pool=1, rootless="true", limit_memory="64M")
    service.canary()
    answer = service.execute("import os\nprint(os.getuid(), open('/proc/self/uid_map').read())", timeout=30)
    assert answer["output"].split()[0] == "1000", answer
    owners = {uid for pid in service.tree() for uid in audit.kernel_uids(pid)}
    assert owners - {UID} and all(uid == UID or SUBORDINATE <= uid < SUBORDINATE + COUNT for uid in owners), owners
    answer = service.execute("l = []\nwhile True: l.append(bytearray(1 << 20))", timeout=60)
    assert answer["status"] == "memory_limit", answer
    code = "import os, time\ntry:\n    while True:\n        if os.fork() == 0: time.sleep(60)\nexcept OSError: print('no more')"
    assert service.execute(code, timeout=60)["limits_hit"] == ["processes"]
    service.canary()


def test_run(ids, as_user):
    done = run(as_user, "run", "--rootless=true", "-")
    assert (done.returncode, done.stdout) == (0, b"hello\n"), done


def test_it_is_asked_for(ids, as_user):
    done = run(as_user, "serve")
    assert done.returncode == 1 and b"--rootless true" in done.stderr, done


def test_without_ids(user, as_user):
    done = run(as_user, "run", "--rootless=true", "-")
    assert done.returncode == 125 and b"/etc/subgid sets aside no range" in done.stderr and b"usermod --add-subuids" in done.stderr, done


def test_without_a_group_of_its_own(ids, user):
    def prepare():
        os.setgroups([])
        os.setresgid(UID, UID, UID)
        os.setresuid(UID, UID, UID)

    done = run(prepare, "run", "--rootless=true", "-")
    assert done.returncode == 125 and b"cgroup" in done.stderr, done
    done = run(prepare, "doctor", "--rootless=true")
    assert done.returncode == 1 and b"systemd-run --user" in done.stdout, done
