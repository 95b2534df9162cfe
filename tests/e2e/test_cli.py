"""The commands of the binary."""

import json
import os
import re
import subprocess
import time

import jsonschema
import pytest

import service as services
from service import command


def program(tmp_path, text):
    path = tmp_path / "program.py"
    path.write_text(text)
    return path


def test_run_file(tmp_path):
    done = command("run", program(tmp_path, "import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(7)"))
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 7)


def test_run_standard_input():
    done = command("run", "-", input=b"print(6 * 7)")
    assert (done.stdout, done.stderr, done.returncode) == (b"42\n", b"", 0)


def test_run_traceback():
    done = command("run", "-", input=b"1 / 0")
    assert done.stdout == b""
    assert done.stderr.startswith(b'Traceback (most recent call last):\n  File "/sandbox/main.py", line 1, in <module>\n')
    assert done.returncode == 1


def test_run_bytes_are_passed_through():
    done = command("run", "-", input=b"import os; os.write(1, bytes(range(256))); os.write(2, b'\\xff')")
    assert (done.stdout, done.stderr, done.returncode) == (bytes(range(256)), b"\xff", 0)


def test_run_signal():
    done = command("run", "-", input=b"import os; os.abort()")
    assert done.returncode == 128 + 6


def test_run_timeout():
    started = time.monotonic()
    done = command("run", "--timeout", "0.5", "-", input=b"print('partial', end='', flush=True)\nwhile True: pass")
    assert done.returncode == 124
    assert done.stdout == b"partial"
    assert b"Execution timed out after 0.5 seconds" in done.stderr
    assert time.monotonic() - started < 15


def test_run_large_output():
    done = command("run", "-", input=b"for n in range(100000): print('line', n)")
    assert done.returncode == 0
    assert done.stdout == b"".join(b"line %d\n" % n for n in range(100000)) or b"missing" in done.stdout


def test_run_json(hatchery):
    done = command("run", "--json", "-", input=b"print('x')\nimport sys; sys.exit(3)")
    answer = json.loads(done.stdout)
    assert (answer["output"], answer["error"], answer["status"], answer["exit_code"]) == ("x\n", None, "error", 3)
    schema = hatchery.client.get("/openapi.json").json()
    answers = schema["paths"]["/execute"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    jsonschema.Draft202012Validator(answers | {"components": schema["components"]}).validate(answer)


def test_run_json_timeout():
    done = command("run", "--json", "--timeout", "0.5", "-", input=b"while True: pass")
    assert json.loads(done.stdout)["status"] == "timeout"


def test_run_empty_program():
    done = command("run", "-", input=b"")
    assert (done.stdout, done.stderr, done.returncode) == (b"", b"", 0)


def test_run_sees_nothing_of_its_caller(tmp_path):
    done = command("run", "-", input=b"import os; print(os.environ.get('SECRET'), os.listdir('.'), os.getcwd())", SECRET="x")
    assert done.stdout == b"None ['main.py'] /sandbox\n"


@pytest.mark.parametrize("arguments", [["run"], ["run", "/no/such/file.py"], ["run", "a", "b"], ["run", "--timeout", "-1", "-"], ["run", "--timeout", "0.0000000001", "-"],
                                       ["run", "--timeout", "x", "-"], ["run", "--nope", "-"], ["run", "/"]])
def test_run_own_failures_are_125(arguments):
    done = command(*arguments, input=b"print(1)")
    assert done.returncode == 125
    assert done.stdout == b""
    assert len(done.stderr.splitlines()) <= 3 and done.stderr.startswith(b"hatchery run:")


def test_run_leaves_nothing():
    import audit

    before = audit.cgroup_folders("hatchery-")
    processes = {p for p, s in audit.processes().items() if "hatchery" in s[0]}
    for _ in range(3):
        command("run", "-", input=b"import os\nif os.fork() == 0:\n    while True: pass")
    services.wait_for(lambda: audit.cgroup_folders("hatchery-") <= before, 10, "cgroups gone")
    services.wait_for(lambda: {p for p, s in audit.processes().items() if "hatchery" in s[0]} <= processes, 10, "processes gone")


def test_doctor():
    done = command("doctor")
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    text = done.stdout.decode().lower()
    for layer in ("namespace", "seccomp", "cgroup", "landlock"):
        assert layer in text


def test_doctor_json():
    done = command("doctor", "--json")
    assert done.returncode == 0
    report = json.loads(done.stdout)
    assert report
    assert b"\n" not in done.stdout.strip() or json.loads(done.stdout)


def test_doctor_finds_what_is_missing():
    done = command("doctor", "--python", "/no/such/python")
    assert done.returncode == 1
    assert b"/no/such/python" in done.stdout + done.stderr


def test_version():
    done = command("version")
    assert done.returncode == 0
    assert re.fullmatch(rb"hatchery \d+\.\d+\.\d+\S*\n", done.stdout)
    assert command("--version").stdout == done.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["help"], ["serve", "--help"], ["run", "--help"], ["doctor", "--help"]])
def test_help(arguments):
    done = command(*arguments)
    assert done.returncode == 0 and done.stderr == b""
    assert len(done.stdout.splitlines()) > 5
    assert max(map(len, done.stdout.decode().splitlines())) <= 120


def test_help_names_every_setting():
    text = command("serve", "--help").stdout.decode()
    table = (services.REPOSITORY / "src" / "common" / "settings.def").read_text()
    names = re.findall(r'^SETTING(?:_ENV)?\(\w+, \w+, "([\w-]+)"', table, re.MULTILINE)
    assert len(names) > 15
    assert [name for name in names if f"--{name}" not in text] == []


