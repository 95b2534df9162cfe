"""Several environments in one service: each with its own Python, limits and sandboxes, none in the way of another."""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from pathlib import Path

import httpx
import jsonschema
import pytest

import audit
import service as services
from service import command, post, wait_for


@pytest.fixture(scope="module")
def venv():
    """A virtual environment with one package of its own. A run has a /tmp of its own, so it lives elsewhere."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="hatchery-test-"))
    folder.chmod(0o755)
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", folder / "venv"], check=True)
    site = next((folder / "venv" / "lib").glob("python3*")) / "site-packages"
    (site / "only_here.py").write_text("value = 'of the venv'\n")
    (site / "only_here-1.5.dist-info").mkdir()
    (site / "only_here-1.5.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: only-here\nVersion: 1.5\n")
    yield folder / "venv" / "bin" / "python"
    shutil.rmtree(folder)


def add_module(venv, name, text):
    site = next((venv.parent.parent / "lib").glob("python3*")) / "site-packages"
    (site / f"{name}.py").write_text(text)


def run_in(service, environment, code, timeout=20, client=None):
    answer = service.post({"code": code, "timeout": timeout, "environment": environment}, client=client)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def two(make_service, venv):
    service = make_service(pool=2, pool_max=2, **{
        "environment.other.python": venv,
        "environment.other.preload": "only_here",
        "environment.other.limit-memory": "64M",
        "environment.other.pool": 1,
    })
    run_in(service, "other", "pass")
    service.canary()
    return service


def test_each_runs_in_its_own(two):
    prefix = "import sys; print(sys.prefix, 'only_here' in sys.modules)"
    assert run_in(two, "default", prefix)["output"] == "/usr False\n"
    answer = run_in(two, "other", prefix)["output"]
    assert answer.endswith("/venv True\n")
    assert two.execute(prefix)["output"] == "/usr False\n"  # named by nobody: the default
    assert "ModuleNotFoundError" in run_in(two, "default", "import only_here")["error"]
    assert run_in(two, "other", "import only_here; print(only_here.value)")["output"] == "of the venv\n"


OTHER_PYTHON = Path(os.environ.get("HATCHERY_TEST_OTHER_PYTHON", "/var/tmp/hatchery-python3.13/usr/bin/python3.13"))


@pytest.mark.skipif(not OTHER_PYTHON.exists(), reason=f"no {OTHER_PYTHON}: tools/python.sh makes it, HATCHERY_TEST_OTHER_PYTHON names another")
def test_two_versions_at_once(make_service, venv):
    """CPythons of two versions, with C libraries of two versions, and a virtual environment."""
    service = make_service(pool=2, **{"environment.new.python": OTHER_PYTHON, "environment.venv.python": venv})
    code = ("import ctypes, json, multiprocessing, sqlite3, ssl, subprocess, sys\n"
            "print(sys.version.split()[0], sqlite3.connect(':memory:').execute('select 6 * 7').fetchone()[0])\n"
            "print(subprocess.check_output([sys.executable, '-c', 'print(1)']))\n"
            "def f(n): return n * n\n"
            "if __name__ == '__main__':\n"
            "    with multiprocessing.get_context('fork').Pool(2) as pool: print(pool.map(f, range(3)))\n")
    for name in ("default", "new", "venv"):
        run_in(service, name, "pass")
    versions = {e["name"]: e["python"] for e in service.client.get("/info").json()["environments"]}
    for _ in range(3):
        for name in ("default", "new", "venv"):
            answer = run_in(service, name, code)
            assert answer["error"] is None or "DeprecationWarning" in answer["error"], answer
            assert answer["output"] == f"{versions[name]} 42\nb'1\\n'\n[0, 1, 4]\n"
    assert versions["default"] == versions["venv"] != versions["new"]
    answer = run_in(service, "new", "def f():\n    return 1 / 0\nf()")
    assert answer["exit_code"] == 1 and "~~^~~" in answer["error"] and "/sandbox/main.py" in answer["error"]


def test_each_has_its_own_limits(two):
    hungry = "x = bytearray(100 << 20); print(len(x))"
    assert run_in(two, "default", hungry)["status"] == "ok"
    answer = run_in(two, "other", hungry)
    assert answer["status"] == "memory_limit" and "64 MiB" in answer["error"]


def test_each_has_its_own_ids(two):
    """No process of one environment runs under an id of another's; what root is inside of one, is nobody in the other."""
    makers = two.role_pids()["zygote"] + two.role_pids()["incubator"]
    ids = sorted(uid_of(pid) for pid in makers)
    assert len(makers) == 4 and len(set(ids)) == 2
    maps = {open(f"/proc/{pid}/uid_map").read().split()[1]: int(open(f"/proc/{pid}/uid_map").read().split()[2]) for pid in makers}
    (first, count), (second, _) = sorted((int(k), v) for k, v in maps.items())
    assert first + count <= second


