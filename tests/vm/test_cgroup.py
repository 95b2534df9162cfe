"""cgroup v2: in which group the service is started, what it makes there, and that it leaves the place as it was.

Moves processes between groups at the top of the hierarchy, so it runs in the virtual machine of tools/vm.sh alone."""

import os
import subprocess
from pathlib import Path

import pytest

import audit
import service as services
from service import command, wait_for

ROOT = audit.CGROUP_ROOT
HELLO = b"print('hello')"


def below(group):
    """The names of the groups in a group, whatever is in them."""
    return sorted(entry.name for entry in group.iterdir() if entry.is_dir())


def members(group):
    return [int(pid) for pid in (group / "cgroup.procs").read_text().split()]


def read(group, name):
    return (group / name).read_text().strip()


def at_top():
    """The services' own groups at the top of the hierarchy."""
    return {name for name in below(ROOT) if name.startswith("hatchery")}


@pytest.fixture
def before():
    """The groups of the services that other tests have left running."""
    return at_top()


@pytest.fixture
def group():
    """A fresh group at the top; removed after the test, which fails where something is left in it."""
    made = ROOT / "place"
    made.mkdir()
    yield made
    wait_for(lambda: not members(made), 10, "end of what was started in the group")
    made.rmdir()


@pytest.fixture
def place(monkeypatch):
    """A function: what the tests start from now on is started in that group."""

    def start_in(folder):
        def prepare(die_with_parent=services._die_with_parent):
            die_with_parent()
            (folder / "cgroup.procs").write_text("0")

        monkeypatch.setattr(services, "_die_with_parent", prepare)

    return start_in


@pytest.fixture
def session(group):
    """The group with somebody in it who is none of the service's business."""
    other = subprocess.Popen(["sleep", "1000"], preexec_fn=lambda: (group / "cgroup.procs").write_text("0"))
    yield group, other.pid
    other.kill()
    other.wait()


def limits_hold(service):
    assert service.execute("print('hello')", timeout=20)["output"] == "hello\n"
    answer = service.execute("l = []\nwhile True: l.append(bytearray(1 << 20))", timeout=60)
    assert answer["status"] == "memory_limit", answer
    code = "import os, time\ntry:\n    while True:\n        if os.fork() == 0: time.sleep(60)\nexcept OSError: print('no more')"
    answer = service.execute(code, timeout=60)
    assert (answer["output"], answer["limits_hit"]) == ("no more\n", ["processes"]), answer
    service.canary()


def test_limits_are_the_settings(make_service):
    service = make_service(pool=1, limit_memory="64M", limit_processes=20, limit_cpus=0.5)
    service.canary()
    (slot,) = wait_for(lambda: [Path(f) for f in service.cgroups() if Path(f).name.isdigit() and members(Path(f))], 20, "a sandbox")
    assert read(slot, "memory.max") == str(64 << 20)
    assert read(slot, "memory.oom.group") == "1"
    assert read(slot, "cpu.max") == "50000 100000"
    assert int(read(slot, "pids.max")) in (21, 22)  # and what the service itself has in there
    swap = slot / "memory.swap.max"
    assert not swap.exists() or swap.read_text() == "0\n"


def test_usage(service):
    answer = service.execute("import threading, time\nfor _ in range(9): threading.Thread(target=time.sleep, args=(1,)).start()", timeout=20)
    assert answer["usage"]["processes_peak"] in (0, 10), "0 where the kernel does not count"
    answer = service.execute("x = b'x' * (50 << 20)", timeout=20)
    assert 50 << 20 < answer["usage"]["memory_peak"] < 100 << 20, "0 where the kernel does not count: before 5.19"


def test_root_group(before, make_service):
    service = make_service(pool=1)
    assert at_top() - before == {f"hatchery-{service.broker}"}
    limits_hold(service)
    service.stop()
    assert at_top() == before


def test_delegated_group(before, group, place, make_service):
    """Alone in its group, as under systemd's Delegate=yes: all of it stays in there."""
    place(group)
    service = make_service(pool=1)
    assert below(group) == [f"hatchery-{service.broker}", "hatchery-service"]
    assert at_top() == before
    assert set(service.role_pids()["broker"]) <= set(members(group / "hatchery-service")) and not members(group)
    limits_hold(service)
    service.stop()
    assert below(group) == [] and read(group, "cgroup.subtree_control") == ""


