"""`limits` of a request: each lowers one limit of this run, is told by name when it ends one, and is gone for the next run."""

import os
import threading
import time

import pytest

MIB = 1 << 20


def run(service, code, timeout=10, **limits):
    answer = service.post({"code": code, "limits": limits, "timeout": timeout})
    assert answer.status_code == 200, answer.text[:500]
    return answer.json()


def test_memory(service):
    code = "x = bytearray(100 << 20)\nx[::4096] = b'1' * (100 << 8)\nprint(len(x))"
    assert run(service, code)["output"] == "104857600\n"
    for _ in range(3):
        answer = run(service, code, memory=64 * MIB)
        assert answer["status"] == "memory_limit" and "Memory limit of 64 MiB (67108864 bytes) exceeded; the peak was" in answer["error"]
        assert answer["usage"]["memory_peak"] <= 64 * MIB
        assert run(service, code)["output"] == "104857600\n"


def test_memory_holds_for_files_and_children_too(service):
    for code in ("open('/dev/shm/f', 'wb').write(bytes(40 << 20))", "import os\nif os.fork() == 0:\n    x = bytearray(40 << 20)\n    x[::4096] = b'1' * (40 << 8)\nos.wait()"):
        assert run(service, code, memory=32 * MIB)["status"] == "memory_limit"


def test_processes(service):
    code = (
        "import threading\ncounted = threading.Event()\ntry:\n    for n in range(40):\n        threading.Thread(target=counted.wait).start()\n"
        "except RuntimeError:\n    pass\nprint(threading.active_count())\ncounted.set()"
    )
    answer = run(service, code)
    assert answer["output"] == "41\n" and answer["limits_hit"] == []
    answer = run(service, code, processes=5)
    assert answer["output"] == "5\n" and answer["limits_hit"] == ["processes"]
    assert run(service, code, processes=1)["output"] == "1\n"


def test_cpu_time(service):
    started = time.monotonic()
    answer = run(service, "while True: pass", cpu_time=0.3)
    assert answer["status"] == "cpu_limit" and "Processor time limit reached after 0.3" in answer["error"]
    assert time.monotonic() - started < 8
    used = answer["usage"]["cpu_user"] + answer["usage"]["cpu_system"]
    assert 0.3 <= used < 2, used
    answer = run(service, "import time; time.sleep(0.4); print('slept')", cpu_time=0.3)
    assert answer["output"] == "slept\n"


def test_output(service):
    answer = run(service, "print('head'); print('x' * 20_000); print('tail')", output=2000)
    assert answer["output"].startswith("head\n") and answer["output"].endswith("tail\n") and answer["output_truncated"]
    assert "bytes omitted" in answer["output"] and len(answer["output"]) < 2100
    assert answer["usage"]["output_bytes"] == 20_011 and answer["status"] == "ok"
    answer = run(service, "import sys\nwhile True: sys.stderr.write('x' * 1000)", output=2000)
    assert answer["status"] == "output_limit" and "62.5 KiB (64000 bytes)" in answer["error"]
    assert run(service, "print('x' * 20_000)")["output_truncated"] is False


def test_workspace(service):
    code = (
        "import os\nfor folder in ('.', '/tmp', '/dev/shm'):\n    st = os.statvfs(folder)\n    print(st.f_blocks * st.f_bsize)\n"
        "    try:\n        for n in range(20):\n            open(f'{folder}/f{n}', 'wb').write(bytes(100_000))\n    except OSError as e:\n        print(e.strerror)\n"
    )
    full = "No space left on device\n"
    assert run(service, code, workspace=MIB)["output"] == f"{MIB}\n{full}" * 3
    assert run(service, code)["output"] == f"{64 * MIB}\n" * 3
    answer = run(service, "open('f', 'wb').write(bytes(2 << 20))", workspace=MIB)
    assert answer["exit_code"] == 1 and answer["error"].splitlines()[-1] in ("OSError: [Errno 28] No space left on device", "OSError: [Errno 27] File too large")


def test_workspace_and_the_files_that_come_in(service):
    body = {"code": "", "limits": {"workspace": 65536}, "files": [{"path": "f", "content": "x" * 70_000}]}
    answer = service.post(body)
    assert answer.status_code == 422 and answer.json()["detail"][0]["loc"] == ["body", "files"]


def test_open_files(service):
    code = "import os, resource\nprint(resource.getrlimit(resource.RLIMIT_NOFILE))\nn = 0\ntry:\n    while True:\n        os.dup(0)\n        n += 1\nexcept OSError as e:\n    print(n, e.errno)"
    assert run(service, code, open_files=20)["output"] == "(20, 20)\n17 24\n"
    assert run(service, code)["output"] == "(256, 256)\n253 24\n"


