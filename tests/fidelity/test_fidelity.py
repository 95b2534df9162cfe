"""A program gives in a sandbox what `python3 main.py` gives, to the byte; see reference.py for the other side."""

import json
import re
import signal
import threading
import tomllib
from pathlib import Path

import pytest

import reference
import service as services

DIFFERENCES = {
    f"{area}/{name}": entry
    for area, entries in tomllib.loads((Path(__file__).parent / "differences.toml").read_text()).items()
    for name, entry in entries.items()
}
NAMES = reference.names()
# The second environment has imported much of what programs import: they must not notice.
PRELOAD = [name for name in ("numpy", "pandas", "logging", "threading", "asyncio", "unittest", "tempfile", "subprocess", "dataclasses", "typing", "decimal",
                             "multiprocessing", "concurrent.futures", "sqlite3", "argparse", "inspect", "csv", "pickle")
           if not reference.missing(b"# needs: " + name.encode())]
LIMITS = {"pool": 4, "limit-output": "16M", "limit-memory": "512M", "python": reference.PYTHON,
          "environment.preloaded.preload": ",".join(PRELOAD), "environment.preloaded.pool": 2}
ENVIRONMENTS = ("default", "preloaded")
# Programs that look for the traces of an import, and find those of the preloaded ones; documented in docs/environments.md.
LOOK_FOR_IMPORTS = {"main/modules_loaded": "sys.modules", "main/hooks": "an importer of pandas' in sys.meta_path", "warnings/filters": "numpy's filters"}
PATIENCE = 50


@pytest.fixture(scope="module")
def sandboxes(tmp_path_factory):
    started = services.Service(folder=tmp_path_factory.mktemp("fidelity"), **LIMITS)
    yield started
    if started.process is not None:
        started.stop()


def in_sandbox(service, code, environment="default"):
    """What the service gives for a program, as a reference.Outcome (bytes that are not UTF-8 read U+FFFD)."""
    answer = service.post({"code": code.decode(), "timeout": PATIENCE, "environment": environment}).json()
    if answer["signal"]:
        status = -getattr(signal, answer["signal"])
    else:
        status = answer["exit_code"]
    assert not answer["output_truncated"] and not answer["error_truncated"]
    # A shell would say 3 for both: the reason must fit the status.
    if answer["status"] not in ("memory_limit",):
        expected = "ok" if status == 0 else "signal" if status is not None and status < 0 else "error"
        assert answer["status"] == expected, answer
    return reference.Outcome(answer["output"].encode(), (answer["error"] or "").encode(), status)


def as_text(data):
    return data.decode("utf-8", "replace").encode()


def without_pid(data):
    """From 3.12 on a warning of os.fork() names the process."""
    return re.sub(rb"This process \(pid=\d+\)", b"This process (pid=N)", data)


@pytest.mark.parametrize("name", [name for name in NAMES if name not in DIFFERENCES and not name.startswith("sandbox/")])
def test_same_as_python(sandboxes, name):
    code = reference.source(name)
    lacking = reference.missing(code)
    if lacking:
        pytest.skip(f"{reference.PYTHON} has no {lacking}")
    expected = []
    other = threading.Thread(target=lambda: expected.append(reference.run(code)))
    other.start()
    try:
        found = {environment: in_sandbox(sandboxes, code, environment) for environment in ENVIRONMENTS}
    finally:
        other.join()
    (expected,) = expected
    for environment in ENVIRONMENTS[: 1 if name in LOOK_FOR_IMPORTS else 2]:
        assert found[environment].stdout == as_text(expected.stdout), environment
        assert without_pid(found[environment].stderr) == without_pid(as_text(expected.stderr)), environment
        assert found[environment].status == expected.status, environment


def metric(service, name):
    return int(re.search(re.escape(name) + r" (\d+)", service.client.get("/metrics").text)[1])


@pytest.mark.parametrize("module", PRELOAD)
def test_same_with_a_learned_module(tmp_path, module):
    """What a program begins with is there before its first line, and it does not notice: not even those that look for it."""
    head = re.compile(rb"^(?:import|from)[ \t]+" + re.escape(module).encode() + rb"\b", re.M)
    names = [name for name in NAMES if name not in DIFFERENCES and not name.startswith("sandbox/") and head.search(reference.source(name))
             and not reference.missing(reference.source(name))]
    service = services.Service(folder=tmp_path, **{key: value for key, value in LIMITS.items() if "." not in key}, learn=module)
    ready = 'hatchery_learned_sandboxes_ready{environment="default"}'
    learned = 'hatchery_learned_runs_total{environment="default",sandbox="learned"}'
    try:
        service.canary()
        for _ in range(3):
            assert service.execute(f"import {module}")["status"] == "ok"
        for name in names:
            code = reference.source(name)
            expected = reference.run(code)
            services.wait_for(lambda: metric(service, ready) > 0, 30, "a sandbox with it")
            found = in_sandbox(service, code)
            assert found.stdout == as_text(expected.stdout), name
            assert without_pid(found.stderr) == without_pid(as_text(expected.stderr)), name
            assert found.status == expected.status, name
        services.wait_for(lambda: metric(service, ready) > 0, 30, "a sandbox with it")
        before = metric(service, learned)
        assert service.execute(f"import {module}")["status"] == "ok"
        assert metric(service, learned) == before + 1
    finally:
        assert service.stop() == 0


@pytest.mark.parametrize("name", sorted(DIFFERENCES))
def test_differs_on_purpose(sandboxes, name):
    entry = DIFFERENCES[name]
    assert entry["reason"]
    found = in_sandbox(sandboxes, reference.source(name))
    for stream in ("stdout", "stderr"):
        text = getattr(found, stream).decode()
        if f"{stream}_re" in entry:
            assert re.fullmatch(entry[f"{stream}_re"], text, re.DOTALL), (entry[f"{stream}_re"], text)
        else:
            assert text == entry.get(stream, "")
    if not entry.get("status_any"):
        assert found.status == entry.get("status", 0)


def test_every_difference_is_a_program():
    assert set(DIFFERENCES) | set(LOOK_FOR_IMPORTS) <= set(NAMES)
    assert {name for name in NAMES if name.startswith("sandbox/")} <= set(DIFFERENCES)


def test_there_are_enough_programs():
    assert len(NAMES) - len(DIFFERENCES) >= 170


def test_environment_is_the_reference_s(sandboxes):
    found = in_sandbox(sandboxes, b"import os, json; print(json.dumps(dict(os.environ), sort_keys=True))")
    assert json.loads(found.stdout) == reference.ENVIRONMENT | {"HOME": "/sandbox"}
