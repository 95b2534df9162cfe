"""The status page: what it shows is what the service says, it moves, it stays small, and it can be read by everybody."""

import re

import pytest

pytest.importorskip("playwright.sync_api", reason="no Playwright here: tests/requirements.txt")
from playwright.sync_api import expect  # noqa: E402

import service as services  # noqa: E402
from test_pages import faults  # noqa: E402


def polls(page):
    return int(page.evaluate("document.documentElement.dataset.polls ?? '0'"))


def await_polls(page, number):
    page.wait_for_function("(n) => Number(document.documentElement.dataset.polls ?? 0) >= n", arg=number)


def rows(page, table):
    """{first cell: the others}"""
    return {cells[0]: cells[1:] for cells in page.locator(f"#{table} tbody tr").evaluate_all("rows => rows.map(row => [...row.cells].map(cell => cell.textContent))")}


def test_figures_move(open_page, make_service):
    service = make_service(pool=2)
    page = open_page(service, "/status")
    expect(page.locator("#state")).to_have_attribute("data-tone", "good")
    await_polls(page, 1)
    assert rows(page, "statuses") == {"none": ["0", "0", "0"]}
    for _ in range(7):
        service.execute("print(1)")
    service.execute("raise SystemExit(3)")
    service.execute("import time; time.sleep(60)", timeout=0.2)
    await_polls(page, polls(page) + 2)
    shown = rows(page, "statuses")
    assert {name: cells[2] for name, cells in shown.items()} == {"ok": "7", "error": "1", "timeout": "1"}
    assert all(cells[0] == cells[1] == cells[2] for cells in shown.values()), "all of it was in the last minute"
    told = page.get_by_role("img", name=re.compile("^Latency")).get_attribute("aria-label")
    assert re.search(r"run, p99: now (2[0-4]\d|250) ms", told), told  # of nine runs the last but none: the timeout, in its bucket
    rate = page.get_by_role("img", name=re.compile("^Runs a second")).get_attribute("aria-label")
    assert re.search(r"most [1-9]", rate), rate
    assert page.locator("path.line-0").first.get_attribute("d").startswith("M")


def test_what_runs_and_waits(open_page, make_service):
    service = make_service(pool=1, concurrency=1)
    page = open_page(service, "/status")
    with service.raw() as first, service.raw() as second:
        for connection in (first, second):
            body = b'{"code": "import time; time.sleep(30)", "timeout": 30}'
            connection.send(b"POST /execute HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        for name in ("running", "waiting"):
            expect(page.locator("#tiles li").filter(has_text=re.compile(f"^{name}")).locator("b")).to_have_text("1")
    expect(page.locator("#tiles li").filter(has_text=re.compile("^running")).locator("b")).to_have_text("0")
    expect(page.locator("#tiles li").filter(has_text=re.compile("^running")).locator("small")).to_have_text("of 1")


def test_learned_modules(open_page, make_service):
    """They are there as soon as the service has them, however seldom the rest of GET /info is asked for; and ready sandboxes of them."""
    service = make_service(pool=2, learn="decimal,email.parser")
    page = open_page(service, "/status")
    await_polls(page, 1)
    assert rows(page, "environments")["default"][1:3] == ["nothing", "nothing"]
    for _ in range(3):
        service.execute("import decimal, email.parser")
    cells = page.locator("#environments tbody tr").first.locator("td")
    expect(cells.nth(2)).to_have_text(re.compile(r"^decimal, email\.parser \([1-9]\d*(\.\d+)? [KM]i?B\)$"))
    expect(cells.nth(3)).to_have_text(re.compile(r"^\d+, [12] learned$"))


def test_isolation_is_what_info_says(open_page, service):
    page = open_page(service, "/status")
    expect(page.locator("#isolation tbody tr").first).to_be_visible()
    layers = service.client.get("/info").json()["isolation"]
    shown = rows(page, "isolation")
    assert list(shown) == [layer["layer"] for layer in layers]
    for layer in layers:
        assert shown[layer["layer"]][0] == layer["state"]
        assert shown[layer["layer"]][1].startswith(layer["detail"])


def test_every_chart_has_its_table(open_page, service):
    page = open_page(service, "/status")
    await_polls(page, 1)
    service.execute("print(1)")
    figures = page.locator("figure")
    assert figures.count() == 4
    for figure in figures.all():
        figure.locator("summary").click()
        expect(figure.locator("tbody tr").first).to_be_visible()
        assert figure.locator("tbody tr").first.locator("td").count() == figure.locator(".legend li").count()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 320)])
