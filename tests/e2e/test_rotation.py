"""A zygote does not live for ever: a new one takes over, and nobody waits for it or loses by it."""

import os
import re
import shutil
import signal
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

import audit
from service import own_mounts, wait_for

LAYOUT = "import ctypes; print(hash('a'), ctypes.addressof(ctypes.c_int.in_dll(ctypes.pythonapi, 'Py_NoSiteFlag')))"


def rotations(service):
    return re.findall(r"environment.rotated environment=(\S+) why=(\"[^\"]*\"|\S+) runs=(\d+)", service.log_text())


def zygote(service):
    (pid,) = service.role_pids()["zygote"]
    return pid


def seed(service):
    return service.execute("print(hash('a'))")["output"]


def settled(service):
    """Only one zygote, and what it made."""
    wait_for(lambda: len(service.role_pids().get("zygote", [])) == 1, 20, "one zygote")


def test_by_count(make_service):
    service = make_service(pool=2, rotate_runs=5, rotate_age=0)
    first, before = zygote(service), seed(service)
    time.sleep(1.2)  # a zygote lives for a second at least
    for _ in range(4):
        assert seed(service) == before
    wait_for(lambda: rotations(service), 20, "a rotation")
    settled(service)
    assert zygote(service) != first
    wait_for(lambda: seed(service) != before, 20, "a sandbox of the new zygote", 0.1)
    assert rotations(service)[0][1:] == ("runs", "5")


def test_by_age(make_service):
    """Counted from the first run on: a zygote that nobody has used stays."""
    service = make_service(pool=2, rotate_age=1.5)
    first = zygote(service)
    time.sleep(2)
    assert zygote(service) == first
    service.canary()
    wait_for(lambda: rotations(service), 20, "a rotation")
    settled(service)
    assert zygote(service) != first and rotations(service)[0][1] == "age"
    second = zygote(service)
    time.sleep(2)
    assert zygote(service) == second


@pytest.mark.parametrize("code, status", [
    ("import ctypes; ctypes.string_at(1)", "signal"),
    ("import os; os.abort()", "signal"),
    ("import os, signal; os.kill(os.getpid(), signal.SIGBUS)", "signal"),
])
def test_after_a_memory_fault(make_service, code, status):
    service = make_service(pool=2)
    before = seed(service)
    assert service.execute(code)["status"] == status
    wait_for(lambda: rotations(service), 20, "a rotation")
    assert rotations(service)[0][1] == '"memory fault"'
    wait_for(lambda: seed(service) != before, 20, "another layout", 0.1)


