"""Runs as the page shows them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sync.progress import Estimate, estimate
from sync.tables.runs import ACTIVE_STATUSES, PUSH, Run, RunStatus
from web.trouble import Trouble, to_trouble

# A living worker takes a queued run within seconds.
UNCLAIMED_AFTER = timedelta(minutes=2)

Note = Literal["queued", "unclaimed", "waiting", "orphaned"]


@dataclass(frozen=True)
class CertificateView:
    """What a full pull proved; `findings` are (word, how many) beside the two counts."""

    complete: bool
    remote: int
    mirror: int
    ids_match: bool
    findings: Sequence[tuple[str, int]]

    @property
    def held_back(self) -> bool:
        return any(word == "held_back" for word, _ in self.findings)


@dataclass(frozen=True)
class RunView:
    """`counts` are (word, how many). `note` says what a run waits for, `cancelling` that it was
    asked to end; `progress` is that of a pull under way."""

    id: int
    connection: str
    stream: str
    mode: str
    trigger: str
    status: str
    counts: Sequence[tuple[str, int]]
    certificate: CertificateView | None
    host: str | None
    pid: int | None
    queued_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    waiting_until: datetime | None
    seconds: float
    note: Note | None
    cancelling: bool
    progress: Estimate | None
    trouble: Trouble | None


def to_run(run: Run, connection: str, now: datetime) -> RunView:
    """`now` is machine time."""
    return RunView(
        id=run.id or 0,
        connection=connection,
        stream=run.stream,
        mode=run.mode.value,
        trigger=run.trigger.value,
        status=run.status.value,
        counts=tuple(_counts(run)),
        certificate=_certificate(run.certificate, run.complete),
        host=run.host,
        pid=run.pid,
        queued_at=run.queued_at,
        started_at=run.started_at,
        ended_at=run.ended_at,
        waiting_until=run.waiting_until,
        seconds=run.seconds,
        note=_note(run, now),
        cancelling=run.cancel and run.status in ACTIVE_STATUSES,
        progress=estimate(run, now),
        trouble=to_trouble(run.error),
    )


def _counts(run: Run) -> Iterator[tuple[str, int]]:
    """What was read always, the rest where there is some."""
    pushed = run.stream == PUSH
    yield ("handled" if pushed else "read"), run.read
    for word, n in (
        ("created", run.created),
        ("updated", run.updated),
        ("unchanged", run.unchanged),
        ("deleted", run.deleted),
        ("refused" if pushed else "set_aside", run.set_aside),
        ("requests", run.requests),
    ):
        if n:
            yield word, n


def _certificate(given: Mapping[str, Any] | None, complete: bool | None) -> CertificateView | None:
    if given is None:
        return None
    findings = (
        (word, int(given.get(word, 0))) for word in ("set_aside", "hidden", "held_back", "kept")
    )
    return CertificateView(
        complete=bool(complete),
        remote=int(given["remote_count"]),
        mirror=int(given["mirror_count"]),
        ids_match=bool(given["ids_match"]),
        findings=tuple((word, n) for word, n in findings if n),
    )


def _note(run: Run, now: datetime) -> Note | None:
    if run.status is RunStatus.QUEUED:
        forgotten = run.started_at is None and now - run.queued_at > UNCLAIMED_AFTER
        return "unclaimed" if forgotten else "queued"
    if run.status is RunStatus.WAITING and run.waiting_until is not None:
        return "waiting"
    if run.status is RunStatus.RUNNING and run.lease_until is not None and run.lease_until < now:
        return "orphaned"
    return None