def uid_of(pid):
    return int(next(line for line in open(f"/proc/{pid}/status") if line.startswith("Uid:")).split()[1])


@pytest.mark.parametrize("wrong", ["Default", "", "other ", "nope", 5, None, ["other"], {"name": "other"}, "o" * 10000])
def test_wrong_name(two, wrong):
    answer = two.post({"code": "print(1)", "environment": wrong})
    assert answer.status_code == 422
    (error,) = answer.json()["detail"]
    assert error["type"] == "literal_error" and error["loc"] == ["body", "environment"]
    assert error["msg"] == "Input should be 'default' or 'other'"
    assert error["ctx"] == {"expected": "'default' or 'other'"} and error["input"] == wrong


def test_openapi_names_them(two):
    schema = two.client.get("/openapi.json").json()["components"]["schemas"]["ExecuteRequest"]["properties"]["environment"]
    assert schema["enum"] == ["default", "other"] and schema["default"] == "default"


def test_info(two):
    info = two.client.get("/info").json()
    document = two.client.get("/openapi.json").json()
    jsonschema.validate(info, {"$ref": "#/components/schemas/Info", "components": document["components"]})
    default, other = info["environments"]
    assert (default["name"], default["ready"], default["preloaded"]) == ("default", True, [])
    assert (other["name"], other["ready"], other["preloaded"]) == ("other", True, ["only_here"])
    assert other["packages"] == [{"name": "only-here", "version": "1.5"}]
    version = subprocess.run(["/usr/bin/python3", "-c", "import platform; print(platform.python_version())"], capture_output=True, text=True)
    assert default["python"] == other["python"] == version.stdout.strip()
    assert (default["limits"]["memory"], other["limits"]["memory"]) == (256 << 20, 64 << 20)
    assert two.client.head("/info").status_code == 200
    (front,) = two.role_pids()["front"]
    os.kill(front, signal.SIGKILL)  # a new one is told all of it again
    wait_for(lambda: two.role_pids().get("front", [front]) != [front], 20, "a new front")
    two.wait_healthy()
    wait_for(lambda: two.client.get("/info").json() == info, 20, "the same information")


def test_info_says_what_is_not_ready(make_service, venv):
    service = make_service(pool=1, **{"environment.other.python": venv})
    service.canary()
    run_in(service, "other", "pass")
    assert [e["ready"] for e in service.client.get("/info").json()["environments"]] == [True, True]
    (zygote,) = [pid for pid in service.role_pids()["zygote"] if audit.command_line(pid)[0] == str(venv).encode()]
    os.kill(zygote, signal.SIGKILL)
    wait_for(lambda: [e["ready"] for e in service.client.get("/info").json()["environments"]] == [True, False], 10, "not ready", 0.001)
    wait_for(lambda: [e["ready"] for e in service.client.get("/info").json()["environments"]] == [True, True], 20, "ready again")


HINT = 'The module "only_here" is in the environment "other"\n'


