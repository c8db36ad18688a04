"""Rows for the page, put in through the store."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

from pydantic import SecretStr
from sqlmodel import Session

from connectors.bitrix24.config import Bitrix24Config
from sync.store import connections, retros, runs
from sync.store.runs import Progress, Worker
from sync.tables.connections import Connection, ConnectionState
from sync.tables.people import Person
from sync.tables.retros import Action, Check, Decision, Retro, Target
from sync.tables.runs import Mode, Run, RunStatus, Trigger
from workers.app import App

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
WEBHOOK = "https://portal.example/rest/1/a1b2c3d4e5f6g7h8/"
TOKEN = "apptok-of-the-tests"
BROKEN = {
    "kind": "AuthFailed",
    "message": "The portal does not accept the webhook.",
    "who": "admin",
    "next_step": "Make a new webhook and connect again with it.",
    "blocks": ["decision D-email-ctr", "KPI transactional_email_click_rate"],
}


def save_portal(app: App, name: str = "portal", token: str | None = TOKEN) -> int:
    """A Bitrix24 connection; its id."""
    config = Bitrix24Config(
        webhook=SecretStr(WEBHOOK), application_token=SecretStr(token) if token else None
    )
    with app.database.writing() as session:
        row = connections.save_connection(
            session,
            app.vault,
            kind="bitrix24",
            name=name,
            config=config,
            account="portal.example, user 1",
            sandbox=False,
            at=NOW,
        )
        assert row.id is not None
        return row.id


def break_connection(session: Session, connection_id: int) -> None:
    row = session.get_one(Connection, connection_id)
    row.state, row.error = ConnectionState.BROKEN, BROKEN
    session.add(row)


def queue(
    session: Session,
    connection_id: int,
    stream: str,
    at: datetime = NOW,
    mode: Mode = Mode.FULL,
    trigger: Trigger = Trigger.SCHEDULE,
) -> Run:
    return runs.queue_run(session, connection_id, stream, mode=mode, trigger=trigger, at=at)


def finished(
    session: Session,
    connection_id: int,
    stream: str,
    progress: Progress,
    at: datetime = NOW,
    *,
    mode: Mode = Mode.FULL,
    status: RunStatus = RunStatus.SUCCEEDED,
    **end: Any,
) -> None:
    """A run from its queue to its end, `at`; the rest goes to `runs.finish`."""
    run = queue(session, connection_id, stream, at, mode)
    assert run.id is not None
    lease = runs.take_run(session, run.id, Worker("worker-1.example", 4711), at)
    assert lease is not None
    runs.advance(session, lease, progress, at)
    runs.finish(session, lease, status, at, seconds=6.14, **end)


def certificate(remote: int, mirror: int, held_back: int = 0) -> dict[str, Any]:
    return {
        "remote_count": remote,
        "mirror_count": mirror,
        "ids_match": remote == mirror,
        "set_aside": 2,
        "hidden": 0,
        "held_back": held_back,
    }


def save_decision(
    app: App,
    connection_id: int,
    *,
    number: int = 1,
    text: str = "nouveau gabarit du bouton",
    status: str = "at_risk",
    due_on: date = date(2026, 12, 14),
) -> None:
    """A decision with three tasks, one of them done, and a target that was checked twice."""
    key = f"D-{number}"
    with app.database.writing() as session:
        retros.save_rows(
            session,
            [
                Person(id="p_mkt", name="Ève Lambertin", role="Marketer"),
                Person(id="p_des", name="Loup Tavernelle", role="Designer"),
                Retro(
                    id="R-2026-11-23", held_at=NOW, status="open", participants=[], imported_at=NOW
                ),
                Decision(
                    id=key,
                    retro_id="R-2026-11-23",
                    type="improve_kpi",
                    text=text,
                    kpi="transactional_email_click_rate",
                    accountable="p_mkt",
                    due_on=due_on,
                    status=status,
                    details={},
                    created_at=NOW + timedelta(minutes=number),
                ),
                *(
                    _action(key, connection_id, role, status)
                    for role, status in (
                        ("designer", "done"),
                        ("copywriter", "in_progress"),
                        ("marketer", "open"),
                    )
                ),
                _target(key, connection_id),
                Check(
                    target_key=f"{key}:target",
                    checked_at=NOW - timedelta(days=7),
                    verdict="an earlier verdict",
                    message="",
                    figures={},
                ),
                Check(
                    target_key=f"{key}:target",
                    checked_at=NOW,
                    verdict="improved; target met on the point estimate, not proven",
                    message="+16.0 % (95 % CI +7.6 % to +25.0 %)",
                    figures={
                        "messages": {"fr": "+16,0 % (IC 95 % +7,6 % à +25,0 %)"},
                        "verdicts": {"fr": "amélioré"},
                    },
                ),
            ],
        )


def _action(decision: str, connection_id: int, role: str, status: str) -> Action:
    return Action(
        key=f"{decision}:{role}",
        decision_id=decision,
        connection_id=connection_id,
        role=role,
        title="[Retro R-2026-11-23] nouveau gabarit du bouton",
        description="",
        owner="p_des",
        owner_reason="role",
        due_at=datetime(2026, 12, 14, 17, 0, tzinfo=UTC),
        status=status,
        because=[],
    )


def _target(decision: str, connection_id: int) -> Target:
    return Target(
        key=f"{decision}:target",
        decision_id=decision,
        connection_id=connection_id,
        kpi="transactional_email_click_rate",
        slice={"campaign": "Transactionnels"},
        baseline_start=date(2026, 10, 26),
        baseline_end=date(2026, 11, 23),
        baseline_numerator=1205,
        baseline_denominator=48210,
        baseline_complete=False,
        definition_version=1,
        relative=0.15,
        target_value=0.028744,
        status="unproven",
        recheck_on=date(2027, 1, 15),
        frozen_at=NOW,
        because=[],
    )


def fill(app: App) -> None:
    """Everything the page can show: two connections, runs in every state, three decisions."""
    portal, files = save_portal(app), save_portal(app, "mail-figures-of-the-agency")
    now = datetime.now(UTC)
    with app.database.writing() as session:
        break_connection(session, files)
        finished(
            session,
            portal,
            "deals",
            Progress(read=100_000, created=100_000, set_aside=2, requests=41),
            now - timedelta(minutes=12),
            complete=True,
            certificate=certificate(100_000, 100_000),
        )
        finished(
            session,
            portal,
            "leads",
            Progress(read=3000, updated=12, unchanged=2988, requests=5),
            now - timedelta(minutes=11),
            status=RunStatus.INCOMPLETE,
            complete=False,
            certificate=certificate(3000, 2970, held_back=30),
        )
        finished(
            session,
            portal,
            "push",
            Progress(read=4, created=3, set_aside=1, requests=9),
            now - timedelta(minutes=10),
            mode=Mode.PUSH,
        )
        finished(
            session,
            files,
            "email_stats",
            Progress(requests=1),
            now - timedelta(minutes=9),
            mode=Mode.INCREMENTAL,
            status=RunStatus.FAILED,
            error=BROKEN,
        )
        _unfinished(session, portal, now)
    save_decision(app, portal)
    save_decision(app, portal, number=2, status="accepted", due_on=date(2020, 1, 2))
    save_decision(app, portal, number=3, status="measured")


def _unfinished(session: Session, connection_id: int, now: datetime) -> None:
    queue(session, connection_id, "contacts", now - timedelta(hours=1), trigger=Trigger.MANUAL)
    queue(session, connection_id, "people", now, trigger=Trigger.HOOK)
    lost = queue(session, connection_id, "activities", now - timedelta(minutes=5))
    waiting = queue(session, connection_id, "stage_changes", now - timedelta(minutes=4))
    running = queue(session, connection_id, "tasks", now - timedelta(minutes=3))
    assert lost.id is not None
    assert waiting.id is not None
    assert running.id is not None
    worker = Worker("worker-1.example", 4712)
    runs.take_run(session, lost.id, worker, now - timedelta(minutes=4))
    runs.take_run(session, running.id, worker, now)
    lease = runs.take_run(session, waiting.id, worker, now)
    assert lease is not None
    runs.release(session, lease, now, seconds=1.0, waiting_until=now + timedelta(minutes=10))