@pytest.mark.parametrize("arguments", [["nonsense"], [], ["serve", "extra"], ["serve", "--nope"], ["serve", "--pool"], ["doctor", "x"]])
def test_wrong_command_line(arguments):
    done = command(*arguments)
    assert done.returncode == 2
    assert done.stdout == b"" or arguments == []


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["--pool", "0"], "pool"),
        (["--pool", "x"], "pool"),
        (["--pool", "4x"], "pool"),
        (["--pool", ""], "pool"),
        (["--limit-memory", "1"], "limit-memory"),
        (["--limit-memory", "10Q"], "limit-memory"),
        (["--limit-memory", "99999999999T"], "limit-memory"),
        (["--default-timeout", "nan"], "default-timeout"),
        (["--default-timeout", "90"], "default-timeout"),
        (["--max-timeout", "0"], "max-timeout"),
        (["--listen", "nonsense"], "listen"),
        (["--listen", "127.0.0.1:99999"], "listen"),
        (["--log-format", "xml"], "log-format"),
        (["--log-level", "loud"], "log-level"),
    ],
)
def test_check_config_finds(arguments, word):
    done = command("serve", "--check-config", *arguments)
    assert done.returncode == 2, done
    assert word in done.stderr.decode()
    assert len(done.stderr.splitlines()) <= 3


def test_check_config_good():
    done = command("serve", "--check-config", "--pool", "2")
    assert done.returncode == 0 and done.stderr == b""


def test_dump_config_round_trip(tmp_path):
    first = command("serve", "--dump-config", "--pool", "7", "--limit-memory", "300M", "--default-timeout", "2.5", "--preload", "json, re")
    assert first.returncode == 0
    path = tmp_path / "hatchery.conf"
    path.write_bytes(first.stdout)
    second = command("serve", "--dump-config", "--config", path)
    assert second.stdout == first.stdout
    assert re.search(rb"^pool\s*=\s*7$", first.stdout, re.MULTILINE)


def test_precedence(tmp_path):
    path = tmp_path / "hatchery.conf"
    path.write_text("# a comment\npool = 5\nqueue = 50\nmax-connections = 500\n")

    def dumped(*arguments, **more):
        text = command("serve", "--dump-config", *arguments, **more).stdout.decode()
        return dict(line.split("#")[0].split(" = ") for line in text.splitlines() if re.match(r"^(pool|queue|max-connections) = ", line))

    found = dumped("--config", path, "--pool", "7", HATCHERY_POOL=6, HATCHERY_QUEUE=60)
    assert {k: v.strip() for k, v in found.items()} == {"pool": "7", "queue": "60", "max-connections": "500"}
    found = dumped(HATCHERY_CONFIG=path)
    assert found["pool"].strip() == "5"


def test_settings_errors_name_their_place(tmp_path):
    path = tmp_path / "hatchery.conf"
    path.write_text("pool = 5\nqueu = 3\n")
    done = command("serve", "--check-config", "--config", path)
    assert done.returncode == 2 and f"{path}:2" in done.stderr.decode() and "queue" in done.stderr.decode()
    done = command("serve", "--check-config", HATCHERY_POOOL=3)
    assert done.returncode == 2 and "HATCHERY_POOOL" in done.stderr.decode()
    done = command("serve", "--check-config", "--config", "/no/such/file")
    assert done.returncode == 2 and "/no/such/file" in done.stderr.decode()


def test_port_in_use(service):
    done = command("serve", "--listen", f"127.0.0.1:{service.port}")
    assert done.returncode == 1
    assert str(service.port) in done.stderr.decode()
    service.canary()


def test_no_such_interpreter():
    done = command("serve", "--listen", f"127.0.0.1:{services.free_port()}", "--python", "/no/such/python")
    assert done.returncode == 1
    assert "/no/such/python" in done.stderr.decode()


def test_preload(make_service):
    service = make_service(preload="json,decimal")
    assert service.execute("import sys; print('json' in sys.modules, 'decimal' in sys.modules)")["output"] == "True True\n"


def test_preload_of_what_does_not_exist():
    done = command("serve", "--listen", f"127.0.0.1:{services.free_port()}", "--preload", "no_such_module")
    assert done.returncode == 1
    assert "no_such_module" in done.stderr.decode()


def test_other_interpreter(make_service, folder_outside_tmp):
    """A virtual environment is an interpreter like any other."""
    venv = folder_outside_tmp / "venv"
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", venv], check=True)
    site = next((venv / "lib").glob("python3*")) / "site-packages"
    (site / "only_here.py").write_text("value = 'of the venv'\n")
    service = make_service(python=venv / "bin" / "python")
    answer = service.execute("import sys, only_here; print(only_here.value, sys.prefix != sys.base_prefix)")
    assert (answer["output"], answer["error"]) == ("of the venv True\n", None)


def test_log_lines_json(make_service):
    service = make_service(log_format="json", log_level="debug")
    answer = service.execute("print('the-output-of-it')  # the-code-of-it")
    events = services.wait_for(lambda: [e for e in map(json.loads, service.log_text().splitlines()) if e.get("id") == answer["id"]], 5, "the run's line")
    assert events
    text = service.log_text()
    assert "the-output-of-it" not in text and "the-code-of-it" not in text


def test_log_lines_text(make_service):
    service = make_service()
    answer = service.execute("1 / 0")
    services.wait_for(lambda: answer["id"] in service.log_text(), 5, "the run's line")
    assert "ZeroDivisionError" not in service.log_text()