@pytest.mark.parametrize("code, hinted", [
    ("import only_here", True),
    ("import only_here.part", True),
    ("from only_here import value", True),
    ("raise ModuleNotFoundError(\"No module named 'only_here'\")", True),
    ("import nowhere_at_all", False),
    ("import json.nothing", False),  # json is everywhere
    ("try:\n    import only_here\nexcept ImportError:\n    pass", False),
    ("import sys; sys.stderr.write(\"ModuleNotFoundError: No module named 'only_here'\\n\")", False),  # it did not fail
    ("import sys; sys.stderr.write(\"ModuleNotFoundError: No module named 'only_here\"); sys.exit(1)", False),
    ("import sys; sys.stderr.write(\"ModuleNotFoundError: No module named '\" + 'only_here' * 100 + \"'\"); sys.exit(1)", False),
    ("import sys; sys.stderr.buffer.write(b\"ModuleNotFoundError: No module named 'only_here\\0'\"); sys.exit(1)", False),
    ("import sys; sys.stderr.buffer.write(b'x' * 3000000 + b\"\\nModuleNotFoundError: No module named 'only_here'\\n\"); sys.exit(1)", True),
])
def test_a_missing_module_is_pointed_at(two, code, hinted):
    error = two.execute(code)["error"] or ""
    assert error.endswith(HINT) == hinted, error[-300:]
    assert (error.count("is in the environment") == 1) == hinted


def test_a_missing_module_is_pointed_at_in_a_stream(two):
    """In the answer at its end; what was passed on before is the program's alone."""
    answer = two.post({"code": "import only_here"}, headers={"Accept": "application/x-ndjson"})
    *printed, result = [json.loads(line) for line in answer.text.splitlines()]
    assert result["error"].endswith(HINT)
    assert result["error"] == "".join(event["text"] for event in printed if event["type"] == "stderr") + HINT


def test_nothing_to_point_at(two):
    assert "is in the environment" not in run_in(two, "other", "import nowhere_at_all")["error"]


@pytest.fixture(scope="module")
def matching(tmp_path_factory):
    service = services.Service(folder=tmp_path_factory.mktemp("matching"), pool=2, **{
        "environment.one.preload": "decimal,xml.dom.minidom",
        "environment.two.preload": "decimal,email.parser,http.client",
        "environment.large.preload": "sqlite3",
        "environment.large.limit-memory": "300M",
    })
    for name in ("one", "two", "large"):
        run_in(service, name, "pass")
    yield service
    assert service.stop() == 0


WHERE = "\nimport sys\nprint('one' if 'xml.dom.minidom' in sys.modules else 'two' if 'http.client' in sys.modules else 'large' if 'sqlite3' in sys.modules else 'default')"


@pytest.mark.parametrize("code, expected", [
    ("", "default"),
    ("import json", "default"),
    ("import xml", "one"),
    ("import http", "two"),
    ("from email import message", "two"),
    ("import decimal", "one"),  # both have it, this one has less besides
    ("import decimal, http, email", "two"),
    ('text = """\nimport http\n"""', "default"),
    ("def f():\n    import http", "default"),
    ("import sqlite3 as s; del s\nimport sys; del sys.modules['sqlite3']", "default"),  # other limits: it runs in the default one
])
def test_imports_choose_the_environment(matching, code, expected):
    answer = matching.execute(code + WHERE)
    assert (answer["output"], answer["error"]) == (expected + "\n", None)


def test_a_named_environment_is_not_another(matching):
    assert run_in(matching, "default", "import decimal" + WHERE)["output"] == "default\n"
    assert run_in(matching, "two", "import decimal" + WHERE)["output"] == "two\n"


def test_imports_choose_nothing_where_it_is_switched_off(make_service):
    service = make_service(pool=1, match_imports="false", **{"environment.one.preload": "xml.dom.minidom"})
    run_in(service, "one", "pass")
    assert service.execute("import xml" + WHERE)["output"] == "default\n"


def test_an_environment_that_is_not_warm_is_not_chosen(make_service):
    """The program runs at once in the default one, and imports what it wants by itself."""
    service = make_service(pool=2, **{"environment.one.preload": "xml.dom.minidom"})
    run_in(service, "one", "pass")
    makers = sorted(service.role_pids()["zygote"], key=uid_of)
    os.kill(makers[-1], signal.SIGKILL)
    for _ in range(20):
        answer = service.execute("import xml.dom.minidom, sys; print('x')")
        assert (answer["output"], answer["error"]) == ("x\n", None)


# --- environments that are there only while somebody uses them -----------------------------------------------------------

