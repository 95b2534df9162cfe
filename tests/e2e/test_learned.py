"""What programs begin with again and again is imported ahead of time, by itself: the next ones find it, and notice nothing else."""

import contextlib
import itertools
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import audit
from service import Clients, command, post, wait_for

# What a program has imported itself the collector sees; what was there before is frozen.
EARLY = "import email.parser, gc\nprint(not any(o is email.parser.Parser for o in gc.get_objects()))"
LEARN = "email.parser,decimal,xml.dom.minidom,http.client"


@pytest.fixture(scope="module")
def modules():
    """An interpreter with modules that cannot be imported ahead of time, and one that can."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="hatchery-test-"))
    folder.chmod(0o755)
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", folder / "venv"], check=True)
    site = next((folder / "venv" / "lib").glob("python3*")) / "site-packages"
    for name, text in {
        "starts_a_thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()",
        "opens_a_file": "import os\nfd = os.open('/dev/null', os.O_RDONLY)",
        "prints": "print('hello')",
        "warns": "import warnings\nwarnings.warn('old')",
        "starts_a_process": "import os, time\nif os.fork() == 0:\n    time.sleep(1)\n    os._exit(0)",
        "is_broken": "raise OSError('broken')",
        "exits": "import os\nos._exit(3)",
        "is_slow": "import time\ntime.sleep(1)",
        "is_slower": "import time\ntime.sleep(4)",
        "is_good": "import random\ngenerator = random.Random()",
    }.items():
        (site / f"{name}.py").write_text(text + "\n")
    yield folder / "venv" / "bin" / "python"
    shutil.rmtree(folder)


def run(service, code, **request):
    answer = service.post({"code": code, "timeout": 20, **request})
    assert answer.status_code == 200, answer.text
    return answer.json()


def metrics(service):
    lines = [line.rsplit(" ", 1) for line in service.client.get("/metrics").text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def learned_runs(service, environment="default"):
    return metrics(service)[f'hatchery_learned_runs_total{{environment="{environment}",sandbox="learned"}}']


def learned(service, environment=0):
    return [entry["modules"] for entry in service.client.get("/info").json()["environments"][environment]["learned"]]


def pids(service):
    return service.role_pids().get("learned", [])


def events(service, name):
    return re.findall(rf"broker learned\.{name} (.*)", service.log_text())


def teach(service, code=EARLY, **request):
    """Until a sandbox with learned modules stands ready."""
    run(service, "", **request)  # what is installed is known with the first sandbox
    for _ in range(3):
        assert run(service, code, **request)["status"] == "ok"
    wait_for(lambda: sum(v for k, v in metrics(service).items() if k.startswith("hatchery_learned_sandboxes_ready")) > 0, 30, "a sandbox with it")


def test_the_fourth_run_has_it(make_service):
    service = make_service(pool=2, learn=LEARN, log_level="info")
    service.canary()
    answers = [service.execute(EARLY)["output"] for _ in range(3)]
    assert answers == ["False\n"] * 3 and learned_runs(service) == 0
    wait_for(lambda: learned(service), 30, "a set")
    teach(service)
    assert learned(service) == [["email.parser"]] and len(pids(service)) == 1
    before = learned_runs(service)
    assert service.execute(EARLY)["output"] == "True\n"
    assert learned_runs(service) == before + 1
    seen = metrics(service)
    assert seen['hatchery_learned_sets{environment="default"}'] == 1
    assert seen['hatchery_learned_bytes{environment="default"}'] == service.client.get("/info").json()["environments"][0]["learned"][0]["memory"] > 1 << 20
    (front,) = service.role_pids()["front"]
    os.kill(front, signal.SIGKILL)  # a new one is told again
    wait_for(lambda: service.role_pids().get("front", [front]) != [front], 20, "a new front")
    service.wait_healthy()
    wait_for(lambda: learned(service) == [["email.parser"]], 20, "the same information")


@pytest.mark.parametrize("code", [
    "import json, sys; print('email' in sys.modules)",
    "import sys\nprint('email' in sys.modules)\nimport email.parser",
    "import sys\nif True:\n    pass\nimport os\nprint('email' in sys.modules)",
    "text = '''\nimport email.parser\n'''\nimport sys\nprint('email' in sys.modules)",
])
def test_who_does_not_begin_with_it_does_not_have_it(make_service, code):
    service = make_service(pool=2, learn=LEARN)
    teach(service)
    before = learned_runs(service)
    assert service.execute(code)["output"] == "False\n"
    assert learned_runs(service) == before


def test_nobody_gets_what_he_does_not_import(make_service):
    """Of the sets that there are the largest one that is part of what the program begins with; not one that has more."""
    service = make_service(pool=4, learn=LEARN)
    both = EARLY + "\nimport decimal"  # too late to count
    teach(service, "import decimal\n" + EARLY)
    assert sorted(learned(service)[0]) == ["decimal", "email.parser"]
    before = learned_runs(service)
    assert service.execute(both)["output"] == "False\n"
    assert service.execute("import sys, decimal\nprint('email' in sys.modules)")["output"] == "False\n"
    assert learned_runs(service) == before
    assert service.execute("import http.client, decimal\n" + EARLY)["output"] == "True\n"
    assert learned_runs(service) == before + 1


@pytest.mark.parametrize("request_has", [
    {"files": [{"path": "email/__init__.py", "content": ""}, {"path": "email/parser.py", "content": "class Parser: mine = True"}]},
    {"files": [{"path": "helper.py", "content": ""}]},
    {"env": {"ANY": "thing"}},
])
def test_what_could_change_an_import_keeps_it_plain(make_service, request_has):
    service = make_service(pool=2, learn=LEARN)
    teach(service)
    before = learned_runs(service)
    answer = run(service, EARLY + "\nprint(hasattr(email.parser.Parser, 'mine'))", **request_has)
    assert answer["output"] == f"False\n{'files' in request_has and len(request_has['files']) == 2}\n"
    assert learned_runs(service) == before
    assert run(service, EARLY, files=[{"path": "data.csv", "content": "1"}])["output"] == "True\n"


def test_a_file_that_the_program_writes_comes_first(make_service):
    """Its import does not stand at the head then, so it is not in a sandbox that has it."""
    service = make_service(pool=2, learn=LEARN)
    teach(service)
    code = "import os\nos.mkdir('email')\nopen('email/parser.py', 'w').write('mine = 1')\nopen('email/__init__.py', 'w').close()\nimport email.parser\nprint(email.parser.mine)"
    assert service.execute(code)["output"] == "1\n"


def test_sealed_as_every_other(make_service):
    service = make_service(pool=2, learn=LEARN)
    code = """import email.parser, gc, os, resource
