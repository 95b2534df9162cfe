"""Every attack of cases/, and after each the invariants that audit.Auditor checks from outside."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from attack import as_expected, execute
from cases import ATTACKS
from service import SLOWER

# Files, folders and devices that all runs see.
SHARED = ["/", "/usr", "/usr/lib/os-release", "/usr/bin/env", "/usr/bin/python3", "/etc/passwd", "/etc/ld.so.cache", "/etc", "/dev", "/dev/null", "/dev/zero",
          "/dev/urandom", "/bin", "/lib", "/.hatchery", "/var/tmp", "/proc"]


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
        return execute(target, attack.source(code, **values), min(60, attack.timeout * SLOWER))

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
    canary = execute(target, "print(6 * 7)", 5 * SLOWER)
    assert (canary["output"], canary["error"], canary["status"], canary["exit_code"]) == ("42\n", None, "ok", 0), canary
    target.auditor.check()