@pytest.fixture
def resting(make_service):
    """One whose pool is 0, put to rest after two seconds without a run."""
    service = make_service(pool=2, pool_idle=0.2, concurrency=4, **{"environment.rare.preload": "xml.dom.minidom", "environment.rare.pool": 0})
    service.canary()
    at_rest(service)
    return service


def at_rest(service):
    wait_for(lambda: [len(service.role_pids().get(role, [])) for role in ("zygote", "incubator")] == [1, 1], 40, "rest", 0.05)


def test_it_is_tried_at_the_start_and_put_to_rest(resting):
    log = resting.log_text()
    assert "environment.warm environment=rare" in log and "environment.rests environment=rare" in log
    assert [e["ready"] for e in resting.client.get("/info").json()["environments"]] == [True, False]
    done = command("serve", "--listen", f"127.0.0.1:{services.free_port()}", "--environment.rare.preload=no_such_module", "--environment.rare.pool=0")
    assert done.returncode == 1 and "the environment rare" in done.stderr.decode()


def test_a_request_that_names_it_wakes_it(resting):
    for _ in range(2):
        answer = run_in(resting, "rare", "import sys; print('xml.dom.minidom' in sys.modules)")
        assert answer["output"] == "True\n"
        at_rest(resting)


def test_an_import_wakes_it(resting):
    assert resting.execute("import xml" + WHERE)["output"] == "default\n"  # at once, in what is there
    wait_for(lambda: resting.execute("import xml" + WHERE)["output"] == "one\n", 20, "the environment")


def test_it_does_not_rest_under_a_run(resting):
    answer = run_in(resting, "rare", "import time; time.sleep(4); print('done')", timeout=20)
    assert answer["output"] == "done\n"
    at_rest(resting)


def test_all_who_wait_for_it_are_served(resting):
    """More than may run at a time, while the default environment's runs take all places, too."""
    requests = [post({"code": "import time; time.sleep(0.3); print(1)", "environment": "rare" if n % 2 else "default", "timeout": 20}) for n in range(24)]
    connections = [resting.raw(request, timeout=60) for request in requests]
    answers = [json.loads(connection.answer()[2]) for connection in connections]
    for connection in connections:
        connection.close()
    assert [answer["output"] for answer in answers] == ["1\n"] * 24
    at_rest(resting)


def test_the_default_is_always_there():
    done = command("serve", "--pool=0", "--check-config")
    assert done.returncode == 2 and "pool: the default environment is always there" in done.stderr.decode()


def test_a_backlog_of_one_does_not_block_another(make_service, venv):
    """One's sandboxes are all in use and many requests wait for them: the other's are answered at once."""
    service = make_service(pool=2, concurrency=8, **{"environment.slow.python": venv, "environment.slow.pool": 1})
    service.canary()
    run_in(service, "slow", "pass")
    (zygote,) = [pid for pid in service.role_pids()["zygote"] if audit.command_line(pid)[0] == str(venv).encode()]
    os.kill(zygote, signal.SIGSTOP)  # its environment makes no sandboxes any more
    connections = [service.raw(post({"code": "print(1)", "environment": "slow"}), timeout=60) for _ in range(20)]
    for _ in range(5):
        service.canary()
    try:
        os.kill(zygote, signal.SIGCONT)
    except ProcessLookupError:
        pass  # on a machine this slow it was held for dead: a new one answers
    answers = [json.loads(connection.answer()[2]) for connection in connections]
    for connection in connections:
        connection.close()
    assert [answer["output"] for answer in answers] == ["1\n"] * 20
    assert sum(answer["usage"]["queued"] > 0.001 for answer in answers) > 10, "they waited"


