"""`make screenshots`: the pictures in docs/images, taken of the real thing. No test: pytest runs it when it is named."""

from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="no Playwright here: tests/requirements.txt")
from playwright.sync_api import expect  # noqa: E402

IMAGES = Path(__file__).resolve().parents[2] / "docs/images"
BYTES_MAX = 150 << 10  # of one picture


def shoot(page, name):
    IMAGES.mkdir(exist_ok=True)
    path = IMAGES / f"{name}.png"
    page.mouse.move(0, 0)
    page.wait_for_timeout(300)  # what moves has come to rest
    page.screenshot(path=path, animations="disabled", caret="hide")
    assert path.stat().st_size < BYTES_MAX


def test_plot(open_playground, service):
    playground = open_playground(service, viewport={"width": 1200, "height": 720})
    playground.example("Plot")
    playground.run()
    expect(playground.page.get_by_role("img", name="The picture oscillations.png")).to_be_visible()
    shoot(playground.page, "playground")


def test_error_in_the_dark(open_playground, service):
    playground = open_playground(service, viewport={"width": 1200, "height": 560}, color_scheme="dark")
    playground.example("Error")
    playground.run()
    shoot(playground.page, "playground-dark")