def test_delegated_group_after_sigkill(group, place, make_service):
    """Nothing lives on, so that systemd can clear the group for the next start."""
    place(group)
    service = make_service(pool=1)
    everyone = set(service.tree())
    service.process.kill()
    service.process.wait(20)
    wait_for(lambda: not service._alive(everyone), 20, "end of every process")
    service.close_client()
    for folder, _, _ in os.walk(group, topdown=False):
        os.rmdir(folder)
    group.mkdir()
    service.start()
    service.canary()


def test_session(before, session, place, make_service):
    """Others in its group: they stay where they are, and the service's own group is at the top."""
    group, other = session
    place(group)
    service = make_service(pool=1)
    assert below(group) == [] and other in members(group) and service.process.pid in members(group)
    assert at_top() - before == {f"hatchery-{service.broker}"}
    limits_hold(service)

    dead = service.broker
    service.process.kill()
    service.process.wait(20)
    service.close_client()
    service.start()
    service.canary()
    assert f"hatchery-{dead}" not in at_top(), "a new start clears away what the dead service left"
    service.stop()
    assert at_top() == before
    assert members(group) == [other]


def test_two_services_in_a_session(session, place, make_service):
    place(session[0])
    one, two = make_service(pool=1), make_service(pool=1)
    one.stop()
    two.canary()


@pytest.mark.parametrize("arguments", [("run", "-"), ("doctor",)], ids=["run", "doctor"])
@pytest.mark.parametrize("shared", [False, True], ids=["delegated", "session"])
def test_commands_leave_nothing(request, before, group, place, arguments, shared):
    others = [request.getfixturevalue("session")[1]] if shared else []
    place(group)
    done = command(*arguments, input=HELLO)
    assert done.returncode == 0, done
    assert below(group) == [] and members(group) == others
    assert at_top() == before


def in_container(script, group):
    """Runs a shell script as a container engine would: its cgroup namespace's root is the group, and it is not alone in it."""
    enter = "umount /sys/fs/cgroup && mount -t cgroup2 -o nosuid,nodev,noexec cgroup2 /sys/fs/cgroup || exit 90\n"
    return subprocess.run(
        ["unshare", "--cgroup", "--mount", "sh", "-c", enter + f"sh -c '{script}'; exit $?"],
        input=HELLO, capture_output=True, timeout=120, env=services.environment(),
        preexec_fn=lambda: (group / "cgroup.procs").write_text("0"),
    )


# What docker-compose.yml leaves to the container's root.
FEW_CAPABILITIES = "setpriv --bounding-set=-all,+setuid,+setgid,+setfcap "


@pytest.mark.parametrize("what", ["run -", "doctor"])
@pytest.mark.parametrize("prefix", ["", FEW_CAPABILITIES], ids=["privileged", "plain"])
def test_container(group, what, prefix):
    script = f"echo before; {prefix}{services.BINARY} {what} || exit 91; ls -d /sys/fs/cgroup/*/; cat /sys/fs/cgroup/cgroup.subtree_control; echo after"
    done = in_container(script, group)
    assert done.returncode == 0, done
    assert done.stdout.startswith(b"before\n") and done.stdout.endswith(b"\nafter\n"), done
    assert b"/sys/fs/cgroup/" not in done.stdout, done
    assert below(group) == []


def test_read_only_hierarchy_is_told():
    done = subprocess.run(["unshare", "--mount", "sh", "-c", f"mount -o bind,remount,ro /sys/fs/cgroup && {services.BINARY} run -"],
                          input=HELLO, capture_output=True, timeout=60, env=services.environment())
    assert done.returncode == 125
    assert b"cgroup: cannot make /sys/fs/cgroup/hatchery-" in done.stderr and b"Read-only file system" in done.stderr


def test_controllers_that_are_not_there_are_told(group, place):
    """A group whose parent gives it no controllers: the service says so instead of running without limits."""
    inner = group / "inner"
    inner.mkdir()
    place(inner)
    done = command("run", "-", input=HELLO)
    wait_for(lambda: not members(inner), 10, "the end")
    left = below(inner)
    inner.rmdir()
    assert done.returncode == 125 and b"controllers" in done.stderr, done
    assert left == []


def test_kill_is_at_once(service):
    """A fork bomb of every process that is allowed ends with its deadline."""
    answer = service.execute("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass", timeout=2)
    assert answer["status"] == "timeout"
    wait_for(lambda: all(len(members(Path(f))) <= 4 for f in service.cgroups()), 20, "an end of the bomb")
    service.canary()
