import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from workers.clock import ClockUnreachable, SandboxClock, business_clock, machine_now

MOMENT = datetime(2026, 11, 23, 9, tzinfo=UTC)


class FakeSandbox(HTTPServer):
    """Answers every question with `answer` and counts them by path."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Answers)
        self.answer = {"now": "2026-11-23T09:00:00Z", "running": False}
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/_sandbox"


class _Answers(BaseHTTPRequestHandler):
    server: FakeSandbox

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        body = json.dumps(self.server.answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def sandbox() -> Iterator[FakeSandbox]:
    server = FakeSandbox()
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_without_a_setting_it_is_the_machine_s_clock() -> None:
    before = machine_now()
    now = business_clock(None).now()
    assert before <= now <= machine_now()
    assert now.tzinfo is UTC


def test_a_moment_stands_still_and_is_told_in_utc() -> None:
    paris = timezone(timedelta(hours=1))
    clock = business_clock(MOMENT.astimezone(paris))
    assert clock.now() == clock.now() == MOMENT
    assert clock.now().tzinfo is UTC


def test_a_sandbox_tells_the_time(sandbox: FakeSandbox) -> None:
    clock = business_clock(sandbox.address)
    assert clock.now() == MOMENT
    assert clock.now().tzinfo is UTC
    assert sandbox.asked == ["/_sandbox/clock"]


def test_a_sandbox_is_asked_again_after_a_fifth_of_a_second(sandbox: FakeSandbox) -> None:
    ticks = iter([10.0, 10.19, 10.21])
    clock = SandboxClock(sandbox.address, monotonic=lambda: next(ticks))
    assert clock.now() == MOMENT
    sandbox.answer = {"now": "2026-12-01T08:00:00+01:00", "running": True}
    assert clock.now() == MOMENT
    assert clock.now() == datetime(2026, 12, 1, 7, tzinfo=UTC)
    assert len(sandbox.asked) == 2


def test_an_unreachable_sandbox_is_one_clear_error(sandbox: FakeSandbox) -> None:
    sandbox.server_close()
    with pytest.raises(ClockUnreachable, match="start it again, or unset RETRO_CLOCK") as caught:
        business_clock(sandbox.address).now()
    assert sandbox.address in str(caught.value)


@pytest.mark.parametrize("answer", [{}, {"now": None}, {"now": "soon"}, []])
def test_an_answer_without_a_moment_is_the_same_error(
    sandbox: FakeSandbox, answer: dict[str, str | bool]
) -> None:
    sandbox.answer = answer
    with pytest.raises(ClockUnreachable):
        business_clock(sandbox.address).now()


def test_a_clock_that_failed_is_asked_again(sandbox: FakeSandbox) -> None:
    good, sandbox.answer = sandbox.answer, {}
    clock = business_clock(sandbox.address)
    with pytest.raises(ClockUnreachable):
        clock.now()
    sandbox.answer = good
    assert clock.now() == MOMENT
