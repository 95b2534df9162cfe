"""Every attack of cases/, and after each the invariants that audit.Auditor checks from outside."""

import json
from concurrent.futures import ThreadPoolExecutor

import jsonschema
import pytest

import audit
import service as services
from attack import as_expected
from cases import ATTACKS

# Files, folders and devices that all runs see.
SHARED = ["/", "/usr", "/usr/lib/os-release", "/usr/bin/env", "/usr/bin/python3", "/etc/passwd", "/etc/ld.so.cache", "/etc", "/dev", "/dev/null", "/dev/zero",
          "/dev/urandom", "/bin", "/lib", "/.hatchery", "/var/tmp", "/proc"]


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    started = services.Service(folder=tmp_path_factory.mktemp("target"), environment_more={"SECRET_TOKEN": "x"}, pool=3,
                               rotate_runs=0, rotate_age=0, rotate_faults="false")  # the auditor counts processes; e2e/test_rotation.py
    started.auditor = audit.Auditor(started)
    document = started.client.get("/openapi.json").json()
    answer = document["paths"]["/execute"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    started.schema = jsonschema.Draft202012Validator(answer | {"components": document["components"]})
    yield started
    if started.process is not None:
        started.stop()


def execute(target, code, timeout):
    """One request on a connection of its own, on which nothing but its one answer may come."""
    target.auditor.requests += 1
    with target.raw(services.post({"code": code, "timeout": timeout}), timeout=timeout + 60) as connection:
        status, _, body = connection.answer()
        assert status == 200 and not connection.buffer, (status, body, connection.buffer)
    answer = json.loads(body)
    target.schema.validate(answer)
    for stream in ("output", "error"):
        assert len((answer[stream] or "").encode()) < (1 << 20) * 3 + 4096, f"I6 {stream} is too long"
    return answer


def judge(attack, answer):
    assert answer["status"] in attack.statuses(), answer
    assert as_expected(attack.output, answer["output"]), answer
    if attack.error:
        assert as_expected("^.*" + attack.error.lstrip("^") + ".*", answer["error"] or ""), answer
    for name, expected in attack.fields.items():
        assert expected(answer[name]) if callable(expected) else answer[name] == expected, answer


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_attack(target, attack, record_property):
    values = {"port": target.port, "shared": SHARED}

    def run(code):
        return execute(target, attack.source(code, **values), attack.timeout)

    record_property("expected", "|".join(sorted(attack.statuses())))
    if attack.beside is not None:
        with ThreadPoolExecutor(1) as pool:
            beside = pool.submit(run, attack.beside)
            answer = run(attack.code)
        answers = [(beside.result(), attack.beside_output)]
    else:
        answer = run(attack.code)
        answers = []
    record_property("outcome", answer["status"])
    judge(attack, answer)
    if attack.then is not None:
        answers.append((run(attack.then), attack.then_output))
    for other, expected in answers:
        assert as_expected(expected, other["output"]), (answer, other)
    canary = execute(target, "print(6 * 7)", 20)
    assert (canary["output"], canary["error"], canary["status"], canary["exit_code"]) == ("42\n", None, "ok", 0), canary
    target.auditor.check()
