"""`make screenshots`: the pictures in docs/images, taken of the real thing. No test: pytest runs it when it is named."""

import math
import random
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
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
    playground.example("Matplotlib")
    playground.run()
    expect(playground.page.get_by_role("img", name="The picture oscillations.png")).to_be_visible()
    shoot(playground.page, "playground")


def test_error_in_the_dark(open_playground, service):
    playground = open_playground(service, viewport={"width": 1200, "height": 560}, color_scheme="dark")
    playground.example("Error")
    playground.run()
    shoot(playground.page, "playground-dark")


LOAD = {"print(1)": 70, "sum(range(300000))": 15, "import time; time.sleep(0.05)": 10, "raise ValueError": 4, "bytearray(400 << 20)": 1}  # how many of a hundred
LOAD_SECONDS = 150


@pytest.mark.timeout(600)
def test_status(open_page, make_service):
    service = make_service(pool=4, **{"environment.data.preload": "json,decimal", "environment.data.pool": 1})
    page = open_page(service, "/status", viewport={"width": 1200, "height": 960})
    end = time.monotonic() + LOAD_SECONDS

    def client(number):
        chance = random.Random(number)
        with httpx.Client(base_url=service.url, timeout=60, trust_env=False) as own:
            while (left := end - time.monotonic()) > 0:
                own.post("/execute", json={"code": chance.choices(list(LOAD), list(LOAD.values()))[0]})
                time.sleep(chance.uniform(0.02, 0.35) * (1.3 + math.sin(left / 12)))

    with ThreadPoolExecutor(6) as clients:
        waiting = [clients.submit(client, number) for number in range(6)]
        while any(not one.done() for one in waiting) and time.monotonic() < end - 4:
            page.wait_for_timeout(1000)
        shoot(page, "status")
