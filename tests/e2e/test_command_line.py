"""What the commands say: every mistake is named, with what would be right. (What they do: test_cli.py.)"""

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


def test_help_names_every_command():
    text = hatchery("help").stdout
    for command in ("serve", "run", "doctor", "bench", "version", "help"):
        assert f"\n  {command} " in text
    assert "front" not in text


@pytest.mark.parametrize("command", ["serve", "run", "doctor", "bench", "version"])
def test_help_of_a_command_is_the_same_either_way(command):
    assert hatchery(command, "--help").stdout == hatchery("help", command).stdout


MISTAKES = [
    (["srve"], 'no command is called "srve"; did you mean "hatchery serve"?'),
    (["serve", "--poool=4"], 'unknown option "--poool"; did you mean "--pool"?'),
    (["serve", "--limit-mem", "4M"], 'unknown option "--limit-mem"; did you mean "--limit-memory"?'),
    (["serve", "--pool"], 'option "--pool" needs a value'),
    (["serve", "--check-config=yes"], "takes no value"),
    (["serve", "-x"], 'unknown option "-x"'),
    (["serve", "pool"], 'did you mean "--pool"?'),
    (["serve", "--pool=many"], '--pool: "many" is not a whole number; give a whole number from 0 to 256'),
    (["serve", "--pool=0"], "pool: the default environment is always there; give at least 1"),
    (["serve", "--limit-memory=1Q"], '--limit-memory: "1Q" is not a size'),
    (["serve", "--default-timeout=nan"], '--default-timeout: "nan" is not a number'),
    (["serve", "--max-timeout=1"], "default-timeout: 5 s is more than max-timeout (1 s)"),
    (["serve", "--listen=8000"], "give HOST:PORT"),
    (["serve", "--log-format=xml"], "give one of text|json"),
    (["serve", "--config=/nonexistent"], "cannot open the settings file /nonexistent: No such file or directory"),
    (["version", "5"], "it takes no arguments"),
    (["bench", "https://localhost/"], "give http://HOST:PORT/PATH"),
    (["bench", "--clients=0"], '--clients: "0" is no number from 1 to 1024'),
    (["bench", "--header=A: b\r\nC: d"], "--header: one line"),
    (["front"], 'only "hatchery serve" starts this command'),
    (["help", "colours"], 'no help on "colours"'),
]


@pytest.mark.parametrize("arguments, message", MISTAKES, ids=[" ".join(a) for a, _ in MISTAKES])
def test_mistakes_are_explained(arguments, message):
    result = hatchery(*arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert message in result.stderr
    assert result.stderr.count("\n") == 1


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


@pytest.mark.parametrize(
    "arguments, message",
    [
        ([], "give one file to run, or - for standard input"),
        (["/nonexistent.py"], "cannot open /nonexistent.py: No such file or directory"),
        (["--timeout=0", "-"], "give seconds, at least 0.000000001 and at most 60 (max-timeout)"),
        (["--timeout=61", "-"], "give seconds, at least 0.000000001 and at most 60 (max-timeout)"),
        (["--timeout=soon", "-"], '--timeout: "soon" is no timeout'),
        (["--poool=1", "-"], 'did you mean "--pool"?'),
        (["--max-body=1K", "-"], "larger than max-body (1024 bytes)"),
    ],
)
def test_mistakes_of_run_are_explained(arguments, message):
    result = hatchery("run", *arguments, stdin="#" * 5000)
    assert (result.returncode, result.stdout) == (125, "")
    assert message in result.stderr
