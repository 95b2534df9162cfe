"""A real Chromium, driven by Playwright, in front of the real binary. After each test its page must have said nothing on the console,
broken no Content-Security-Policy and asked no other host for anything."""

import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest

import service as services

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
PATIENCE_MS = 20_000  # of a machine that does other things, too

playwright = pytest.importorskip("playwright.sync_api", reason="no Playwright here: tests/requirements.txt")
playwright.expect.set_options(timeout=PATIENCE_MS)

from playground import Playground  # noqa: E402 (it needs Playwright)


@pytest.fixture(scope="session")
def chromium():
    if CHROMIUM is None:
        pytest.skip("no chromium here: tools/deps.sh ci installs it")
    with playwright.sync_playwright() as driver:
        # its own sandbox does not start as root, and everything it loads is ours
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


class Watch:
    """What a page may not do."""

    def __init__(self, page, url):
        self.complaints = []
        self.expected = []
        page.on("console", self.console)
        page.on("pageerror", lambda error: self.complaints.append(f"exception: {error}"))
        page.on("request", lambda request: self.request(request.url, url))
        # Chromium reports violations on the console, too; this also sees those of a report-only policy
        page.add_init_script("addEventListener('securitypolicyviolation', (e) => console.error('policy: ' + e.violatedDirective + ' ' + e.blockedURI))")

    def console(self, message):
        if message.type in ("error", "warning") and not any(text in message.text for text in self.expected):
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url')})")

    def request(self, asked, url):
        if not asked.startswith((url + "/", "data:", "blob:")):
            self.complaints.append(f"asked for {asked}")


@pytest.fixture
def open_page(chromium):
    """A factory: open_page(service, "/docs", color_scheme="dark") is a page of a new, empty browser profile."""
    contexts, watches = [], []

    def open(service, path="/", expected=(), **options):
        options = {"viewport": {"width": 1280, "height": 800}, "permissions": ["clipboard-read", "clipboard-write"]} | options
        context = chromium.new_context(**options)
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        page.watch = Watch(page, service.url)
        page.watch.expected += expected
        watches.append(page.watch)
        page.goto(service.url + path)
        return page

    yield open
    for context in contexts:
        context.close()
    complaints = [complaint for watch in watches for complaint in watch.complaints]
    assert complaints == [], "\n".join(complaints)


@pytest.fixture
def open_playground(open_page):
    return lambda service, path="/", **options: Playground(open_page(service, path, **options))


@pytest.fixture
def playground(open_playground, service):
    return open_playground(service)


@pytest.fixture(scope="session")
def two_environments(tmp_path_factory):
    """A service whose default environment is bare; one called data has what this machine's Python has."""
    folder = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="hatchery-test-"))  # a run has a /tmp of its own
    folder.chmod(0o755)
    subprocess.run(["/usr/bin/python3", "-m", "venv", "--without-pip", folder / "venv"], check=True)
    service = services.Service(folder=tmp_path_factory.mktemp("two"), pool=2, python=folder / "venv/bin/python",
                               **{"environment.data.python": "/usr/bin/python3", "environment.data.pool": 2})  # fmt: skip
    for name in ("default", "data"):  # both are warm, and have told what they have
        assert service.post({"code": "", "environment": name}).status_code == 200
    yield service
    status = service.stop()
    shutil.rmtree(folder)
    assert status == 0, service.log_tail(40)
