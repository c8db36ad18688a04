"""The work of who left goes to somebody who is there (T13)."""

from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from sync.store import by_hand, outbox
from sync.tables.agreements import Outcome
from sync.tables.outbox import Operation
from sync.tables.people import Person, PersonId
from tests.faults.push_case import COPYWRITER, DESIGNER
from tests.postgres import Postgres
from tests.workers.two_way import LEO, TwoWay, two_way
from workers import leavers
from workers.actions import Edit, edit_action, settle_conflict
from workers.leavers import hand_over


@pytest.mark.promise("G6")
def test_the_work_of_a_leaver_goes_to_who_is_there_and_an_admin_is_told(sides: TwoWay) -> None:
    """T13."""
    sides.edit_there(COPYWRITER, STATUS=5)
    sides.sync()
    leave(sides)
    sides.sync()
    assert (sides.action().owner, sides.task()["responsibleId"]) == ("p_des", LEO)
    assert "Nadia Exemple" in sides.action().owner_reason
    # What was done stays with who did it.
    assert sides.action(COPYWRITER).owner == "p_mkt"
    assert hand_over(sides.app, sides.now) == []
    with sides.app.database.reading() as session:
        told = [r for r in outbox.outbox_rows(session) if r.operation is Operation.COMMENT]
    assert [(row.payload["to"], row.subject) for row in told] == [("admin", DESIGNER)]


def test_who_takes_over_is_asked_about_a_task_that_is_gone_and_is_given_it_when_it_is_made_again(
    sides: TwoWay,
) -> None:
    sides.delete_there()
    sides.pull()
    (conflict,) = sides.conflicts()
    leave(sides)
    assert conflict.id is not None
    settle_conflict(sides.app, conflict.id, Outcome.OURS)
    sides.push()
    assert (sides.action().owner, sides.task()["responsibleId"]) == ("p_des", LEO)


def test_a_task_that_was_taken_back_is_made_again_for_who_took_over(sides: TwoWay) -> None:
    sides.take_back()
    leave(sides)
    with sides.app.database.writing() as session:
        assert by_hand.retry(session, DESIGNER)
    sides.push()
    assert (sides.action().owner, sides.task()["responsibleId"]) == ("p_des", LEO)


def test_a_task_that_was_left_lost_stays_with_its_owner(sides: TwoWay) -> None:
    sides.delete_there()
    sides.pull()
    (conflict,) = sides.conflicts()
    assert conflict.id is not None
    settle_conflict(sides.app, conflict.id, Outcome.THEIRS)
    leave(sides)
    assert (sides.action().owner, sides.action(COPYWRITER).owner) == ("p_mkt", "p_des")


def leave(sides: TwoWay) -> None:
    with sides.app.database.writing() as session:
        session.get_one(Person, "p_mkt").active = False
    sides.pass_time()
    assert hand_over(sides.app, sides.now) == []


@pytest.mark.promise("G6")
def test_an_edit_that_is_made_during_a_hand_over_stands(
    home: Path, postgres_server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On PostgreSQL, where two of them can be under way."""
    with ExitStack() as stack:
        lent = stack.enter_context(postgres_server.lent_database())
        sides = stack.enter_context(two_way(home, RETRO_DATABASE_URL=lent.url))
        with sides.app.database.writing() as session:
            session.add(Person(id="p_sue", name="Sue", role="writer"))
            session.flush()
            account = PersonId(person_id="p_sue", connection_id=sides.connection_id, remote_id="9")
            session.add(account)
            session.get_one(Person, "p_mkt").active = False
        sides.pass_time()
        wanted = Edit(title="Le sien", owner="p_sue")
        edit = Thread(target=edit_action, args=(sides.app, DESIGNER, wanted))
        kept = leavers.keep

        def keep_slowly(*given: Any, **more: Any) -> Any:
            if edit.ident is None:
                stack.callback(edit.join)
                edit.start()
                # It waits for what we hold, or is through.
                edit.join(1.0)
            return kept(*given, **more)

        monkeypatch.setattr(leavers, "keep", keep_slowly)
        hand_over(sides.app, sides.now)
        edit.join()
        action = sides.action()
        assert (action.owner, action.title) == ("p_sue", "Le sien")
        assert {*(action.edited or {})} == {"owner", "title"}


def test_without_anybody_to_take_over_an_admin_reads_what_to_do(sides: TwoWay) -> None:
    with sides.app.database.writing() as session:
        for person in ("p_mkt", "p_des"):
            session.get_one(Person, person).active = False
    problems = hand_over(sides.app, sides.now)
    assert [each.about for each in problems] == [COPYWRITER, DESIGNER]
    assert "retro action" in problems[0].message