keys = ("Uid", "Gid", "Groups", "NStgid", "Cap", "NoNewPrivs", "Seccomp", "Threads", "SigIgn", "SigCgt", "SigBlk")
print([line for line in open("/proc/self/status") if line.startswith(keys)])
print([line.split()[3:6] for line in open("/proc/self/mountinfo")])
print([resource.getrlimit(n) for n in range(16)], sorted(os.listdir("/proc/self/fd")), os.getcwd(), dict(os.environ))
print(open("/proc/self/cgroup").read())
"""
    plain = service.execute(code)
    teach(service)
    before = learned_runs(service)
    assert service.execute(code)["output"] == plain["output"] and plain["status"] == "ok"
    assert learned_runs(service) == before + 1


def test_what_is_random_is_random(make_service, modules):
    service = make_service(pool=2, learn="is_good", python=modules)
    code = "import is_good\nprint(is_good.generator.random())"
    teach(service, code)
    before = learned_runs(service)
    assert len({service.execute(code)["output"] for _ in range(10)}) == 10
    assert learned_runs(service) > before


@pytest.mark.parametrize("module", ["starts_a_thread", "opens_a_file", "prints", "warns", "starts_a_process", "is_broken", "exits"])
def test_what_cannot_be_learned_is_tried_once(make_service, modules, module):
    service = make_service(pool=2, learn=f"is_good,{module}", python=modules, log_level="info")
    code = f"import {module}"
    service.canary()
    expected = service.execute(code)
    for _ in range(3):
        service.execute(code)
    wait_for(lambda: events(service, "failed"), 30, "a failure")
    (failure,) = events(service, "failed")
    assert f"modules={module}" in failure
    for _ in range(5):
        answer = service.execute(code)
        assert [answer[key] for key in ("output", "error", "exit_code")] == [expected[key] for key in ("output", "error", "exit_code")]
    time.sleep(2)
    assert len(events(service, "failed")) == 1 and not pids(service) and not learned(service)
    for _ in range(3):
        service.execute("import is_good\nimport " + module)
    teach(service, "import is_good")  # the others are none the worse for it


def test_memory(make_service):
    """What is more than learn-memory goes at once, and is not tried again."""
    service = make_service(pool=2, learn=LEARN, learn_memory="1M", log_level="info")
    service.canary()
    for _ in range(4):
        service.execute(EARLY)
    wait_for(lambda: events(service, "dropped"), 30, "a set that is too large")
    assert "why=learn-memory" in events(service, "dropped")[0]
    for _ in range(4):
        assert service.execute(EARLY)["output"] == "False\n"
    time.sleep(3)
    assert len(events(service, "warm")) == 1 and not learned(service)
    wait_for(lambda: not pids(service), 10, "its end")


@pytest.mark.parametrize("off", [{"learn": ""}, {"learn": LEARN, "learn_memory": 0}, {"learn": "nowhere_at_all"}])
def test_off(make_service, off):
    service = make_service(pool=2, **off)
    for _ in range(6):
        assert service.execute(EARLY)["output"] == "False\n"
    time.sleep(0.5)
    assert not pids(service) and not learned(service) and learned_runs(service) == 0


def test_its_death_costs_nothing(make_service):
    service = make_service(pool=2, learn=LEARN, log_level="info")
    teach(service)
    plain = service.role_pids()["zygote"]
    for _ in range(2):
        (pid,) = pids(service)
        os.kill(pid, signal.SIGKILL)
        for _ in range(5):
            assert service.execute(EARLY)["status"] == "ok"
        wait_for(lambda pid=pid: pids(service) not in ([], [pid]), 30, "another one")
        teach(service)
    assert service.role_pids()["zygote"] == plain and len(events(service, "lost")) == 2, service.log_tail(60)
    assert service.execute(EARLY)["output"] == "True\n"


def children(pid):
    return set(open(f"/proc/{pid}/task/{pid}/children").read().split())


def test_its_death_takes_no_newborn_of_another_one(make_service):
    """It dies and owes a sandbox just when the plain one has cloned one and the broker has not read of it yet."""
    service = make_service(pool=2, learn=LEARN, log_level="info")
    teach(service)
    (learned_one,), (plain,), (broker,) = pids(service), service.role_pids()["zygote"], service.role_pids()["broker"]
    service.settled_holdings()
    for pid in (learned_one, plain):
        os.kill(pid, signal.SIGSTOP)
    run(service, EARLY)  # from now on each owes a sandbox
    for _ in range(2):
        run(service, "print(1)")
    time.sleep(0.5)
    os.kill(broker, signal.SIGSTOP)
    wait_for(lambda: audit.stat_of(broker)[1] == "T", 5, "the broker to stand still", 0.001)
    before = children(broker)
    os.kill(learned_one, signal.SIGKILL)  # the first that the broker will hear of
    wait_for(lambda: audit.stat_of(learned_one)[1] == "Z", 5, "its death", 0.001)
    os.kill(plain, signal.SIGCONT)
    wait_for(lambda: children(broker) - before, 5, "a newborn", 0.001)
    os.kill(broker, signal.SIGCONT)
    for _ in range(3):
        service.canary()
    wait_for(lambda: events(service, "lost"), 10, "a word of it")
    assert service.role_pids()["zygote"] == [plain] and "environment.lost" not in service.log_text(), service.log_tail(40)


class Learners(Clients):
    """Runs with learned modules and without."""

    def __init__(self, service):
        super().__init__(4)
        self.service, self.wrong = service, []
        self.codes = itertools.cycle((EARLY, "print(1)"))

    def ask_once(self):
        answer = self.service.execute(next(self.codes))
        if answer["status"] != "ok":
            self.wrong.append(answer)


def test_its_death_under_load_is_no_others(make_service):
    """It dies with forks under way, while its siblings have some, too: what these cloned is not taken for its."""
    service = make_service(pool=4, learn=LEARN, log_level="info", rotate_runs=0, rotate_age=0)
    teach(service)
    before = {role: service.role_pids()[role] for role in ("zygote", "incubator")}
    killed, end = 0, time.monotonic() + 6
    with Learners(service) as learners:
        while time.monotonic() < end:
            for pid in pids(service):
                os.kill(pid, signal.SIGKILL)
                killed += 1
            time.sleep(0.01)
    assert killed > 0 and not learners.wrong, learners.wrong[:3]
    assert {role: service.role_pids()[role] for role in before} == before, service.log_tail(60)
    service.canary()


SLOW = "import is_slow, gc\nprint(not any(o is is_slow.__dict__ for o in gc.get_objects()))"


def ask_at_once(service, requests):
    """What each is answered, and after how long, in the order of the answers."""
    began, answers = time.monotonic(), []

    def ask(request):
        headers = request.pop("headers", {})
        answer = service.post({"timeout": 20, **request}, headers=headers)
        answers.append((request["code"], answer.status_code, answer.json(), time.monotonic() - began))

    with ThreadPoolExecutor(len(requests)) as threads:
        list(threads.map(ask, requests))
    return answers


def test_a_crowd_waits_for_it(make_service, modules):
    """None of many programs at the same time takes a plain sandbox and imports for itself, which would take longer on any machine."""
    service = make_service(pool=4, concurrency=4, learn="is_slower", python=modules)
    slow = SLOW.replace("is_slow", "is_slower")
    teach(service, slow)
    plain = metrics(service)['hatchery_learned_runs_total{environment="default",sandbox="plain"}']
    answers = ask_at_once(service, [{"code": slow} for _ in range(12)])
    assert [(status, answer["output"]) for _, status, answer, _ in answers] == [(200, "True\n")] * 12, answers
    assert metrics(service)['hatchery_learned_runs_total{environment="default",sandbox="plain"}'] == plain


def test_who_waits_for_it_holds_nobody_up(make_service, modules):
    """Its zygote forks no more: who waits for it imports for himself in the end, and others did not wait. Who may not wait does not."""
    service = make_service(pool=4, concurrency=4, learn="is_slow", python=modules)
    teach(service, SLOW)
    (pid,) = pids(service)
    os.kill(pid, signal.SIGSTOP)
    try:
        for _ in range(2):  # what stood ready
            assert service.execute(SLOW)["status"] == "ok"
        plain = "print(6 * 7)"
        answers = ask_at_once(service, [{"code": SLOW}] + [{"code": plain} for _ in range(6)])
        assert [(code, status) for code, status, _, _ in answers] == [(plain, 200)] * 6 + [(SLOW, 200)], answers
        assert answers[-1][2]["output"] == "False\n" and answers[-1][2]["execution_time"] >= 1
        ((_, status, answer, _),) = ask_at_once(service, [{"code": SLOW, "headers": {"Prefer": "wait=0"}}])
        assert status == 200 and answer["status"] == "ok"
    finally:
        with contextlib.suppress(ProcessLookupError):  # on a busy machine it has been ended meanwhile, as one that hangs
            os.kill(pid, signal.SIGCONT)
    service.canary()


def test_who_waits_for_it_can_be_told_to_end(make_service, modules):
    """In its lane as in the queue: by DELETE, by going away; and a service that is told to stop answers who waits there."""
    service = make_service(pool=4, concurrency=4, learn="is_slower", python=modules, drain_timeout=20)
    slow = SLOW.replace("is_slow", "is_slower")
    teach(service, slow)
    (pid,) = pids(service)
    os.kill(pid, signal.SIGSTOP)
    for _ in range(int(metrics(service)['hatchery_learned_sandboxes_ready{environment="default"}'])):
        assert service.execute(slow)["output"] == "True\n"

    def waiting():
        return metrics(service)["hatchery_runs_waiting"]

    with ThreadPoolExecutor(1) as threads:
        answer = threads.submit(service.post, {"code": slow, "timeout": 20}, headers={"X-Request-Id": "in-its-lane"})
        wait_for(lambda: waiting() == 1, 2, "the run in its lane", 0.01)
        assert service.client.delete("/runs/in-its-lane").status_code == 200
        assert answer.result().json()["status"] == "cancelled"
        assert waiting() == 0
        with service.raw(post({"code": slow})):
            wait_for(lambda: waiting() == 1, 2, "the run in its lane", 0.01)
        wait_for(lambda: waiting() == 0, 2, "its end with its client", 0.01)
        service.canary()
        answer = threads.submit(service.post, {"code": slow, "timeout": 20})
        wait_for(lambda: waiting() == 1, 2, "the run in its lane", 0.01)
        assert service.stop(30) == 0
        assert answer.result().json()["status"] == "ok"


def test_rotation(make_service):
    service = make_service(pool=2, learn=LEARN, rotate_runs=5, log_level="info")
    teach(service)
    (first,) = pids(service)
    for _ in range(8):
        assert service.execute(EARLY)["status"] == "ok"
    wait_for(lambda: events(service, "rotated"), 30, "a rotation")
    wait_for(lambda: len(pids(service)) == 1, 10, "the end of the old one")
    assert pids(service) != [first]
    teach(service)
    assert service.execute(EARLY)["output"] == "True\n"


def test_a_memory_fault_replaces_it(make_service):
    service = make_service(pool=2, learn=LEARN, log_level="info")
    teach(service)
    (first,), plain = pids(service), service.role_pids()["zygote"]
    assert service.execute(EARLY + "\nimport os; os.abort()")["status"] == "signal"
    wait_for(lambda: events(service, "rotated"), 30, "a rotation")
    wait_for(lambda: len(pids(service)) == 1 and pids(service) != [first], 10, "the end of the old one")
    assert service.role_pids()["zygote"] == plain  # it has another layout, which nobody has seen


def test_many_sets_do_not_keep_the_machine_busy(make_service):
    """Who begins with another set each time gets no more of them than there may be, and not one after the other."""
    names = ["decimal", "fractions", "statistics", "csv", "argparse", "pprint", "textwrap", "shlex"]
    service = make_service(pool=4, pool_max=8, learn=",".join(names), log_level="info")
    start = time.monotonic()
    while time.monotonic() - start < 5:
        for i in range(8):
            for _ in range(3):
                assert service.execute(f"import {names[i]}, {names[i - 3]}")["status"] == "ok"
    wait_for(lambda: len(pids(service)) <= 4, 10, "four at most")
    assert 1 <= len(events(service, "warm")) <= 8
    assert len(learned(service)) <= 4
    service.canary()


def test_a_program_of_nothing_but_imports(make_service):
    service = make_service(pool=2, learn=LEARN)
    code = "import json, os, re\n" * 50_000
    assert service.execute(code)["status"] == "ok"
    assert service.execute("import " + ", ".join(["json"] * 100_000))["status"] == "ok"
    service.canary()


def test_each_environment_learns_for_itself(make_service):
    service = make_service(pool=2, learn=LEARN, **{"environment.other.pool": 1, "environment.other.learn": "decimal", "environment.off.pool": 1, "environment.off.learn": ""})
    teach(service, "import decimal", environment="other")
    for _ in range(4):
        run(service, EARLY, environment="off")
        run(service, EARLY, environment="other")
    assert [learned(service, i) for i in range(3)] == [[], [["decimal"]], []]
    assert learned_runs(service, "other") == 0


def test_settings_are_checked():
    for value, wrong in (("1numpy", "is not a list of modules"), (",".join(f"m{i}" for i in range(33)), "at most 32")):
        found = command("serve", "--listen", "127.0.0.1:0", "--learn", value)
        assert found.returncode == 2 and b"learn: " in found.stderr and wrong.encode() in found.stderr
