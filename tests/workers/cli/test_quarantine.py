"""`retro quarantine`: what waits for a person, and how it is settled."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from connectors.models import Stream
from connectors.port import RefusedRecord
from sync.store import cursors
from sync.store.database import Database
from sync.store.mirror import Feed
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.workers.cli.kit import Retro
from workers.clock import machine_now


@pytest.fixture
def own() -> Iterator[Sandbox]:
    with sandbox(seed=11, records=60) as running:
        yield running


def delete_many(retro: Retro, portal: Sandbox) -> str:
    """The id under which the deletes wait."""
    retro.connect(portal)
    retro("pull", "portal", "--stream", "deals")
    for record in sorted(portal.records("deals"), key=lambda one: int(one["id"]))[:20]:
        portal.edit("deals", record["id"], {"delete": True})
    assert retro("pull", "portal", "--stream", "deals", "--full").status == 3
    (held,) = retro("quarantine", "--json").document
    assert (held["kind"], held["stream"], len(held["records"])) == ("deletes", "deals", 20)
    return str(held["id"])


def alive(retro: Retro) -> int:
    rows = retro("records", "deals", "--json").document
    return sum(row["deleted_at"] is None for row in rows)


@pytest.mark.promise("G4")
@pytest.mark.parametrize(("word", "left"), [("accept", 40), ("drop", 60)])
def test_held_back_deletes_are_accepted_or_dropped(
    retro: Retro, own: Sandbox, word: str, left: int
) -> None:
    waiting = delete_many(retro, own)
    assert retro("quarantine").status == 3
    seen = {each["found"] for each in retro("doctor", "--json").document}
    assert "20 deletes that were held back: retro quarantine" in seen
    settled = retro("quarantine", word, waiting, "--json")
    assert (settled.status, settled.document) == (0, [])
    change = retro("audit", "--json").document[0]
    assert (change["action"], change["subject"]) == (f"quarantine {word}", waiting)
    before = change["before"]
    assert (before["connection"], before["stream"]) == ("portal", "deals")
    assert before["waiting"] == 20
    assert change["after"] == ({"deleted": 20} if word == "accept" else {"kept": 20})
    again = retro("pull", "portal", "--stream", "deals", "--full", "--json")
    assert (again.status, again.document["runs"][0]["complete"]) == (0, True)
    assert alive(retro) == left
    missing = retro("quarantine", word, waiting)
    assert (missing.status, missing.sentence) == (1, f"No deletes wait under {waiting}.")


@pytest.mark.promise("G12")
def test_a_record_that_was_set_aside_is_read_again_when_it_was_corrected(
    retro: Retro, own: Sandbox
) -> None:
    retro.connect(own)
    bad = own.records("deals")[7]["id"]
    own.edit("deals", bad, {"set": {"opportunity": 33.333333}})
    assert retro("pull", "portal", "--stream", "deals").status == 3
    (waiting,) = retro("quarantine", "--json").document
    assert (waiting["kind"], waiting["record"]) == ("record", str(bad))
    still = retro("quarantine", "accept", str(waiting["id"]), "--json")
    assert (still.status, [row["id"] for row in still.document]) == (3, [waiting["id"]])
    own.edit("deals", bad, {"set": {"opportunity": 33.33}})
    taken = retro("quarantine", "accept", str(waiting["id"]), "--json")
    assert (taken.status, taken.document) == (0, [])
    amounts = {row["id"]: row["amount"] for row in retro("records", "deals", "--json").document}
    assert float(amounts[str(bad)]) == 33.33
    taken_now, refused_again = retro("audit", "--json").document[:2]
    told = {"connection": "portal", "stream": "deals", "record": str(bad), "state": "set aside"}
    assert (refused_again["before"], refused_again["after"]) == (told, {"state": "set aside"})
    assert (taken_now["before"], taken_now["after"]) == (told, {"state": "taken"})


def test_a_record_that_is_dropped_is_told_in_the_audit(retro: Retro, own: Sandbox) -> None:
    retro.connect(own)
    bad = own.records("deals")[7]["id"]
    own.edit("deals", bad, {"set": {"opportunity": 33.333333}})
    retro("pull", "portal", "--stream", "deals")
    (waiting,) = retro("quarantine", "--json").document
    assert retro("quarantine", "drop", str(waiting["id"]), "--json").document == []
    change = retro("audit", "--json").document[0]
    assert (change["action"], change["subject"]) == ("quarantine drop", str(waiting["id"]))
    told = {"connection": "portal", "stream": "deals", "record": str(bad), "state": "set aside"}
    assert (change["before"], change["after"]) == (told, {"state": "forgotten"})


@pytest.mark.promise("G12")
def test_a_record_without_an_id_is_not_asked_for_by_its_reason(retro: Retro, own: Sandbox) -> None:
    retro.connect(own)
    (run,) = retro("pull", "portal", "--stream", "deals", "--json").document["runs"]
    reason = "Expected `int`, got `null` - at `$.id`"
    database = Database(f"sqlite:///{retro.home / 'retro.db'}")
    lost = RefusedRecord(None, reason, "{}")
    with closing(database), database.writing() as session:
        cursors.set_aside(
            session, Feed(1, Stream.DEALS), [lost], run_id=run["run"], at=machine_now()
        )
    (waiting,) = retro("quarantine", "--json").document
    before = own.requests()
    refused = retro("quarantine", "accept", str(waiting["id"]))
    assert (refused.status, own.requests()) == (1, before)
    assert "has no id" in refused.sentence
    assert [row["reason"] for row in retro("quarantine", "--json").document] == [reason]


def test_what_is_asked_wrongly_is_told(retro: Retro) -> None:
    assert retro("quarantine", "accept").status == 2
    assert "is no id" in retro("quarantine", "drop", "x").sentence
    assert retro("quarantine", "accept", "7").sentence == "No record was set aside under 7."
    assert retro("quarantine", "drop", "7").sentence == "No record was set aside under 7."
