"""The commands: their answers, their exit statuses, their mistakes explained."""

import json
import signal
import subprocess

import pytest

import service as services


def hatchery(*arguments, stdin="", **more):
    """Runs the binary with no settings file but what the caller names."""
    return subprocess.run(
        [str(services.BINARY), *map(str, arguments)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        env=services.environment(**{"HATCHERY_CONFIG": "", **more}),
    )


# --- help, version, mistakes -----------------------------------------------------------------------------------


def test_version():
    for words in (["version"], ["--version"]):
        result = hatchery(*words)
        assert (result.returncode, result.stderr) == (0, "")
        assert result.stdout.startswith("hatchery ")


@pytest.mark.parametrize("words", [["help"], ["--help"], ["-h"]])
def test_help_names_every_command(words):
    result = hatchery(*words)
    assert (result.returncode, result.stderr) == (0, "")
    for command in ("serve", "run", "doctor", "version", "help"):
        assert f"\n  {command} " in result.stdout
    assert "front" not in result.stdout


@pytest.mark.parametrize("command", ["serve", "run", "doctor"])
def test_help_of_a_command(command):
    result = hatchery(command, "--help")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout == hatchery("help", command).stdout
    assert f"usage: hatchery {command} " in result.stdout
    assert "--limit-memory=" in result.stdout


def test_no_command():
    result = hatchery()
    assert (result.returncode, result.stdout) == (2, "")
    assert "usage: hatchery COMMAND" in result.stderr


MISTAKES = [
    (["srve"], 'no command is called "srve"; did you mean "hatchery serve"?'),
    (["serve", "--poool=4"], 'unknown option "--poool"; did you mean "--pool"?'),
    (["serve", "--limit-mem", "4M"], 'unknown option "--limit-mem"; did you mean "--limit-memory"?'),
    (["serve", "--pool"], 'option "--pool" needs a value'),
    (["serve", "--check-config=yes"], "takes no value"),
    (["serve", "-x"], 'unknown option "-x"'),
    (["serve", "pool"], 'did you mean "--pool"?'),
    (["serve", "--pool=many"], '--pool: "many" is not a whole number; give a whole number from 1 to 256'),
    (["serve", "--pool=0"], "too small"),
    (["serve", "--limit-memory=1Q"], '--limit-memory: "1Q" is not a size'),
    (["serve", "--default-timeout=nan"], '--default-timeout: "nan" is not a number'),
    (["serve", "--max-timeout=1"], "default-timeout: 5 s is more than max-timeout (1 s)"),
    (["serve", "--listen=8000"], "give HOST:PORT"),
    (["serve", "--log-format=xml"], "give one of text|json"),
    (["serve", "--config=/nonexistent"], "cannot open the settings file /nonexistent: No such file or directory"),
    (["front"], 'only "hatchery serve" starts this command'),
    (["help", "colours"], 'no help on "colours"'),
]


@pytest.mark.parametrize("arguments, message", MISTAKES, ids=[" ".join(a) for a, _ in MISTAKES])
def test_mistakes_are_explained(arguments, message):
    result = hatchery(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


# --- settings --------------------------------------------------------------------------------------------------


def test_the_command_line_wins_over_the_environment_over_the_file(tmp_path):
    file = tmp_path / "hatchery.conf"
    file.write_text("# ours\npool = 3\nqueue = 3\nlimit-output = 3K\n")
    result = hatchery("serve", "--dump-config", "--config", file, "--queue=5", HATCHERY_LIMIT_OUTPUT="4K", HATCHERY_QUEUE="4")
    assert result.returncode == 0, result.stderr
    lines = result.stdout.splitlines()
    assert "pool = 3" in lines and "limit-output = 4K" in lines and "queue = 5" in lines
    by_variable = hatchery("serve", "--dump-config", HATCHERY_CONFIG=str(file))
    assert "pool = 3" in by_variable.stdout.splitlines()


def test_a_dump_is_a_settings_file(tmp_path):
    first = hatchery("serve", "--dump-config", "--limit-memory=100M", "--default-timeout=0.25").stdout
    file = tmp_path / "hatchery.conf"
    file.write_text(first)
    assert hatchery("serve", "--dump-config", "--config", file).stdout == first
    assert hatchery("serve", "--check-config", "--config", file).returncode == 0


@pytest.mark.parametrize(
    "text, message",
    [
        ("pool 4\n", 'hatchery.conf:1: "pool 4" is not a setting'),
        ("\n\npoool = 4\n", 'hatchery.conf:3: no setting is called "poool"; did you mean "pool"?'),
        ("pool = 4\npool = 5\n", "hatchery.conf:2: pool: set a second time"),
    ],
)
def test_mistakes_in_the_file(tmp_path, text, message):
    file = tmp_path / "hatchery.conf"
    file.write_text(text)
    result = hatchery("serve", "--check-config", "--config", file)
    assert result.returncode == 2
    assert message in result.stderr


def test_mistakes_in_the_environment():
    result = hatchery("serve", "--check-config", HATCHERY_POOOL="4")
    assert result.returncode == 2
    assert 'environment variable HATCHERY_POOOL: no setting is called "poool"; did you mean "pool"?' in result.stderr


def test_an_address_in_use_is_explained(service):
    result = hatchery("serve", "--listen", f"127.0.0.1:{service.port}")
    assert result.returncode == 1
    assert "ddress already in use" in result.stderr


# --- run -------------------------------------------------------------------------------------------------------


def test_run_is_the_program(tmp_path):
    file = tmp_path / "anything.py"
    file.write_text("import sys\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(7)\n")
    result = hatchery("run", file)
    assert (result.returncode, result.stdout, result.stderr) == (7, "out\n", "err\n")


def test_run_from_standard_input():
    result = hatchery("run", "-", stdin="print(6 * 7)")
    assert (result.returncode, result.stdout, result.stderr) == (0, "42\n", "")


def test_run_shows_the_traceback_of_main_py():
    result = hatchery("run", "-", stdin="def f():\n    return 1 / 0\n\nf()\n")
    assert result.returncode == 1
    assert 'main.py", line 2, in f\n    return 1 / 0\n' in result.stderr
    assert result.stderr.endswith("ZeroDivisionError: division by zero\n")


def test_run_ends_with_128_plus_the_signal():
    result = hatchery("run", "-", stdin="import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)")
    assert result.returncode == 128 + signal.SIGSEGV


def test_run_ends_with_124_when_time_is_up():
    result = hatchery("run", "--timeout", "0.2", "-", stdin="print('early', flush=True)\nwhile True: pass")
    assert result.returncode == 124
    assert result.stdout == "early\n"


def test_run_prints_the_answer_as_json():
    result = hatchery("run", "--json", "-", stdin="print('x')\nraise SystemExit(3)")
    answer = json.loads(result.stdout)
    assert answer["output"] == "x\n"
    assert answer["status"] == "error"
    assert answer["exit_code"] == 3
    assert result.returncode == 3


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "give one file to run, or - for standard input"),
        (["/nonexistent.py"], "cannot open /nonexistent.py: No such file or directory"),
        (["a.py", "b.py"], "give one file"),
        (["--timeout=0", "-"], "more than 0 and at most 60 (max-timeout)"),
        (["--timeout=61", "-"], "more than 0 and at most 60 (max-timeout)"),
        (["--timeout=soon", "-"], '--timeout: "soon" is no timeout'),
        (["--poool=1", "-"], 'did you mean "--pool"?'),
        (["--max-body=1K", "-"], "larger than max-body (1024 bytes)"),
    ],
)
def test_run_fails_with_125(arguments, message):
    result = hatchery("run", *arguments, stdin="#" * 5000)
    assert (result.returncode, result.stdout) == (125, "")
    assert message in result.stderr


# --- doctor ----------------------------------------------------------------------------------------------------


def test_doctor_reports_every_layer():
    result = hatchery("doctor")
    assert result.returncode == 0, result.stdout + result.stderr
    for layer in ("namespaces", "seccomp", "cgroup"):
        assert layer in result.stdout


def test_doctor_as_json():
    result = hatchery("doctor", "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    assert json.loads(result.stdout)
