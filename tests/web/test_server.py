"""The web process: how it starts, is refused and ends."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import httpx
import pytest

from sync.vault import new_key
from tests.waiting import eventually
from tests.web.rows import save_portal
from tests.web.serving import free_port, locked
from tests.web.test_hooks import task_update
from web.server import serve
from workers.app import App
from workers.errors import CannotRun
from workers.ports import LOOPBACK


class WebProcess:
    """`python -m web` on an installation of its own."""

    def __init__(self, environ: dict[str, str], port: int) -> None:
        self.address = f"http://{LOOPBACK}:{port}"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "web"],
            env=os.environ | environ | {"RETRO_PORT": str(port)},
            stderr=subprocess.PIPE,
        )

    def answers(self) -> bool:
        with suppress(httpx.TransportError):
            return httpx.get(f"{self.address}/healthz").status_code == 200
        return False


@pytest.fixture
def environ(app: App) -> dict[str, str]:
    (key,) = app.settings.secret_keys
    return {"RETRO_HOME": str(app.settings.home), "RETRO_SECRET_KEYS": key.get_secret_value()}


@pytest.fixture
def web(environ: dict[str, str]) -> Iterator[WebProcess]:
    web = WebProcess(environ, free_port())
    eventually(web.answers, within=30)
    yield web
    web.process.kill()
    web.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_process_ends_when_asked(web: WebProcess, number: signal.Signals) -> None:
    asked = time.monotonic()
    web.process.send_signal(number)
    _, said = web.process.communicate(timeout=10)
    assert time.monotonic() - asked < 5
    assert web.process.returncode == 0
    assert b"Traceback" not in said
    assert web.address.encode() in said


def test_a_request_that_hangs_does_not_keep_the_process(app: App, web: WebProcess) -> None:
    save_portal(app)
    idle = _threads(web.process.pid)
    with socket.socket() as delivery, locked(app.database):
        delivery.connect((LOOPBACK, int(web.address.rpartition(":")[2])))
        request = httpx.Request("POST", f"{web.address}/hooks/portal", data=task_update())
        head = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
        delivery.sendall(f"POST /hooks/portal HTTP/1.1\r\n{head}\r\n".encode() + request.content)
        # It cannot be done with the request before the lock is given back.
        eventually(lambda: _threads(web.process.pid) > idle)
        asked = time.monotonic()
        web.process.terminate()
        _, said = web.process.communicate(timeout=10)
        assert time.monotonic() - asked < 5
    assert b"left unanswered" in said
    assert b"Traceback" not in said


def _threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def test_a_taken_port_is_one_sentence(app: App) -> None:
    with closing(socket.create_server((LOOPBACK, 0))) as other:
        port = other.getsockname()[1]
        with pytest.raises(CannotRun) as refused:
            serve(app, port)
    text = str(refused.value)
    assert text == (
        f"Port {port} on 127.0.0.1 is taken by another program; stop what holds it, "
        "or set RETRO_PORT to a free port."
    )


def test_the_process_tells_of_a_taken_port_without_a_traceback(tmp_path: Path) -> None:
    with closing(socket.create_server((LOOPBACK, 0))) as other:
        environ = {"RETRO_HOME": str(tmp_path), "RETRO_SECRET_KEYS": new_key()}
        web = WebProcess(environ, other.getsockname()[1])
        _, said = web.process.communicate(timeout=30)
    assert web.process.returncode == 1
    assert said.decode().startswith("retro: Port ")
    assert said.count(b"\n") == 1


def test_the_server_is_reached_on_loopback_only(web: WebProcess) -> None:
    port = int(web.address.rpartition(":")[2])
    listening = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    hosts = {entry[1].split(":")[0] for entry in listening if entry[1].endswith(f":{port:04X}")}
    assert hosts == {"0100007F"}
