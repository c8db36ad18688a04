"""The work of who left goes to somebody who is there (T13)."""

import pytest

from sync.store import outbox
from sync.tables.outbox import Operation
from sync.tables.people import Person
from tests.faults.push_case import COPYWRITER, DESIGNER
from tests.workers.two_way import LEO, TwoWay
from workers.leavers import hand_over


@pytest.mark.promise("G6")
def test_the_work_of_a_leaver_goes_to_who_is_there_and_an_admin_is_told(sides: TwoWay) -> None:
    """T13."""
    sides.edit_there(COPYWRITER, STATUS=5)
    sides.sync()
    with sides.app.database.writing() as session:
        session.get_one(Person, "p_mkt").active = False
    sides.pass_time()
    assert hand_over(sides.app, sides.now) == []
    sides.sync()
    assert (sides.action().owner, sides.task()["responsibleId"]) == ("p_des", LEO)
    assert "Nadia Exemple" in sides.action().owner_reason
    # What was done stays with who did it.
    assert sides.action(COPYWRITER).owner == "p_mkt"
    assert hand_over(sides.app, sides.now) == []
    with sides.app.database.reading() as session:
        told = [r for r in outbox.outbox_rows(session) if r.operation is Operation.COMMENT]
    assert [(row.payload["to"], row.subject) for row in told] == [("admin", DESIGNER)]


def test_without_anybody_to_take_over_an_admin_reads_what_to_do(sides: TwoWay) -> None:
    with sides.app.database.writing() as session:
        for person in ("p_mkt", "p_des"):
            session.get_one(Person, person).active = False
    problems = hand_over(sides.app, sides.now)
    assert [each.about for each in problems] == [COPYWRITER, DESIGNER]
    assert "retro action" in problems[0].message