@pytest.mark.parametrize("role", ["zygote", "incubator"])
def test_one_dies_alone(two, venv, role):
    """It is started again; the other one, and what runs in both, goes on."""
    by_environment = {uid_of(pid): pid for pid in two.role_pids()[role]}
    victim = by_environment[max(by_environment)]  # the last one of the settings
    others = [pid for pids in two.role_pids().values() for pid in pids if uid_of(pid) != uid_of(victim)]
    answers = {}
    code = "import time\nfor n in range(15):\n    print(n)\n    time.sleep(0.1)"
    threads = [threading.Thread(target=lambda name=name: answers.update({name: httpx.post(two.url + "/execute", json={"code": code, "timeout": 20, "environment": name}, timeout=60, trust_env=False).json()})) for name in ("default", "other")]
    for thread in threads:
        thread.start()
    time.sleep(0.5)
    os.kill(victim, signal.SIGKILL)
    for _ in range(5):
        two.canary()
    wait_for(lambda: run_in(two, "other", "print(6 * 7)")["output"] == "42\n", 20, "the environment again")
    for thread in threads:
        thread.join()
    for name in ("default", "other"):
        assert answers[name]["status"] == "ok" and answers[name]["output"] == "".join(f"{n}\n" for n in range(15)), answers
    assert set(others) <= set(two.tree()), "the others' processes live on"
    wait_for(lambda: len(two.role_pids()[role]) == 2, 10, f"a new {role}")


def test_one_that_cannot_start_fails_the_start():
    done = command("serve", "--listen", f"127.0.0.1:{services.free_port()}", "--environment.bad.preload", "no_such_module")
    assert done.returncode == 1
    assert "the environment bad (/usr/bin/python3) could not start" in done.stderr.decode()
    done = command("serve", "--listen", f"127.0.0.1:{services.free_port()}", "--environment.bad.python=/no/such/python")
    assert done.returncode == 1
    assert "environment bad: python /no/such/python" in done.stderr.decode()


def test_one_that_has_threads_is_refused(venv):
    """A fork copies one thread only, so a zygote that has more cannot make programs."""
    add_module(venv, "threaded", "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n")
    done = command("serve", "--listen", f"127.0.0.1:{services.free_port()}", f"--environment.bad.python={venv}", "--environment.bad.preload=threaded")
    assert done.returncode == 1
    assert "2 threads after the imports" in done.stderr.decode()


def test_one_that_gains_a_thread_in_its_warm_up_is_refused(venv):
    """After its imports: what is preloaded is told when the first code is run, which is the zygote's own."""
    add_module(venv, "late", "import _thread, sys, time\n"
                             "done = []\n"
                             "def told(event, arguments):\n"
                             "    if event == 'exec' and not done:\n"
                             "        done.append(_thread.start_new_thread(time.sleep, (100,)))\n"
                             "sys.addaudithook(told)\n")
    done = command("run", "--preload", "late", "--python", venv, "-", input=b"print(1)")
    assert done.returncode == 125 and done.stdout == b""
    assert "2 threads after the imports" in done.stderr.decode()


def test_one_that_serves_cannot_gain_a_thread(make_service, venv):
    """What is preloaded is told of each fork, too, and may want to start one then: the kernel refuses it."""
    add_module(venv, "told", "import _thread, os, time\n"
                             "def told():\n"
                             "    if os.path.exists('/proc/self/task') and forks:\n"
                             "        try:\n"
                             "            _thread.start_new_thread(time.sleep, (100,))\n"
                             "            os.write(2, b'started\\n')\n"
                             "        except RuntimeError:\n"
                             "            os.write(2, b'refused\\n')\n"
                             "    forks.append(1)\n"
                             "forks = []\n"
                             "os.register_at_fork(before=told)\n")
    service = make_service(pool=2, python=venv, preload="told")
    for _ in range(5):
        assert service.execute("import os; print(len(os.listdir('/proc/self/task')))")["output"] == "1\n"
    (zygote,) = service.role_pids()["zygote"]
    assert len(os.listdir(f"/proc/{zygote}/task")) == 1
    assert "line=refused" in service.log_text() and "line=started" not in service.log_text()


def test_one_that_keeps_a_descriptor_is_refused(venv):
    """A program has its own under the same numbers, and the module's would read and close those."""
    add_module(venv, "opened", "file = open(__file__)\n")
    done = command("serve", "--listen", f"127.0.0.1:{services.free_port()}", f"--environment.bad.python={venv}", "--environment.bad.preload=opened")
    assert done.returncode == 1
    assert "opened.py open, which a fork cannot take along" in done.stderr.decode()


