"""Hot reload in the development container: a change of a source is served within seconds; a broken one is said and not served.
Touches a source of this folder, and puts it back."""

import time

import httpx
import pytest

from service import REPOSITORY, wait_for

SOURCE = REPOSITORY / "src/front/routes.c"


@pytest.fixture
def source():
    before = SOURCE.read_text()
    yield before
    SOURCE.write_text(before)


def answer(container):
    try:
        return httpx.get(container.url + "/health", timeout=5, trust_env=False).json()
    except (httpx.HTTPError, ValueError):
        return None


def test_reload(container, source):
    broken, changed = source + "\n#error on purpose\n", source.replace('\\"healthy\\"', '\\"rebuilt\\"')
    assert changed != source
    SOURCE.write_text(broken)
    wait_for(lambda: "the build failed; the service keeps running as it was" in container.log_text(), 90, "the news of a failed build")
    assert answer(container) == {"status": "healthy"}
    started = time.monotonic()
    SOURCE.write_text(changed)
    wait_for(lambda: answer(container) == {"status": "rebuilt"}, 90, "the new service")
    print(f"hot reload: {time.monotonic() - started:.1f} s from the change to its first answer")
    SOURCE.write_text(source)
    wait_for(lambda: answer(container) == {"status": "healthy"}, 90, "the old one")
