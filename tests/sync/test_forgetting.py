"""A connection that is forgotten takes everything of its own along, and nothing of a decision."""

from datetime import date, timedelta

import pytest
from sqlalchemy import func, select
from sqlmodel import Session

from connectors.models import Stream
from sync.store import connections, runs, schedules
from sync.store.connections import StillNeeded
from sync.store.database import Database
from sync.store.schedules import Timing
from sync.tables import metadata
from sync.tables.connections import Connection, Cursor
from sync.tables.mirror import Change
from sync.tables.outbox import Link, Operation, Outbox
from sync.tables.people import Person, PersonId
from sync.tables.retros import Action, Decision, Retro, Target
from sync.tables.runs import HeldDelete, HookEvent, Mode, RunSeen, SetAside, Trigger
from tests.sync.conftest import NOW
from tests.sync.test_measures import form, lead


def rows_of(session: Session, connection_id: int) -> dict[str, int]:
    found = {}
    for table in metadata.sorted_tables:
        if "connection_id" in table.c:
            count = session.execute(
                select(func.count())
                .select_from(table)
                .where(table.c.connection_id == connection_id)
            ).scalar_one()
            if count:
                found[table.name] = count
    return found


def fill(session: Session, connection_id: int) -> None:
    run = runs.queue_run(
        session,
        connection_id,
        "deals",
        mode=Mode.FULL,
        trigger=Trigger.MANUAL,
        at=NOW,
    )
    assert run.id is not None
    session.merge(Person(id="p_mkt", name="Nadia", role="Marketer"))
    session.flush()
    schedules.set_schedule(
        session, connection_id, "deals", Timing(every=timedelta(minutes=15)), NOW
    )
    session.add_all(
        [
            RunSeen(run_id=run.id, record_id="1"),
            SetAside(
                connection_id=connection_id,
                stream="deals",
                record_id="1",
                run_id=run.id,
                reason="r",
                raw="{}",
                seen_at=NOW,
            ),
            HeldDelete(
                connection_id=connection_id,
                stream="deals",
                record_id="2",
                run_id=run.id,
                seen_at=NOW,
            ),
            Change(
                connection_id=connection_id,
                stream="deals",
                record_id="1",
                field="title",
                seen_at=NOW,
                run_id=run.id,
            ),
            Cursor(connection_id=connection_id, stream="deals", partition="*"),
            HookEvent(
                connection_id=connection_id,
                stream=Stream.TASKS,
                record_ids=["1"],
                dedupe="d",
                received_at=NOW,
            ),
            PersonId(person_id="p_mkt", connection_id=connection_id, remote_id="7"),
            Outbox(
                key=f"k{connection_id}",
                connection_id=connection_id,
                operation=Operation.COMMENT,
                subject="s",
                payload={},
                because=[],
                planned_at=NOW,
            ),
            Link(
                connection_id=connection_id,
                kind="task",
                key="k",
                remote_id="1",
                base={},
                linked_at=NOW,
            ),
            form(connection_id, "C"),
            lead(connection_id, 1, "C"),
        ]
    )


def test_everything_of_a_connection_goes_and_nothing_of_another(
    database: Database, connection_id: int
) -> None:
    with database.writing() as session:
        other = Connection(name="b", kind="bitrix24", settings={}, secrets=b"", created_at=NOW)
        session.add(other)
        session.flush()
        assert other.id is not None
        fill(session, connection_id)
        fill(session, other.id)
    with database.writing() as session:
        kept = rows_of(session, other.id)
        assert len(kept) >= 9
        connections.forget_connection(session, connection_id)
    with database.reading() as session:
        assert rows_of(session, connection_id) == {}
        assert rows_of(session, other.id) == kept
        assert [row.name for row in connections.all_connections(session)] == ["b"]
        assert session.get(Person, "p_mkt") is not None


@pytest.mark.parametrize("pushed", ["action", "target"])
def test_a_connection_with_decisions_is_kept_and_the_step_that_is_named_exists(
    database: Database, connection_id: int, pushed: str
) -> None:
    with database.writing() as session:
        session.add(Person(id="p_mkt", name="Nadia", role="Marketer"))
        session.add(Retro(id="R", held_at=NOW, status="open", participants=[], imported_at=NOW))
        session.flush()
        session.add(
            Decision(
                id="D-1",
                retro_id="R",
                type="task",
                text="",
                accountable="p_mkt",
                due_on=date(2026, 12, 1),
                status="accepted",
                details={},
                created_at=NOW,
            )
        )
        session.flush()
        session.add(action(connection_id) if pushed == "action" else target(connection_id))
    with database.writing() as session, pytest.raises(StillNeeded) as kept:
        connections.forget_connection(session, connection_id)
    assert "D-1" in str(kept.value)
    assert "retro schedule portal --off" in str(kept.value)


def action(connection_id: int) -> Action:
    return Action(
        key="D-1:marketer",
        decision_id="D-1",
        connection_id=connection_id,
        role="marketer",
        title="",
        description="",
        owner="p_mkt",
        owner_reason="",
        due_at=NOW,
        status="open",
        because=[],
    )


def target(connection_id: int) -> Target:
    return Target(
        key="D-1:click_rate",
        decision_id="D-1",
        connection_id=connection_id,
        kpi="click_rate",
        slice={},
        baseline_start=date(2026, 10, 1),
        baseline_end=date(2026, 10, 29),
        baseline_numerator=1,
        baseline_denominator=2,
        baseline_complete=True,
        definition_version=1,
        relative=0.1,
        target_value=0.55,
        status="open",
        frozen_at=NOW,
        because=[],
    )
