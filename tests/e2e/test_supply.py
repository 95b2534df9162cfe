"""The pool follows what is asked for: it grows by bursts, within its bounds, and shrinks when nobody needs it."""

import time

from service import command, post, wait_for

HOLD = "import time; time.sleep(0.4)"


def burst(service, count, code=HOLD):
    """So many requests within a millisecond or two."""
    connections = [service.raw() for _ in range(count)]
    request = post({"code": code, "timeout": 30})
    for connection in connections:
        connection.send(request)
    answers = [connection.answer() for connection in connections]
    for connection in connections:
        connection.close()
    assert [answer[0] for answer in answers] == [200] * count


def ready(service):
    """How many sandboxes stand ready, by the service's own metrics."""
    lines = service.client.get("/metrics").text.splitlines()
    (value,) = [line.split()[-1] for line in lines if line.startswith("hatchery_sandboxes_ready")]
    return int(float(value))


def grow(service, count):
    """Bursts until so many stand ready: on a busy machine one may come too slowly to be one."""

    def grown():
        burst(service, 16)
        time.sleep(0.1)
        return ready(service) >= count

    wait_for(grown, 60, f"{count} ready")


def test_a_burst_makes_it_grow_and_rest_makes_it_shrink(make_service):
    service = make_service(pool=2, concurrency=16, pool_idle=2)
    wait_for(lambda: ready(service) == 2, 20, "the least")
    grow(service, 8)
    assert ready(service) <= 16
    service.canary()
    wait_for(lambda: ready(service) == 2, 30, "the least again", 0.2)
    service.canary()


def test_no_more_than_the_most(make_service):
    service = make_service(pool=2, pool_max=4, concurrency=16, pool_idle=30)
    grow(service, 4)
    burst(service, 16)
    time.sleep(0.5)
    assert ready(service) <= 4


def test_no_more_than_memory_allows(make_service):
    service = make_service(pool=2, concurrency=16, pool_idle=30, pool_memory=0)
    for _ in range(3):
        burst(service, 16)
    wait_for(lambda: ready(service) == 2, 20, "the least")
    time.sleep(0.5)
    assert ready(service) <= 4  # what was made for runs that were known to wait may be there a moment longer


def test_one_at_a_time_keeps_the_least(make_service):
    service = make_service(pool=2, concurrency=16)
    for _ in range(50):
        service.canary()
    wait_for(lambda: ready(service) >= 2, 20, "the pool")
    assert ready(service) <= 6


def test_clients_that_go_away_leave_nothing_behind(make_service):
    """Requests that wait for a sandbox and are given up: what was made for them is dropped again."""
    service = make_service(pool=1, concurrency=16, pool_idle=1)
    for _ in range(5):
        connections = [service.raw() for _ in range(16)]
        for connection in connections:
            connection.send(b'POST /execute HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{"code": "pass"}')
            connection.close()
    wait_for(lambda: ready(service) == 1, 30, "the least again", 0.2)
    service.canary()


def test_settings():
    done = command("serve", "--pool=8", "--pool-max=4", "--check-config")
    assert done.returncode == 2 and "pool-max: 4 is less than pool (8)" in done.stderr.decode()
    done = command("serve", "--listen=127.0.0.1:0", "--concurrency=1024", "--pool-max=1024")
    assert done.returncode == 1 and "3072" in done.stderr.decode()