def test_all_at_once_with_files_both_ways(service):
    body = {
        "code": "print(input() + open('in').read())\nopen('out', 'w').write('x')",
        "stdin": "a",
        "files": [{"path": "in", "content": "b"}],
        "collect": ["out"],
        "limits": {"memory": 64 * MIB, "processes": 4, "cpu_time": 2, "output": 4096, "workspace": MIB, "open_files": 32},
    }
    answer = service.post(body).json()
    assert (answer["output"], answer["status"], answer["files"][0]["path"]) == ("ab\n", "ok", "out"), answer


@pytest.mark.parametrize("limits", [{}, {"memory": None}, {"memory": 256 * MIB, "processes": 64, "output": MIB, "workspace": 64 * MIB, "open_files": 256}])
def test_the_servers_own_limits(service, limits):
    assert run(service, "print(1)", **limits)["output"] == "1\n"
    assert service.post({"code": "print(1)", "limits": None}).json()["output"] == "1\n"


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("memory", 256 * MIB + 1, "less_than_equal"),
        ("memory", 16 * MIB - 1, "greater_than_equal"),
        ("memory", -1, "greater_than_equal"),
        ("memory", 2**53 + 1, "less_than_equal"),
        ("memory", 1e300, "int_parsing_size"),
        ("memory", "1G", "int_parsing"),
        ("memory", 20_000_000.5, "int_from_float"),
        ("memory", [], "int_type"),
        ("processes", 65, "less_than_equal"),
        ("processes", 0, "greater_than_equal"),
        ("cpu_time", 0, "greater_than"),
        ("cpu_time", -1, "greater_than"),
        ("cpu_time", 86401, "less_than_equal"),
        ("output", MIB + 1, "less_than_equal"),
        ("workspace", 65535, "greater_than_equal"),
        ("open_files", 257, "less_than_equal"),
        ("open_files", 15, "greater_than_equal"),
    ],
)
def test_beyond_the_bounds(service, name, value, kind):
    answer = service.post({"code": "", "limits": {name: value}})
    assert answer.status_code == 422
    (entry,) = answer.json()["detail"]
    assert (entry["type"], entry["loc"]) == (kind, ["body", "limits", name])


def test_bounds_are_those_of_the_environment(make_service, tmp_path):
    file = tmp_path / "hatchery.conf"
    file.write_text("limit-memory = 64M\nlimit-cpu-time = 1\n[environment large]\nlimit-memory = 128M\n")
    service = make_service(config=file)
    limits = {"memory": 100 * MIB}
    assert service.post({"code": "", "limits": limits}).status_code == 422
    assert service.post({"code": "print(1)", "limits": limits, "environment": "large"}).json()["output"] == "1\n"
    assert service.post({"code": "", "limits": {"cpu_time": 1.5}}).json()["detail"][0]["ctx"] == {"le": 1.0}
    schema = service.client.get("/openapi.json").json()["components"]["schemas"]["Limits"]["properties"]["memory"]["anyOf"][0]
    assert schema == {"type": "integer", "minimum": 16 * MIB, "maximum": 128 * MIB}


def test_a_run_that_is_ended_while_it_is_prepared(service):
    """By its client or by its id: the sandbox is given up, the service goes on."""
    for n in range(20):
        run_id = f"prepared-{n}-{os.getpid()}"
        thread = threading.Thread(
            target=lambda: service.post({"code": "import time; time.sleep(5)", "limits": {"workspace": MIB}, "timeout": 8}, headers={"X-Request-Id": run_id})
        )
        thread.start()
        time.sleep(0.002 * (n % 5))
        service.client.delete(f"/runs/{run_id}")
        thread.join(0.5)
        if thread.is_alive():
            service.client.delete(f"/runs/{run_id}")
        thread.join(10)
        assert not thread.is_alive()
    service.canary()


@pytest.mark.parametrize("least", [1e-10, 5e-324])
def test_less_than_a_nanosecond_is_a_limit(service, least):
    """What the kernel's clock cannot tell from nothing is not "no limit"."""
    started = time.monotonic()
    answer = run(service, "while True: pass", timeout=least)
    assert answer["status"] == "timeout" and time.monotonic() - started < 5
    answer = run(service, "while True: pass", timeout=5, cpu_time=least)
    assert answer["status"] == "cpu_limit" and answer["execution_time"] < 3