def test_accessible(open_page, service, scheme, width):
    page = open_page(service, "/status", color_scheme=scheme, viewport={"width": width, "height": 740})
    await_polls(page, 1)
    page.locator("figure summary").first.click()
    assert faults(page) == []


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_fits(open_page, service, width):
    page = open_page(service, "/status", viewport={"width": width, "height": 740})
    await_polls(page, 1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_with_keys(open_page, make_service, tmp_path):
    made = services.command("key", "new", "operator").stdout.decode()
    secret, line = re.search(r"^ +(\S+)$", made, re.MULTILINE)[1], made.strip().splitlines()[-1]
    (tmp_path / "keys").write_text(line + "\n")
    service = make_service(keys_file=tmp_path / "keys", pool=1)
    page = open_page(service, "/status", expected=["401"])
    expect(page.get_by_label("API key")).to_be_focused()
    assert rows(page, "isolation") == {}
    page.get_by_label("API key").fill("hatchery_wrong")
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#state")).to_have_text("The service does not know this key")
    page.get_by_label("API key").fill(secret)
    page.get_by_role("button", name="Use it").click()
    expect(page.locator("#state")).to_have_attribute("data-tone", "good")
    expect(page.get_by_label("API key")).to_be_hidden()
    assert "root" in rows(page, "isolation")


def test_service_that_goes_and_comes_back(open_page, make_service, monkeypatch):
    service = make_service(pool=1)
    service.execute("print(1)")
    page = open_page(service, "/status", expected=["ERR_CONNECTION_REFUSED", "ERR_CONNECTION_RESET", "ERR_EMPTY_RESPONSE"])
    await_polls(page, 1)
    port = service.port
    assert service.stop() == 0
    expect(page.locator("#state")).to_contain_text("does not answer")
    monkeypatch.setattr(services, "free_port", lambda: port)
    service.start()
    expect(page.locator("#state")).to_have_attribute("data-tone", "good")
    service.execute("print(1)")
    await_polls(page, polls(page) + 2)
    assert rows(page, "statuses")["ok"] == ["1", "1", "1"], "counters that begin again are no runs of the past"


def test_hours(open_page, service):
    """Its clock advanced by hand: the page keeps five minutes, and grows no more."""
    page = open_page(service, "/status")
    page.clock.install()
    page.goto(service.url + "/status")

    def advance(number):
        for _ in range(number):
            seen = polls(page)
            page.clock.run_for(2100)
            await_polls(page, seen + 1)

    def points():
        return int(page.evaluate("document.documentElement.dataset.points"))

    def size():
        session.send("HeapProfiler.collectGarbage")
        return page.evaluate("document.querySelectorAll('*').length"), session.send("Runtime.getHeapUsage")["usedSize"]

    session = page.context.new_cdp_session(page)
    await_polls(page, 1)
    page.locator("figure summary").first.click()
    advance(170)
    assert 100 < points() <= 151
    elements, heap = size()
    advance(80)
    elements_later, heap_later = size()
    assert elements_later == elements and points() <= 151
    assert heap_later - heap < 256 << 10


def test_nobody_looks(open_page, make_service):
    """In a hidden tab it asks nothing; seen again, what happened meanwhile is no part of its rates."""
    service = make_service(pool=1)
    page = open_page(service, "/status")
    page.clock.install()
    page.goto(service.url + "/status")
    await_polls(page, 1)
    hide = "hidden => {Object.defineProperty(document, 'hidden', {value: hidden, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))}"
    page.evaluate(hide, True)
    seen = polls(page)
    for _ in range(20):
        service.execute("print(1)")
    page.clock.run_for(30_000)
    page.wait_for_timeout(300)  # of the real one, for answers
    assert polls(page) <= seen + 1, "one more may have been under way"
    page.evaluate(hide, False)
    for _ in range(2):  # a rate is between two answers
        seen = polls(page)
        page.clock.run_for(2100)
        await_polls(page, seen + 1)
        page.wait_for_timeout(100)
    expect(page.get_by_role("img", name=re.compile("^Runs a second"))).to_have_attribute("aria-label", re.compile("most 0"))
    assert rows(page, "statuses")["ok"][2] == "20"