def test_modules_that_write_at_their_import(venv):
    """A zygote has folders to write to; nothing of them is in a program's."""
    add_module(venv, "writes", "import tempfile\nfolder = tempfile.mkdtemp()\nopen('/sandbox/cache', 'w').close()\n")
    code = b"import os, writes; print(writes.folder[:5], os.listdir('/tmp'), os.listdir('.'))"
    done = command("run", "--python", venv, "--preload", "writes", "-", input=code)
    assert (done.returncode, done.stdout) == (0, b"/tmp/ [] ['main.py']\n"), done


def test_run_command(venv):
    done = command("run", "--environment", "other", "--environment.other.python", venv, "-", input=b"import only_here; print(only_here.value)")
    assert (done.returncode, done.stdout) == (0, b"of the venv\n"), done
    done = command("run", "--environment", "nope", "--environment.other.python", venv, "-", input=b"")
    assert done.returncode == 125 and "there are: default, other" in done.stderr.decode()


def test_settings_from_everywhere(tmp_path):
    """File, environment and command line, in the order of precedence; the dump reads back to the same."""
    file = tmp_path / "hatchery.conf"
    file.write_text("pool = 3\npreload = json\nlimit-memory = 100M\n\n[environment a]\npool = 4\nlimit-memory = 101M\n"
                    "limit-files = 100\n[environment b.2]\n# nothing of its own\n")
    more = {"HATCHERY_ENVIRONMENT_A_LIMIT_MEMORY": "102M", "HATCHERY_ENVIRONMENT_A_LIMIT_FILES": "200", "HATCHERY_ENVIRONMENT_C_D_POOL": "5"}
    done = command("serve", "--config", file, "--dump-config", "--environment.a.limit-files=300", "--environment.b.2.pool", "6", **more)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    top, *sections = text.split("\n[environment ")
    found = {section.split("]")[0]: dict(line.split(" = ") for line in section.splitlines()[1:] if " = " in line) for section in sections}
    assert found == {
        "a": {"pool": "4", "limit-memory": "102M", "limit-files": "300"},
        "b.2": {"pool": "6"},
        "c-d": {"pool": "5"},
    }
    assert "\npool = 3\n" in top
    again = tmp_path / "again.conf"
    again.write_text(text)
    assert command("serve", "--config", again, "--dump-config").stdout == done.stdout


@pytest.mark.parametrize("text, words", [
    ("[environment a]\npool = 257\n", [":2", "pool", "from 0"]),
    ("[environment a]\nqueue = 5\n", [":2", "queue", "for all environments"]),
    ("[environment a]\npol = 5\n", [":2", "pool"]),
    ("[environment a]\n[environment b]\n[environment a]\n", [":3", "second time"]),
    ("[environment a]\npool = 1\npool = 2\n", [":3", "second time"]),
    ("[environment]\n", [":1", "[environment NAME]"]),
    ("[other a]\n", [":1", "[environment NAME]"]),
    ("[environment a\n", [":1", "[environment NAME]"]),
    ("[environment a/b]\n", [":1", "a/b", "letters"]),
    ("[environment " + "a" * 33 + "]\n", [":1", "at most 32"]),
    ("".join(f"[environment e{n}]\n" for n in range(16)), [":16", "16 environments"]),
    ("[environment a]\npython = python3\n", ["environment a", "absolute"]),
    ("[environment a]\npreload = json;re\n", ["environment a", "preload"]),
])
def test_wrong_settings(tmp_path, text, words):
    file = tmp_path / "hatchery.conf"
    file.write_text(text)
    done = command("serve", "--config", file, "--check-config")
    assert done.returncode == 2
    for word in words:
        assert word in done.stderr.decode(), done.stderr


def test_nothing_is_left(two):
    for n in range(30):
        run_in(two, "other" if n % 2 else "default", "print(1)")
    before = two.settled_holdings()
    for n in range(60):
        run_in(two, "other" if n % 2 else "default", "print(1)")
    after = two.settled_holdings()
    assert after["processes"] == before["processes"], (before, after)
    assert after["mounts"] == before["mounts"], (before, after)
