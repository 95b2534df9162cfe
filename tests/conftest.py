"""Fixtures for every suite: one service for the session, and factories for services with other settings."""

import os
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

import service as services  # noqa: E402


def pytest_configure(config):
    services.adopt_orphans()


@pytest.fixture(scope="session")
def hatchery(tmp_path_factory):
    """The service that most tests share: default settings, a pool of 4."""
    folder = tmp_path_factory.mktemp("service")
    started = services.Container(services.CONTAINER, folder) if services.CONTAINER else services.Service(folder=folder, pool=4)
    yield started
    if started.process is not None:
        status = started.stop()
        assert services.CONTAINER or status == 0, f"SIGTERM ended the service with {status}:\n{started.log_tail(40)}"


def pytest_collection_modifyitems(config, items):
    """What starts services of its own says nothing about a container; what needs a plain build nothing about a sanitizer's."""
    away = [item for item in items if services.CONTAINER and "make_service" in item.fixturenames]
    if services.BINARY.exists() and b"libasan" in services.BINARY.read_bytes():
        away += [item for item in items if item.get_closest_marker("unsanitized")]
    if part := os.environ.get("HATCHERY_TEST_PART"):
        number, parts = map(int, part.split("/"))
        kept = [item for item in items if item not in away]
        away += [item for at, item in enumerate(kept) if at * parts // len(kept) != number - 1]
    if away:
        items[:] = [item for item in items if item not in away]
        config.hook.pytest_deselected(items=away)


@pytest.fixture
def service(hatchery):
    """The shared service, found healthy, or started again after a test that broke it."""
    if not hatchery.running():
        hatchery.kill()
        hatchery.start()
    return hatchery


@pytest.fixture
def make_service(tmp_path):
    """A factory: make_service(queue=1, concurrency=1). Stopped, and checked, after the test."""
    made = []

    def make(**settings):
        folder = tmp_path / f"service-{len(made)}"
        folder.mkdir()
        started = services.Service(folder=folder, **settings)
        made.append(started)
        return started

    yield make
    for started in made:
        if started.process is not None:
            if started.process.poll() is not None:
                raise AssertionError(f"the service died with {started.process.returncode}:\n{started.log_tail(40)}")
            status = started.stop()
            assert status == 0, f"SIGTERM ended the service with {status}:\n{started.log_tail(40)}"


@pytest.fixture
def folder_outside_tmp():
    """A run has a /tmp of its own, so an interpreter cannot live there."""
    with tempfile.TemporaryDirectory(dir="/var/tmp", prefix="hatchery-test-") as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of the service's log."""
    outcome = yield
    report = outcome.get_result()
    if report.when == "call" and report.failed:
        for value in getattr(item, "funcargs", {}).values():
            if isinstance(value, services.Service):
                report.sections.append(("service log", value.log_tail(25)))


def pytest_terminal_summary(terminalreporter):
    """HATCHERY_SKIPS_FATAL=1 turns every skip into a failure of the session."""
    skipped = terminalreporter.stats.get("skipped", [])
    if skipped and os.environ.get("HATCHERY_SKIPS_FATAL") == "1":
        terminalreporter.write_line(f"{len(skipped)} skipped, and HATCHERY_SKIPS_FATAL is set", red=True)


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter and reporter.stats.get("skipped") and os.environ.get("HATCHERY_SKIPS_FATAL") == "1" and exitstatus == 0:
        session.exitstatus = 1
