"""A service manager's protocols: readiness and stop are told, a listening socket is taken over; and `hatchery health`."""

import os
import signal
import socket
import subprocess
import time

import httpx
import pytest

from service import BINARY, command, copy_binary, environment, free_port


@pytest.fixture
def manager(tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(60)
        yield listener


def start(manager, sockets, *options, watchdog=0, watched="$$", binary=BINARY):
    def hand_over():
        for i, given in enumerate(sockets):
            os.dup2(given.fileno(), 3 + i)

    watchdog = f"WATCHDOG_USEC={watchdog}000000 WATCHDOG_PID={watched} " if watchdog else ""
    return subprocess.Popen(
        ["sh", "-c", f'{watchdog}LISTEN_PID=$$ LISTEN_FDS={len(sockets)} exec "$@"', "sh", str(binary), "serve", "--pool=1", *options],
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


def test_the_managers_watchdog(manager, tmp_path):
    """It hears from the main process several times within its patience, of the next binary, too, and no more of one that is stopped."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        service = start(manager, [given], watchdog=3, binary=copy_binary(tmp_path))
        try:
            assert manager.recv(100) == b"READY=1"
            for what in ("the first", "another one"):
                began = time.monotonic()
                for _ in range(3):
                    assert manager.recv(100) == b"WATCHDOG=1", what
                assert 1.5 < time.monotonic() - began < 4.5, what
                copy_binary(tmp_path)  # what then executes is another file
                service.send_signal(signal.SIGUSR2)
                said = [manager.recv(100) for _ in range(2)]
                while said[-1] != b"READY=1":
                    said.append(manager.recv(100))
            os.kill(service.pid, signal.SIGSTOP)
            time.sleep(0.2)
            manager.settimeout(3)
            with pytest.raises(TimeoutError):
                while True:
                    assert manager.recv(100) == b"WATCHDOG=1", "what was on its way"
                    assert time.monotonic() - began < 60
            os.kill(service.pid, signal.SIGCONT)
            service.terminate()
            assert service.wait(30) == 0
        finally:
            service.kill()
            service.communicate()


def test_a_watchdog_for_somebody_else(manager):
    """A shell before us had it: WATCHDOG_PID names who is meant."""
    with socket.create_server(("127.0.0.1", 0)) as given:
        service = start(manager, [given], watchdog=1, watched=1)
        try:
            assert manager.recv(100) == b"READY=1"
            manager.settimeout(2)
            with pytest.raises(TimeoutError):
                manager.recv(100)
        finally:
            service.terminate()
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
