"""What a run is given: standard input, arguments, environment variables. Each with its bounds; the words of the 422 answers are
compared with FastAPI's in test_contract.py."""

import json

import pytest

from service import command


def run(service, code, **fields):
    answer = service.post({"code": code, **fields})
    assert answer.status_code == 200, answer.text[:500]
    return answer.json()


def refused(service, **fields):
    answer = service.post({"code": "print(1)", **fields})
    assert answer.status_code == 422, answer.text[:500]
    return [(entry["type"], entry["loc"], entry["msg"]) for entry in answer.json()["detail"]]


# --- stdin ----------------------------------------------------------------------------------------------------------


def test_stdin_is_read_to_its_end(service):
    answer = run(service, "print(input() + '|' + input()); import sys; print(repr(sys.stdin.read()))", stdin="one\ntwo\nthree é\U0001f600")
    assert answer["output"] == "one|two\n'three é\U0001f600'\n"


@pytest.mark.parametrize("stdin", [None, ""])
def test_without_stdin_there_is_its_end(service, stdin):
    answer = run(service, "print(input())", stdin=stdin)
    assert answer["error"].endswith("EOFError: EOF when reading a line\n")


def test_stdin_is_bytes_as_they_were_sent(service):
    text = "\0\r\n\x7f\ufeff" + "".join(map(chr, range(1, 0x500)))
    answer = run(service, "import sys; print(sys.stdin.buffer.read().hex())", stdin=text)
    assert answer["output"] == text.encode().hex() + "\n"


def test_a_child_reads_where_its_parent_stopped(service):
    answer = run(service, "import os, subprocess\nprint(os.read(0, 4))\nsubprocess.run(['cat'])", stdin="one\ntwo\n")
    assert answer["output"] == "b'one\\n'\ntwo\n"


def test_stdin_can_be_waited_for_and_not_written(service):
    code = (
        "import os, select\nprint(select.select([0], [], [], 1)[0])\n"
        "for change in (lambda: os.write(0, b'x'), lambda: os.truncate('/dev/stdin', 0), lambda: os.write(os.open('/dev/stdin', os.O_RDWR), b'x')):\n"
        "    try:\n        print('changed', change())\n    except OSError as e:\n        print('refused')\n"
        "print(open('/dev/stdin').read())"
    )
    assert run(service, code, stdin="text")["output"] == "[0]\nrefused\nrefused\nrefused\ntext\n"


def test_much_stdin_that_nobody_reads(make_service):
    """100 MB in the run's own memory: the run is over when the program is."""
    service = make_service(max_body="256M", limit_memory="512M")
    text = "x" * 100_000_000
    answer = run(service, "print('done')", stdin=text, timeout=20)
    assert (answer["output"], answer["status"]) == ("done\n", "ok")
    assert answer["usage"]["memory_peak"] > 100_000_000
    answer = run(service, "import sys; print(len(sys.stdin.buffer.read(150_000_000)))", stdin=text, timeout=20)
    assert answer["output"] == "100000000\n"


def test_more_stdin_than_the_run_may_have_memory(make_service):
    service = make_service(max_body="128M", limit_memory="32M")
    answer = run(service, "print('done')", stdin="x" * 64_000_000, timeout=20)
    assert answer["status"] == "memory_limit"
    service.canary()


# --- args -----------------------------------------------------------------------------------------------------------


def test_args(service):
    args = ["", " ", "--flag=é", "\U0001f600\n'\"", "-c", "x" * 32767]
    answer = run(service, "import json, sys; print(json.dumps([sys.argv, sys.orig_argv[1:]]))", args=args)
    assert json.loads(answer["output"]) == [["main.py", *args]] * 2


def test_argparse_names_the_program(service):
    code = "import argparse\np = argparse.ArgumentParser()\np.add_argument('n', type=int)\nprint(p.parse_args().n)"
    assert run(service, code, args=["5"])["output"] == "5\n"
    answer = run(service, code, args=["x"])
    assert answer["exit_code"] == 2 and answer["error"].startswith("usage: main.py [-h] n\n")


def test_args_of_one_run_are_not_the_next_ones(service):
    for _ in range(20):
        run(service, "", args=["secret"], env={"SECRET": "secret"}, stdin="secret")
        answer = run(service, "import os, sys; print(sys.argv, 'SECRET' in os.environ, sys.stdin.read())")
        assert answer["output"] == "['main.py'] False \n"


# --- env ------------------------------------------------------------------------------------------------------------


def test_env(service):
    code = (
        "import json, os, subprocess\n"
        "child = subprocess.run(['env', '-0'], capture_output=True).stdout.decode()\n"
        "child = dict(entry.split('=', 1) for entry in child.split('\\0') if entry)\n"
        "print(json.dumps([dict(os.environ), child, os.getenv('A'), os.path.expanduser('~')]))"
    )
    env = {"A": "1", "Empty": "", "with space": "a=b=c", "é": "ü\n", "HOME": "/tmp"}
    plain, _, _, _ = json.loads(run(service, code)["output"])
    mine, child, value, home = json.loads(run(service, code, env=env)["output"])
    assert mine == child == plain | env
    assert (value, home) == ("1", "/tmp")


def test_the_services_own_environment_stays_outside(make_service):
    service = make_service(environment_more={"CANARY": "outside"})
    assert run(service, "import os; print(os.environ.get('CANARY'))", env={"X": "1"})["output"] == "None\n"


def test_time_zone(service):
    code = "import time, datetime; print(time.tzname, datetime.datetime.fromtimestamp(0).hour)"
    assert run(service, code, env={"TZ": "Asia/Tokyo"})["output"] == "('JST', 'JST') 9\n"


@pytest.mark.parametrize("name", ["PYTHONPATH", "PYTHONHASHSEED", "PYTHON", "PYTHONUNBUFFERED"])
def test_what_the_interpreter_reads_at_its_start_is_refused(service, name):
    ((kind, loc, message),) = refused(service, env={"FINE": "1", name: "1"})
    assert (kind, loc) == ("value_error", ["body", "env", name, "[key]"]) and "before this request" in message


@pytest.mark.parametrize("key", ["a\\u0000b", "\\ud800"])
def test_names_that_no_text_has(service, key):
    answer = service.post(b'{"code":"","env":{"%s":"x"}}' % key.encode())
    assert answer.status_code == 422 and answer.json()["detail"][0]["loc"][:2] == ["body", "env"]


def test_a_long_list_of_bad_items_is_not_answered_item_by_item(service):
    answer = service.post(b'{"code":"","args":[' + b",".join([b"1"] * 16_000) + b"]}")
    assert answer.status_code == 422
    assert [entry["type"] for entry in answer.json()["detail"]] == ["too_long"]


# --- hatchery run ---------------------------------------------------------------------------------------------------


def test_command_takes_arguments_and_input(tmp_path):
    program = tmp_path / "program.py"
    program.write_text("import sys; print(sys.argv, repr(sys.stdin.read()))")
    done = command("run", program, "--timeout", "-x", "é", input=b"in\nput")
    assert (done.stdout.decode(), done.returncode) == ("['main.py', '--timeout', '-x', 'é'] 'in\\nput'\n", 0)
    done = command("run", "--timeout", "5", program)
    assert done.stdout.decode() == "['main.py'] ''\n"
    done = command("run", "-", "a", input=b"import sys; print(sys.argv, repr(sys.stdin.read()))")
    assert done.stdout.decode() == "['main.py', 'a'] ''\n"
