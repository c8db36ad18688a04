"""Actions as a plan leaves them: here and in the outbox, to become tasks of the tool."""

from datetime import timedelta
from typing import Any

import msgspec
from sqlmodel import select

from connectors.models import Stream, Task
from sync.store import links, outbox, retros
from sync.store.outbox import Intention
from sync.tables.outbox import LinkKind, Operation, Outbox
from sync.tables.people import Person, PersonId
from sync.tables.retros import Action, Decision, Retro
from sync.tables.runs import PUSH, Mode, Run
from tests.connectors.conformance.bench import Bench
from tests.connectors.conformance.case import Json
from tests.mirror import NOW

OWNER, RETRO = "p_mkt", "R-1"
TITLE = "Nouveau gabarit du bouton"
TEXT = "Parce que le taux de clic est faible"
DUE = NOW + timedelta(days=20)


def plan(bench: Bench, *keys: str, **changes: Any) -> None:
    """One action a key, with the write that makes its task; `changes` are of the first task."""
    tasks = bench.case.tasks
    assert tasks is not None
    people = [
        Person(id=OWNER, name="Nadia Exemple", role="marketer"),
        PersonId(person_id=OWNER, connection_id=bench.connection_id, remote_id=tasks.owner),
    ]
    retro = Retro(id=RETRO, held_at=NOW, status="open", participants=[], imported_at=NOW)
    with bench.database.writing() as session:
        retros.save_rows(session, [*people, retro, _decision()])
        retros.save_rows(session, [_action(bench, key) for key in keys])
        writes = [
            _write(bench, key, **(changes if key == keys[0] else {}), owner_there=tasks.owner)
            for key in keys
        ]
        outbox.intend(session, writes, bench.clock.now())


def push(bench: Bench) -> Run:
    """To its end, with all pauses; a write in doubt takes several slices."""
    return bench.finish(bench.queue(PUSH, Mode.PUSH))


def tasks_of(bench: Bench, key: str) -> list[Json]:
    """What the tool holds with this key."""
    assert bench.case.tasks is not None
    found = bench.account.truth(Stream.TASKS, bench.case.tasks.query)
    return [task for task in found if task.get("key") == key]


def remote_id(bench: Bench, key: str) -> str:
    with bench.database.reading() as session:
        found = links.linked_id(session, bench.connection_id, LinkKind.TASK, key)
    assert found is not None
    return found


def states(bench: Bench) -> dict[str, str]:
    with bench.database.reading() as session:
        return {row.key: row.state.value for row in session.exec(select(Outbox)).all()}


def action(bench: Bench, key: str) -> Action:
    with bench.database.reading() as session:
        return session.get_one(Action, key)


def _write(bench: Bench, key: str, *, owner_there: str, **changes: Any) -> Intention:
    values: dict[str, Any] = {
        "key": key,
        "title": TITLE,
        "description": TEXT,
        "owner": owner_there,
        "due_at": DUE,
        **changes,
    }
    payload: Json = msgspec.to_builtins(Task(**values))
    return Intention(key, bench.connection_id, Operation.CREATE_TASK, key, payload, because=[])


def _decision() -> Decision:
    return Decision(
        id="D-1",
        retro_id=RETRO,
        type="task",
        text=TEXT,
        accountable=OWNER,
        due_on=NOW.date(),
        status="open",
        details={},
        created_at=NOW,
    )


def _action(bench: Bench, key: str) -> Action:
    return Action(
        key=key,
        decision_id="D-1",
        connection_id=bench.connection_id,
        role="marketer",
        title=TITLE,
        description=TEXT,
        owner=OWNER,
        owner_reason="",
        due_at=DUE,
        status="open",
        because=[],
    )