@pytest.mark.parametrize("code", ["import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "import sys; sys.exit(139)", "while True: pass"])
def test_not_after_other_ends(make_service, code):
    service = make_service(pool=2)
    first = zygote(service)
    service.execute(code, timeout=0.2)
    time.sleep(1.5)
    assert zygote(service) == first and not rotations(service)


def test_faults_cannot_make_it_rotate_all_the_time(make_service):
    service = make_service(pool=4, log_level="info")
    service.canary()
    deadline = time.monotonic() + 60
    while len(rotations(service)) < 3:
        service.execute("import os; os.abort()")
        assert time.monotonic() < deadline, service.log_tail()
    ages = [float(age) for age in re.findall(r"environment.rotated .* age=(\S+)", service.log_text())]
    first = float(re.search(r"environment.warm .* took=(\S+)", service.log_text())[1])
    assert min(ages) >= 1 and ages[0] >= 20 * first * 0.999, "a second at least, and twenty times what a start takes"


def test_ready_sandboxes_are_of_the_new_zygote(make_service):
    """What the old one has forked is dropped when there is something newer, also when nobody asks for it."""
    service = make_service(pool=4, rotate_runs=1, rotate_age=0)
    before = seed(service)
    wait_for(lambda: rotations(service), 20, "a rotation")
    settled(service)
    service.settled_holdings()
    seeds = {seed(service) for _ in range(3)}
    assert before not in seeds


def test_under_load_nothing_is_lost(make_service):
    """A rotation a second under eight clients: every request gets its right answer, and none waits for a start of the
    interpreter (half a second, as preloaded here)."""
    service = make_service(pool=4, concurrency=4, rotate_runs=20, rotate_age=0, log_level="info", preload="decimal,email,http.client,xml.dom.minidom")
    service.canary()
    start, wrong, count = time.monotonic(), [], []

    def goes_on():
        """Three seconds at least, and until there were two rotations: on a busy machine they take their time."""
        passed = time.monotonic() - start
        return not wrong and (passed < 3 or (passed < 60 and len(rotations(service)) < 2))

    def client(number):
        with httpx.Client(timeout=60, trust_env=False) as connection:
            n = 0
            while goes_on():
                n += 1
                code = "import os; os.abort()" if n % 50 == 0 else f"print({number} * {n})"
                answer = connection.post(service.url + "/execute", json={"code": code, "timeout": 30})
                if answer.status_code != 200 or answer.json()["output"] != ("" if n % 50 == 0 else f"{number * n}\n"):
                    wrong.append(answer.text)
                count.append(1)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert len(rotations(service)) >= 2, service.log_tail()
    assert "error" not in {line.split()[1] for line in service.log_text().splitlines()}
    settled(service)
    service.canary()


def test_nothing_is_left(make_service):
    service = make_service(pool=2, pool_max=2, rotate_runs=3, rotate_age=0)

    def rotate():
        done = len(rotations(service))
        for _ in range(6):
            service.canary()
        wait_for(lambda: len(rotations(service)) > done, 20, "a rotation")
        settled(service)

    for _ in range(2):
        rotate()
    before = service.settled_holdings()
    for _ in range(4):
        rotate()
    after = service.settled_holdings()
    assert after["processes"] == before["processes"]
    assert own_mounts(after) == own_mounts(before)
    assert all(after["mounts"][role] == before["mounts"][role] for role in ("front", "incubator", "zygote"))
    assert sum(after["descriptors"]["broker"]) <= sum(before["descriptors"]["broker"]) + 48  # a slot more was used
    assert sum(after["descriptors"]["zygote"]) <= sum(before["descriptors"]["zygote"]) + 24


def test_a_new_zygote_that_dies_changes_nothing(make_service):
    """Killed while it warms up: the old one goes on, and the log says so."""
    service = make_service(pool=2, rotate_runs=2, rotate_age=0, preload="decimal,email,http.client,xml.dom.minidom,unittest,asyncio")
    first, before = zygote(service), seed(service)
    time.sleep(1.5)
    service.canary()
    deadline = time.monotonic() + 20
    while "environment.not_rotated" not in service.log_text():
        for pid in service.role_pids().get("zygote", []):
            if pid != first:
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
        if rotations(service):  # it was faster than we are
            pytest.xfail("the new zygote was warm before it could be killed")
        assert time.monotonic() < deadline
    assert seed(service) == before
    service.canary()
    assert zygote(service) == first


@pytest.mark.parametrize("role", ["zygote", "incubator"])
def test_death_during_a_rotation(make_service, role):
    """The present zygote, or the incubator, is killed while a new one warms up: all of it is started again."""
    service = make_service(pool=2, rotate_runs=1, rotate_age=0, preload="decimal,email,unittest,asyncio")
    victim = service.role_pids()[role][0]
    time.sleep(1.5)
    service.canary()
    wait_for(lambda: len(service.role_pids().get("zygote", [])) == 2 or rotations(service), 20, "a rotation", 0.001)
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:
        pass
    wait_for(lambda: audit.stat_of(victim) is None, 10, "death")
    for _ in range(5):
        service.canary()
    settled(service)


def test_one_that_grows_is_replaced(make_service, folder_outside_tmp):
    """A module that it has preloaded holds a hundred megabytes that are not in memory yet; from outside they are put there, as a leak would."""
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", folder_outside_tmp / "venv"], check=True)
    site = next((folder_outside_tmp / "venv" / "lib").glob("python3*")) / "site-packages"
    (site / "grows.py").write_text("import mmap\nkept = mmap.mmap(-1, 100 << 20, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)\n")
    service = make_service(pool=2, rotate_age=0, python=folder_outside_tmp / "venv/bin/python", preload="grows")
    first = zygote(service)
    time.sleep(2.5)  # it was looked at
    start = next(int(line.split("-")[0], 16) for line in open(f"/proc/{first}/maps") if size_of(line) == 100 << 20)
    with open(f"/proc/{first}/mem", "r+b", 0) as memory:
        for mebibyte in range(64):
            memory.seek(start + (mebibyte << 20))
            memory.write(b"x" * (1 << 20))
    wait_for(lambda: rotations(service), 20, "a rotation")
    assert rotations(service)[0][1] == "memory"
    settled(service)
    assert zygote(service) != first
    service.canary()
    time.sleep(2.5)
    assert len(rotations(service)) == 1, "the new one has not grown"


def size_of(line):
    start, end = (int(word, 16) for word in line.split()[0].split("-"))
    return end - start


def package_outside_tmp(folder, text, extension=False):
    """An environment of its own with a package, of which a part is in C if wanted. Its folder and its interpreter."""
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", folder / "venv"], check=True)
    package = next((folder / "venv" / "lib").glob("python3*")) / "site-packages" / "package"
    package.mkdir()
    if extension:
        script = "import _json; print(_json.__file__)"
        source = Path(subprocess.run(["/usr/bin/python3", "-c", script], check=True, capture_output=True, text=True).stdout.strip())
        shutil.copy(source, package / source.name)
    (package / "__init__.py").write_text(text)
    return package, folder / "venv/bin/python"


def replace(path, content):
    """As package managers do it: a new file takes the name of the old one."""
    fresh = path.with_name(path.name + ".new")
    fresh.write_bytes(content)
    os.rename(fresh, path)


@pytest.mark.unsanitized
def test_fault_19_its_files_are_replaced(make_service, folder_outside_tmp):
    """As by an upgrade of a package that is in use: soon there is a zygote that has all of the new one. What runs meanwhile goes on."""
    package, python = package_outside_tmp(folder_outside_tmp, "from . import _json\nversion = 1\n", extension=True)
    service = make_service(pool=2, rotate_age=0, python=python, preload="package")
    asks = "import package; print(package.version)"
    assert service.execute(asks)["output"] == "1\n"
    time.sleep(6)  # it was looked at, and nothing was to be said
    assert not rotations(service)
    with ThreadPoolExecutor(1) as executor:
        running = executor.submit(service.execute, "import time, package; time.sleep(9); from package import _json; print(package.version)", 20)
        time.sleep(0.5)
        (part,) = package.glob("_json*.so")
        replace(part, part.read_bytes())
        replace(package / "__init__.py", b"from . import _json\nversion = 2\nlonger = True\n")
        wait_for(lambda: rotations(service), 20, "a rotation")
        assert rotations(service)[0][1] == "files"
        wait_for(lambda: service.execute(asks)["output"] == "2\n", 20, "the new package", 0.1)
        assert running.result()["output"] == "1\n"
    settled(service)
    time.sleep(6)
    assert len(rotations(service)) == 1, service.log_tail()


@pytest.mark.unsanitized
def test_fault_19_its_files_vanish(make_service, folder_outside_tmp):
    """A new zygote cannot be: the old one goes on, and says so; when they are back, the next one takes over."""
    package, python = package_outside_tmp(folder_outside_tmp, "from . import _json\nversion = 1\n", extension=True)
    service = make_service(pool=2, rotate_age=0, python=python, preload="package")
    away = package.with_name("elsewhere")
    asks = "import package; print(package.version)"
    assert service.execute(asks)["output"] == "1\n"  # its interpreter has started
    (part,) = package.glob("_json*.so")
    content = part.read_bytes()
    part.unlink()
    os.rename(package, away)
    wait_for(lambda: "environment.not_rotated" in service.log_text(), 20, "a rotation that fails")
    for _ in range(5):
        assert service.execute(asks)["output"] == "1\n"
    (away / part.name).write_bytes(content)
    os.rename(away, package)
    wait_for(lambda: rotations(service), 60, "a rotation")
    assert service.execute(asks)["output"] == "1\n"
