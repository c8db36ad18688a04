"""An error says who can repair it, the one step to take, and what waits for it (G16)."""

from collections.abc import Iterator

import pytest

from connectors.errors import AuthFailed, ConnectorError, RateLimited
from connectors.models import ActionStatus
from sync import health
from sync.store.database import Database
from sync.tables.retros import Action, Target
from tests.faults.push_case import COPYWRITER, DESIGNER, plan_behind
from tests.sync.conftest import NOW

WHO = {"admin", "developer", "editor", "nobody"}
DECISION = "D-email-ctr"


def leaves(kind: type[ConnectorError]) -> Iterator[type[ConnectorError]]:
    for each in kind.__subclasses__():
        if each.__module__ == ConnectorError.__module__:
            yield from leaves(each) if each.__subclasses__() else (each,)


def target(connection_id: int | None, kpi: str, status: str) -> Target:
    return Target(
        key=f"{kpi}-{connection_id}",
        decision_id=DECISION,
        connection_id=connection_id,
        kpi=kpi,
        slice={},
        baseline_start=NOW.date(),
        baseline_end=NOW.date(),
        baseline_numerator=1,
        baseline_denominator=40,
        baseline_complete=True,
        definition_version=1,
        relative=0.15,
        target_value=0.03,
        status=status,
        frozen_at=NOW,
        because=[],
    )


@pytest.mark.promise("G16")
@pytest.mark.parametrize("kind", [*leaves(ConnectorError)], ids=lambda kind: kind.__name__)
def test_each_error_says_who_can_repair_it_and_one_step(
    database: Database, connection_id: int, kind: type[ConnectorError]
) -> None:
    error = RateLimited("no", retry_after=1.0) if kind is RateLimited else kind("no")
    with database.reading() as session:
        told = health.describe(session, connection_id, error)
    assert (told["kind"], told["message"], told["who"]) == (kind.__name__, "no", kind.who)
    assert told["who"] in WHO
    assert told["next_step"] == kind.next_step
    assert kind.next_step.endswith(".")
    assert kind.next_step != ConnectorError.next_step


@pytest.mark.promise("G16")
def test_an_error_names_the_decisions_and_the_kpis_that_wait_for_its_connection(
    database: Database, connection_id: int
) -> None:
    with database.writing() as session:
        plan_behind(session, connection_id)
        session.add(target(connection_id, "click_rate", "open"))
        session.add(target(connection_id, "win_rate", "met"))
        session.add(target(None, "form_completion", "open"))
        told = health.describe(session, connection_id, AuthFailed("no"))
        assert told["blocks"] == ["KPI click_rate", f"decision {DECISION}"]
        assert health.describe_write(session, "D-2:designer", AuthFailed("no"))["blocks"] == []
        told = health.describe_write(session, DESIGNER, AuthFailed("no"))
        assert told["blocks"] == [f"decision {DECISION}"]
        for key in (DESIGNER, COPYWRITER):
            session.get_one(Action, key).status = ActionStatus.DONE.value
        assert health.blocks(session, connection_id) == ["KPI click_rate"]
