"""A service manager's protocols: readiness and stop are told, a listening socket is taken over; and `hatchery health`."""

import os
import signal
import socket
import subprocess

import httpx
import pytest

from service import BINARY, command, environment, free_port


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(60)
        yield listener


def start(manager, sockets, *options):
    def hand_over():
        for i, given in enumerate(sockets):
            os.dup2(given.fileno(), 3 + i)

    return subprocess.Popen(
        ["sh", "-c", f'LISTEN_PID=$$ LISTEN_FDS={len(sockets)} exec "$@"', "sh", str(BINARY), "serve", "--pool=1", *options],
        env=environment(NOTIFY_SOCKET=manager.getsockname()), cwd="/", preexec_fn=hand_over, pass_fds=range(3, 3 + len(sockets)), stderr=subprocess.PIPE,
    )


def test_socket_of_the_manager(manager):
    with socket.create_server(("127.0.0.1", 0)) as given:
        port = given.getsockname()[1]
        service = start(manager, [given])
        try:
            assert manager.recv(100) == b"READY=1"
            answer = httpx.post(f"http://127.0.0.1:{port}/execute", json={"code": "import os\nprint('NOTIFY_SOCKET' in os.environ)"}, trust_env=False)
            assert answer.json()["output"] == "False\n"
            assert command("health", "--listen", f"127.0.0.1:{port}").returncode == 0
            service.send_signal(signal.SIGUSR2)
            assert manager.recv(100).startswith(b"RELOADING=1\nMONOTONIC_USEC=")
            assert manager.recv(100) == b"READY=1"
            assert command("health", "--listen", f"127.0.0.1:{port}").returncode == 0
            service.terminate()
            assert manager.recv(100) == b"STOPPING=1"
            assert service.wait(30) == 0
        finally:
            service.kill()
            service.communicate()


def test_two_sockets_are_refused(manager):
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        service = start(manager, [one, two])
        _, said = service.communicate(timeout=60)
        assert service.returncode == 1 and b"hands over 2 sockets; give one" in said


def test_an_open_socket_needs_keys(manager):
    with socket.create_server(("0.0.0.0", 0)) as given:
        service = start(manager, [given])
        _, said = service.communicate(timeout=60)
        assert service.returncode == 1 and b"keys-file" in said


def test_health_of_nobody():
    done = command("health", "--listen", f"127.0.0.1:{free_port()}")
    assert done.returncode == 1 and b"Connection refused" in done.stderr
