"""What every page must be: readable, usable by keyboard, small, within its policy. And the documentation, tried out."""

import gzip
from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="no Playwright here: tests/requirements.txt")
from playwright.sync_api import expect  # noqa: E402

AXE = Path(__file__).resolve().parents[2] / "web/node_modules/axe-core/axe.min.js"
COMPRESSED_MAX = 250 << 10  # bytes of the whole playground


def faults(page):
    """What axe-core finds that keeps people out."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [(v["id"], v["impact"], [n["html"][:150] for n in v["nodes"]]) for v in found["violations"] if v["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_accessible(open_playground, service, scheme):
    playground = open_playground(service, color_scheme=scheme)
    assert faults(playground.page) == []
    playground.run("import sys\nopen('x.svg', 'w').write('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')\nprint('out', file=sys.stderr)\nraise ValueError('no')")
    for panel in ("Standard input", "Arguments and variables", "Files", "Limits and packages"):
        playground.panel(panel)
    playground.page.locator("#panel-packages summary").click()
    assert faults(playground.page) == []
    playground.page.get_by_role("button", name="Examples").click()
    assert faults(playground.page) == []
    playground.page.get_by_role("button", name="As code").click()
    expect(playground.page.get_by_role("dialog")).to_be_visible()
    assert faults(playground.page) == []


def background(page):
    return page.evaluate("getComputedStyle(document.body).backgroundColor")


def test_light_and_dark(open_playground, service):
    light, dark = (open_playground(service, color_scheme=scheme).page for scheme in ("light", "dark"))
    assert background(light) != background(dark)
    light.get_by_role("button", name="Dark").click()
    assert background(light) == background(dark)
    light.reload()
    expect(light.get_by_role("button", name="Dark")).to_have_attribute("aria-pressed", "true")
    assert background(light) == background(dark)


@pytest.mark.parametrize("width", [320, 390, 768])
def test_narrow(open_playground, service, width):
    playground = open_playground(service, viewport={"width": width, "height": 740}, has_touch=True, is_mobile=True)

    def fits():
        return playground.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

    assert fits()
    for panel in ("Standard input", "Arguments and variables", "Files", "Limits and packages"):
        playground.panel(panel)
    playground.run("print('x' * 1000)\nopen('a-rather-long-name-' * 9, 'w')\nraise ValueError('y' * 1000)")
    expect(playground.title).to_be_in_viewport()
    assert fits()
    playground.page.get_by_role("button", name="Examples").click()
    assert fits()
    expect(playground.page.locator("#example-list").get_by_role("button").first).to_be_in_viewport(ratio=1)


def test_keyboard_only(open_playground, service):
    playground = open_playground(service)
    keys = playground.page.keyboard

    def tab_to(locator):
        for _ in range(40):
            keys.press("Tab")
            if locator.evaluate("(e) => e === document.activeElement"):
                return
        raise AssertionError("no way there")

    tab_to(playground.page.get_by_role("button", name="Examples"))
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("ArrowDown")
    keys.press("Enter")
    assert "def average" in playground.text()
    expect(playground.editor).to_be_focused()
    keys.press("Control+Enter")
    expect(playground.title).to_have_text("ZeroDivisionError on line 2")
    keys.press("Control+a")
    keys.insert_text("import time\ntime.sleep(4)")
    keys.press("Control+Enter")
    expect(playground.title).to_have_text("Running")
    keys.press("Escape")
    expect(playground.title).to_contain_text("Stopped by you")
    keys.press("Escape")  # which lets the next Tab leave the editor
    keys.press("Tab")
    expect(playground.editor).not_to_be_focused()
    expect(playground.page.locator("#panel-stdin summary")).to_be_focused()
    keys.press("Enter")
    tab_to(playground.page.get_by_label("Standard input"))
    keys.type("typed")
    keys.press("Control+Enter")  # from anywhere
    expect(playground.title).to_have_text("Running")
    keys.press("Escape")
    expect(playground.title).to_contain_text("Stopped by you")


def test_small(open_playground, service):
    """All that the playground loads, as it travels."""
    sizes = {}
    playground = open_playground(service)
    for path in playground.page.evaluate("performance.getEntriesByType('resource').map((e) => e.name)"):
        if "/playground/" in path:
            answer = service.client.get(path, headers={"Accept-Encoding": "gzip"})
            assert answer.headers["content-encoding"] == "gzip"
            sizes[path.rpartition("/")[2].partition("?")[0]] = len(gzip.compress(answer.content))
    sizes["/"] = len(gzip.compress(service.client.get("/").content))
    print("compressed:", sizes, sum(sizes.values()))
    assert {"playground.js", "playground.css", "icon.svg"} <= set(sizes)
    assert sum(sizes.values()) < COMPRESSED_MAX


def test_swagger_ui_tries_an_operation(open_page, service):
    page = open_page(service, "/docs")
    page.locator("#operations-default-execute_execute_post .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    page.locator(".body-param__text").fill('{"code": "print(6 * 7)"}')
    page.get_by_role("button", name="Execute", exact=True).click()
    live = page.locator(".live-responses-table .response").first
    expect(live).to_contain_text("200")
    expect(live).to_contain_text('"output": "42\\n"')


def test_redoc(open_page, service):
    page = open_page(service, "/redoc", expected=["Incompatible types in allOf"])  # how it reads "null or a string"
    expect(page.get_by_role("heading", name="hatchery")).to_be_visible()
    expect(page.get_by_text("Runs Python code in a fresh sandbox").first).to_be_visible()
