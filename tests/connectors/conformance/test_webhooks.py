"""Webhooks: hints that may come twice, late, out of order or from somebody else."""

from datetime import datetime

import pytest

from connectors.errors import AuthFailed
from connectors.models import Stream
from sync.tables.runs import RunStatus
from tests.connectors.conformance.bench import Bench
from tests.connectors.conformance.case import Hooks, Post
from tests.connectors.conformance.plans import push, tasks_of
from tests.connectors.conformance.rows import WRITING, row
from tests.connectors.conformance.test_writes import ONE, looks, pushed


def begin(bench: Bench) -> str:
    """A record that is in the mirror; its id."""
    ids = bench.fill(2)
    bench.settle()
    bench.read_all()
    bench.go_on(hours=1)
    return ids[0]


def change(bench: Bench, record_id: str, title: str) -> Post:
    """A change in the tool, and the call by which the tool tells of it."""
    bench.go_on(seconds=10)
    bench.rename(record_id, title)
    call = post(bench, bench.stream, record_id)
    bench.settle()
    return call


def post(bench: Bench, stream: Stream, record_id: str, at: datetime | None = None) -> Post:
    return hooks(bench).post(bench.settings, stream, record_id, at or bench.clock.moment)


def hooks(bench: Bench) -> Hooks:
    assert bench.case.hooks is not None
    return bench.case.hooks


@row("echo-by-webhook", WRITING, "Our own write that a webhook tells of changes nothing.")
def test_an_echo_by_webhook(bench: Bench) -> None:
    remote_id = pushed(bench)
    before = looks(bench)
    # More than one where the tool keeps in one place what is several streams to us.
    assert bench.receive(*post(bench, Stream.TASKS, remote_id)) >= 1
    assert remote_id in bench.held(Stream.TASKS)
    assert looks(bench) == before
    assert push(bench).status is RunStatus.SUCCEEDED
    assert len(tasks_of(bench, ONE)) == 1


@row("webhook-doubled", WRITING, "A webhook that comes twice is applied once.")
def test_a_doubled_webhook(bench: Bench) -> None:
    record_id = begin(bench)
    call = change(bench, record_id, "Changed")
    bench.go_on(seconds=5)
    assert [bench.receive(*call) for _ in range(2)] == [1, 0]
    assert bench.held()[record_id]["title"] == "Changed"
    assert bench.agrees()


@row("webhook-reordered", WRITING, "Webhooks out of order leave the record as it is now.")
def test_reordered_webhooks(bench: Bench) -> None:
    record_id = begin(bench)
    first, second = (change(bench, record_id, title) for title in ("First", "Second"))
    for call in (second, first):
        bench.receive(*call)
        assert bench.held()[record_id]["title"] == "Second"
    assert bench.agrees()


@row("webhook-late", WRITING, "A webhook behind the pull that read its change changes nothing.")
def test_a_late_webhook(bench: Bench) -> None:
    record_id = begin(bench)
    call = change(bench, record_id, "Changed")
    bench.read_changes()
    changes = bench.count_changes()
    bench.go_on(seconds=60)
    bench.receive(*call)
    assert bench.count_changes() == changes
    assert bench.agrees()


@row("webhook-forged", WRITING, "A webhook that is not proven to come from the tool is refused.")
def test_a_forged_webhook(bench: Bench) -> None:
    record_id = begin(bench)
    good = hooks(bench)
    forger = {**bench.settings, good.secret: "not-the-secret-of-this-account"}
    requests = len(bench.wires.sent)
    with pytest.raises(AuthFailed):
        bench.receive(*good.post(forger, bench.stream, record_id, bench.clock.moment))
    with pytest.raises(AuthFailed):
        bench.receive({}, b"")
    headers, body = change(bench, record_id, "Changed")
    assert bench.receive(headers, body) == 1
    assert len(bench.wires.sent) > requests


@row("webhook-replayed", WRITING, "A webhook that is sent again a day later is not applied again.")
def test_a_replayed_webhook(bench: Bench) -> None:
    record_id = begin(bench)
    call = change(bench, record_id, "Changed")
    bench.go_on(seconds=60)
    assert bench.receive(*call) == 1
    bench.go_on(days=1)
    requests = len(bench.wires.sent)
    assert applied(bench, call) == 0
    assert len(bench.wires.sent) == requests


def applied(bench: Bench, call: Post) -> int:
    """Tools that sign a moment refuse an old one."""
    try:
        return bench.receive(*call)
    except AuthFailed:
        return 0
