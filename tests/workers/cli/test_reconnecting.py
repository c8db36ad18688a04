"""`retro connect` under a name that is taken: the same account is updated, another one refused."""

from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import text

from sync.store import connections, mirror, runs
from sync.store.database import Database
from sync.tables.runs import Mode, Trigger
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.connectors.hubspot import kit as hubspot
from tests.workers.cli.kit import Answer, Retro, webhook_of
from workers.clock import machine_now


def connect(retro: Retro, portal: Sandbox, *settings: str, json: bool = False) -> Answer:
    given = [part for each in settings for part in ("--set", each)]
    webhook = webhook_of(portal)
    options = ("--secret", "webhook", *given, *(["--json"] if json else []))
    return retro("connect", "bitrix24", "portal", *options, given=f"{webhook}\n")


def modes(retro: Retro, stream: str = "leads") -> list[str]:
    answer = retro("pull", "portal", "--stream", stream, "--json")
    return [run["mode"] for run in answer.document["runs"]]


def forget_identities(retro: Retro) -> None:
    """As a database of the first release has them."""
    database = Database(f"sqlite:///{retro.home / 'retro.db'}")
    with database.writing() as session:
        session.execute(text("UPDATE connection SET identity = NULL"))
    database.close()


def begin_pull(retro: Retro) -> int:
    """A full pull of deals that has seen one; its run."""
    database = Database(f"sqlite:///{retro.home / 'retro.db'}")
    with closing(database), database.writing() as session:
        portal = connections.connection_named(session, "portal")
        assert portal.id is not None
        run = runs.queue_run(
            session, portal.id, "deals", mode=Mode.FULL, trigger=Trigger.MANUAL, at=machine_now()
        )
        session.flush()
        assert run.id is not None
        mirror.remember_seen(session, run.id, ["7"])
        return run.id


def what_is_left_of(retro: Retro, run_id: int) -> tuple[str, int]:
    """The run's status, and how many records it still remembers to have seen."""
    database = Database(f"sqlite:///{retro.home / 'retro.db'}")
    with closing(database), database.reading() as session:
        return runs.get_run(session, run_id).status.value, mirror.count_seen(session, run_id)


def zone_of(retro: Retro) -> str | None:
    database = Database(f"sqlite:///{retro.home / 'retro.db'}")
    with closing(database), database.reading() as session:
        zone: str | None = connections.connection_named(session, "crm").settings.get("time_zone")
        return zone


def test_the_zone_that_an_account_tells_is_kept_when_it_is_connected_or_checked(
    retro: Retro,
) -> None:
    with hubspot.sandbox(records=1) as account:
        given = [f"{name}={value}" for name, value in account.settings.items() if name != "token"]
        options = [part for each in given for part in ("--set", each)]
        token = f"{account.settings['token']}\n"
        assert (
            retro("connect", "hubspot", "crm", "--secret", "token", *options, given=token).status
            == 0
        )
        assert zone_of(retro) == "Europe/Paris"
        database = Database(f"sqlite:///{retro.home / 'retro.db'}")
        with closing(database), database.writing() as session:
            row = connections.connection_named(session, "crm")
            row.settings = {k: v for k, v in row.settings.items() if k != "time_zone"}
            session.add(row)
        assert zone_of(retro) is None
        assert retro("check", "crm").status == 0
        assert zone_of(retro) == "Europe/Paris"


@pytest.mark.parametrize("upgraded", [False, True])
def test_another_portal_under_the_same_name_is_refused(
    retro: Retro, portal: Sandbox, upgraded: bool
) -> None:
    retro.connect(portal)
    before = retro.connections()
    if upgraded:
        forget_identities(retro)
    with sandbox(seed=8, records=10) as other:
        answer = connect(retro, other)
    assert answer.status == 1
    assert "'portal' is connected to 127.0.0.1" in answer.sentence
    assert answer.sentence.endswith(
        "choose another name for it, or run `retro disconnect portal` first."
    )
    assert retro.connections() == before
    assert modes(retro) == ["full"]


def test_the_id_of_a_portal_may_be_added_later(retro: Retro, portal: Sandbox) -> None:
    retro.connect(portal)
    for _ in range(2):
        assert connect(retro, portal, "member_id=0f1e2d3c4b5a69788796a5b4c3d2e1f0").status == 0


def test_another_folder_under_the_same_name_is_refused(retro: Retro, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()

    def connect_folder(name: str, *more: str) -> Answer:
        return retro("connect", "files", "figures", "--set", f"folder={tmp_path / name}", *more)

    assert connect_folder("one").status == 0
    answer = connect_folder("two")
    assert (answer.status, "retro disconnect figures" in answer.sentence) == (1, True)
    again = connect_folder("one", "--set", "currency=USD")
    assert "reads everything again" in again.out


def test_settings_that_shape_records_reach_what_is_mirrored(retro: Retro, portal: Sandbox) -> None:
    assert "again" not in connect(retro, portal).out
    assert [modes(retro), modes(retro)] == [["full"], ["incremental"]]
    unmoved = connect(retro, portal, "plan=enterprise", json=True)
    assert unmoved.document["reads_again"] is False
    assert modes(retro) == ["incremental"]
    under_way = begin_pull(retro)
    told = connect(retro, portal, "qualified_stages=PROCESSED")
    assert "the next pull reads everything again" in told.out
    assert what_is_left_of(retro, under_way) == ("cancelled", 0)
    assert modes(retro) == ["full"]
    rows = {row["id"]: row for row in retro("records", "leads", "--json").document}
    truth = portal.records("leads", "?qualified=PROCESSED")
    kinds = {row["id"]: row["status_kind"] for row in truth}
    assert {id_: row["status_kind"] for id_, row in rows.items()} == kinds
    assert "qualified" in kinds.values()
    assert connect(retro, portal, "qualified_stages=PROCESSED", json=True).document == {
        "name": "portal",
        "kind": "bitrix24",
        "account": retro.connections()[0]["account"],
        "reads_again": False,
    }
