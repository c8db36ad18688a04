"""`retro audit`: what was there before a change by hand, and after."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from connectors.models import Stream
from sync.store import runs
from sync.store.database import Database
from sync.store.runs import Worker
from sync.tables.outbox import Operation, Outbox, OutboxState
from sync.tables.runs import Mode, Trigger
from tests.connectors.bitrix24.kit import Sandbox
from tests.workers.cli.kit import Retro
from workers.clock import machine_now


@pytest.fixture
def database(retro: Retro, portal: Sandbox) -> Iterator[Database]:
    retro.connect(portal)
    with closing(Database(f"sqlite:///{retro.home / 'retro.db'}")) as database:
        yield database


def queue(database: Database) -> int:
    with database.writing() as session:
        run = runs.queue_run(
            session,
            1,
            Stream.DEALS.value,
            mode=Mode.INCREMENTAL,
            trigger=Trigger.MANUAL,
            at=machine_now(),
        )
        assert run.id is not None
        return run.id


def test_a_pull_that_is_cancelled_while_it_waits_is_told(retro: Retro, database: Database) -> None:
    run_id = queue(database)
    assert retro("runs", "cancel", str(run_id)).status == 0
    change = retro("audit", "--json").document[0]
    assert (change["action"], change["subject"]) == ("cancel", str(run_id))
    assert change["before"] == {"status": "queued", "cancelling": False}
    assert change["after"] == {"status": "cancelled", "cancelling": False}
    assert retro("runs", "cancel", str(run_id)).status == 1
    assert [each["action"] for each in retro("audit", "--json").document].count("cancel") == 1


def test_a_pull_that_is_to_end_after_its_page_is_told(retro: Retro, database: Database) -> None:
    run_id = queue(database)
    with database.writing() as session:
        assert runs.take_run(session, run_id, Worker("here", 1), machine_now())
    assert retro("runs", "cancel", str(run_id)).status == 0
    change = retro("audit", "--json").document[0]
    assert change["before"] == {"status": "running", "cancelling": False}
    assert change["after"] == {"status": "running", "cancelling": True}


def test_each_write_that_is_sent_again_is_told(retro: Retro, database: Database) -> None:
    with database.writing() as session:
        for key, state in (("a", OutboxState.REFUSED), ("b", OutboxState.DEAD)):
            session.add(
                Outbox(
                    key=key,
                    connection_id=1,
                    operation=Operation.CREATE_TASK,
                    subject=key,
                    payload={"key": key},
                    because=[],
                    state=state,
                    planned_at=machine_now(),
                )
            )
    retro("outbox", "retry", "--all")
    change = retro("audit", "--json").document[0]
    assert (change["action"], change["subject"]) == ("outbox retry", "all")
    assert change["before"] == {"a": "refused", "b": "dead"}
    assert change["after"] == {"a": "planned", "b": "planned"}
