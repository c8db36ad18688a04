"""What need not go out one by one: the newest state of a task is sent once, in its order."""

import pytest

from sync.store import outbox
from sync.store.database import Database
from sync.store.outbox import Intention, PutOff
from sync.tables.outbox import Operation, Outbox, OutboxState
from tests.sync.conftest import NOW

CREATE, UPDATE, COMMENT = Operation.CREATE_TASK, Operation.UPDATE_TASK, Operation.COMMENT
PLAN = {"key": "a", "title": "first", "description": "", "tags": ["ours"]}


def intend(database: Database, connection_id: int, *writes: tuple[str, Operation, str]) -> None:
    with database.writing() as session:
        outbox.intend(
            session,
            [
                Intention(key, connection_id, operation, "a", {**PLAN, "title": title}, [])
                for key, operation, title in writes
            ],
            NOW,
        )


def sent(database: Database, connection_id: int) -> list[tuple[str, str]]:
    """Key and title of what goes out, in order, when each is delivered at once."""
    found = []
    while True:
        with database.writing() as session:
            claimed = outbox.claim(session, connection_id, NOW)
            if claimed is None:
                return found
            found.append((claimed.intention.key, claimed.intention.payload["title"]))
            outbox.note_done(session, claimed.intention.key, 1, NOW)


def row(database: Database, key: str) -> Outbox:
    with database.reading() as session:
        return session.get_one(Outbox, key)


def test_of_several_updates_the_latest_goes_out_and_the_others_say_with_which(
    database: Database, connection_id: int
) -> None:
    intend(database, connection_id, *((f"u{n}", UPDATE, f"title {n}") for n in range(4)))
    assert sent(database, connection_id) == [("u3", "title 3")]
    earlier = [row(database, f"u{n}") for n in range(3)]
    assert {(each.state, each.superseded_by) for each in earlier} == {
        (OutboxState.SUPERSEDED, "u3")
    }
    with database.reading() as session:
        assert not outbox.has_unsent(session, connection_id)


def test_a_comment_between_two_updates_keeps_its_place(
    database: Database, connection_id: int
) -> None:
    intend(
        database,
        connection_id,
        ("u0", UPDATE, "old"),
        ("u1", UPDATE, "new"),
        ("c", COMMENT, "said"),
        ("u2", UPDATE, "newest"),
    )
    assert sent(database, connection_id) == [("u1", "new"), ("c", "said"), ("u2", "newest")]


def test_an_update_of_what_was_never_tried_goes_out_with_the_create(
    database: Database, connection_id: int
) -> None:
    """The tags of a create are its own: an update does not write any."""
    intend(database, connection_id, ("make", CREATE, "first"))
    with database.writing() as session:
        bare = {"key": "a", "title": "second", "description": "why", "tags": []}
        outbox.intend(session, [Intention("u", connection_id, UPDATE, "a", bare, [])], NOW)
    assert sent(database, connection_id) == [("make", "second")]
    assert row(database, "make").payload == {**PLAN, "title": "second", "description": "why"}
    assert row(database, "u").superseded_by == "make"


@pytest.mark.promise("G5")
def test_a_create_that_was_tried_keeps_its_words(database: Database, connection_id: int) -> None:
    """A tool that knows its key would take other words for another write."""
    intend(database, connection_id, ("make", CREATE, "first"))
    with database.writing() as session:
        assert outbox.claim(session, connection_id, NOW)
        why = PutOff(told={}, may_exist=True, not_before=None, attempts=0, waits=1, at=NOW)
        outbox.note_put_off(session, "make", why)
    intend(database, connection_id, ("u", UPDATE, "second"))
    assert sent(database, connection_id) == [("make", "first"), ("u", "second")]
