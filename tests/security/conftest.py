"""What an attack needs of a machine, and the table of all of them.

An attack that cannot run on a machine must stand in not_applicable.toml, with what it needs and why; it is then left out and
named in the table. Nothing else may be skipped: HATCHERY_SKIPS_FATAL=1 makes every skip a failure."""

import os
import time

import jsonschema
import pytest

import audit
import service as services
from applicable import not_applicable


class Outside:
    """What an audit of a container can see from the host: that nothing of a run is left among its processes."""

    SANDBOX = 3  # an init, a program and its holder

    def __init__(self, container):
        self.container, self.requests = container, 0
        container.exercise()
        time.sleep(2)
        self.usual = len(container.tree())

    def check(self):
        """One sandbox more may be on its way; what attacks leave would add up."""
        services.wait_for(lambda: len(self.container.tree()) <= self.usual + self.SANDBOX, 30, "an end of what the run has left")


@pytest.fixture(scope="module")
def target(tmp_path_factory):
    if services.CONTAINER:
        started = services.Container(services.CONTAINER, tmp_path_factory.mktemp("target"))
        started.auditor = Outside(started)
        yield with_schema(started)
        return
    started = services.Service(folder=tmp_path_factory.mktemp("target"), environment_more={"SECRET_TOKEN": "x"}, pool=3, pool_max=3,
                               rotate_runs=0, rotate_age=0, rotate_faults="false")  # the auditor counts processes; e2e/test_rotation.py
    started.auditor = audit.Auditor(started)
    yield with_schema(started)
    if started.process is not None:
        started.stop()


def with_schema(started):
    document = started.client.get("/openapi.json").json()
    answer = document["paths"]["/execute"]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
    started.schema = jsonschema.Draft202012Validator(answer | {"components": document["components"]})
    return started


def pytest_collection_modifyitems(config, items):
    listed = not_applicable()
    names = {entry["case"] for entry in listed}
    missing = []
    for item in list(items):
        if item.name.removeprefix("test_attack[").removesuffix("]") in names:
            items.remove(item)
            missing.append(item)
    config.not_applicable = listed
    if missing:
        config.hook.pytest_deselected(items=missing)


def pytest_terminal_summary(terminalreporter, config):
    if os.environ.get("HATCHERY_ATTACK_TABLE") != "1":
        return
    rows = []
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            if report.when == "call":
                told = dict(report.user_properties)
                name = report.nodeid.split("::")[-1].removeprefix("test_attack[").removesuffix("]")
                rows.append((name, told.get("expected", "held"), told.get("outcome", "held" if outcome == "passed" else "?"), "yes" if outcome == "passed" else "NO"))
    rows += [(entry["case"], f"needs {entry['needs']}", "not run here", "n/a") for entry in config.not_applicable]
    rows.sort()
    widths = [max(len(row[n]) for row in rows + [("case", "expected", "outcome", "contained")]) for n in range(3)]
    write = terminalreporter.write_line
    write("")
    for row in [("case", "expected", "outcome", "contained"), *rows]:
        write("  ".join(cell.ljust(width) for cell, width in zip(row, [*widths, 0])))
    contained = sum(row[3] == "yes" for row in rows)
    write(f"\n{contained} contained, {sum(row[3] == 'NO' for row in rows)} not, {sum(row[3] == 'n/a' for row in rows)} not applicable")
