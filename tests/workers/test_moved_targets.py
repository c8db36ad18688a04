"""When all is done, the day of the check moves: in the tool too, unless people moved it there."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from config.settings import load_settings
from connectors.models import Stream
from sync.rehearsal import Change
from sync.store import by_hand, connections, links
from sync.tables.outbox import LinkKind, Operation, Outbox, OutboxState
from sync.tables.people import PersonId
from sync.tables.retros import Action
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.workers import company as founding
from tests.workers.cli.kit import webhook_of
from tests.workers.company import DECISION, HELD, Company
from workers.app import App, open_app
from workers.connecting import connect
from workers.followup import follow_up
from workers.pulling import pull_now, push_now
from workers.rechecks import check_due_targets
from workers.rehearsing import dry_run

KEYS = (f"{DECISION}:designer", f"{DECISION}:marketer")
ACCOUNTS = {"p_mkt": "7", "p_des": "8"}
DONE = datetime(2026, 12, 11, 15, tzinfo=UTC)
AN_HOUR = timedelta(hours=1)
# As planned, and four weeks from the day after the work was done.
PLANNED, MOVED = "2027-01-12", "2027-01-09"


@dataclass
class Team:
    """A decision under way in a portal, whose clock is business time."""

    company: Company
    portal: Sandbox
    connection_id: int

    def at(self, moment: datetime) -> App:
        body = {"now": moment.isoformat(), "running": False}
        httpx.put(f"{self.portal.base}/_sandbox/clock", json=body).raise_for_status()
        return self.company.at(moment)

    def push(self, moment: datetime) -> None:
        run = push_now(self.at(moment), self.connection_id)
        assert run.status == "succeeded", run.error

    def pull(self, moment: datetime) -> None:
        for run in pull_now(self.at(moment), "portal", [Stream.TASKS], full=True):
            assert run.status == "succeeded", run.error

    def finish_there(self, moment: datetime) -> None:
        """As the owners of the tasks, in the portal."""
        self.at(moment)
        for key in KEYS:
            self.portal.edit("tasks", self.id_of(LinkKind.TASK, key), {"set": {"STATUS": 5}})

    def id_of(self, kind: LinkKind, key: str) -> str:
        with self.company.app.database.reading() as session:
            found = links.linked_id(session, self.connection_id, kind, key)
        assert found is not None
        return found

    def item(self) -> dict[str, Any]:
        """The target as the portal holds it."""
        id_ = self.id_of(LinkKind.TARGET, self.company.target().key)
        asked = {"entityTypeId": 1038, "id": id_}
        found: dict[str, Any] = self.portal.call("crm.item.get", asked)["item"]
        return found

    def set_day_there(self, day: str) -> None:
        change = {"entityTypeId": 1038, "id": self.item()["id"], "fields": {"closedate": day}}
        self.portal.call("crm.item.update", change)

    def moves(self) -> list[Outbox]:
        return [
            row
            for row in self.company.writes()
            if row.operation is Operation.UPDATE_TARGET and row.payload["moved_from"]
        ]


@pytest.fixture
def team(tmp_path: Path) -> Iterator[Team]:
    settings = {"RETRO_HOME": str(tmp_path / "home"), "RETRO_ALLOW_PRIVATE_HOSTS": "1"}
    with sandbox(records=4) as portal:
        company = Company(open_app(load_settings(settings)))
        company.hire(**founding.ROLES)
        connect(company.app, "bitrix24", "portal", {"webhook": webhook_of(portal)})
        with company.app.database.writing() as session:
            place = connections.connection_named(session, "portal").id
            assert place is not None
            for person, account in ACCOUNTS.items():
                session.add(PersonId(person_id=person, connection_id=place, remote_id=account))
        company.mails(place, date(2026, 10, 26), 28, clicked=25)
        company.decide()
        yield Team(company, portal, place)
        company.app.close()


def test_the_day_of_the_check_moves_in_the_portal_when_all_is_done_there(team: Team) -> None:
    team.push(HELD)
    planned = team.item()
    assert planned["closedate"][:10] == PLANNED
    team.finish_there(DONE)
    team.pull(DONE + AN_HOUR)
    for minutes in (0, 15):
        follow_up(team.at(DONE + AN_HOUR + timedelta(minutes=minutes)))
    (move,) = team.moves()
    assert (move.payload["actual"], move.payload["outcome"]) == (None, None)
    assert str(team.company.target().recheck_on) == MOVED
    app = team.at(DONE + 2 * AN_HOUR)
    with app.database.reading() as session:
        portal = connections.connection_named(session, "portal")
    told = dry_run(app, portal)
    changes = {each.key: each.changes for each in told.promises}
    assert changes[move.key] == [Change("recheck_on", PLANNED, MOVED)]
    before = team.portal.requests()
    team.push(DONE + 2 * AN_HOUR)
    assert team.portal.requests() - before == len(told.calls)
    moved = team.item()
    assert moved.pop("closedate")[:10] == MOVED
    assert {name for name in moved if moved[name] != planned[name]} == {"updatedTime"}


def test_a_day_that_people_set_in_the_portal_stays(team: Team) -> None:
    team.push(HELD)
    team.set_day_there("2027-02-01")
    team.finish_there(DONE)
    team.pull(DONE + AN_HOUR)
    follow_up(team.at(DONE + AN_HOUR))
    team.push(DONE + AN_HOUR)
    (move,) = team.moves()
    before = {"recheck_on": "2027-02-01", "stays": True}
    assert (move.state, move.before) == (OutboxState.DONE, before)
    assert team.item()["closedate"][:10] == "2027-02-01"


def test_a_target_that_is_not_in_the_portal_yet_is_made_and_then_moved(team: Team) -> None:
    team.company.finish(*KEYS, at=DONE)
    follow_up(team.at(DONE + AN_HOUR))
    team.push(DONE + AN_HOUR)
    assert team.item()["closedate"][:10] == MOVED
    assert [row.state for row in team.moves()] == [OutboxState.DONE]


def test_work_that_ends_as_planned_moves_nothing(team: Team) -> None:
    as_planned = datetime(2026, 12, 14, 15, tzinfo=UTC)
    team.company.finish(*KEYS, at=as_planned)
    follow_up(team.at(as_planned + AN_HOUR))
    assert team.company.decision().status == "done_awaiting_measure"
    assert team.moves() == []


def test_work_that_is_taken_up_again_moves_the_day_again(team: Team) -> None:
    team.push(HELD)
    team.company.finish(*KEYS, at=DONE)
    follow_up(team.at(DONE + AN_HOUR))
    with team.company.app.database.writing() as session:
        action = session.get_one(Action, KEYS[0])
        action.status, action.done_at = "open", None
        session.add(action)
    follow_up(team.at(DONE + 2 * AN_HOUR))
    later = DONE + timedelta(days=7)
    team.company.finish(KEYS[0], at=later)
    follow_up(team.at(later + AN_HOUR))
    assert [(row.payload["moved_from"], row.payload["recheck_on"]) for row in team.moves()] == [
        (PLANNED, MOVED),
        (MOVED, "2027-01-16"),
    ]
    team.push(later + AN_HOUR)
    assert team.item()["closedate"][:10] == "2027-01-16"


def test_what_a_check_finds_leaves_the_day_as_it_is(team: Team) -> None:
    team.push(HELD)
    team.company.finish(*KEYS, at=DONE)
    follow_up(team.at(DONE + AN_HOUR))
    team.push(DONE + AN_HOUR)
    team.set_day_there("2027-02-01")
    team.company.mails(team.connection_id, date(2026, 12, 12), 28, clicked=30)
    due = datetime(2027, 1, 9, 8, tzinfo=UTC)
    assert check_due_targets(team.at(due)).made == 1
    team.push(due)
    found = team.item()
    assert found["closedate"][:10] == "2027-02-01"
    assert found["ufCrm7Actual"] == 0.03


def test_a_target_that_was_refused_and_let_go_is_not_moved(team: Team) -> None:
    (create,) = (each for each in team.company.writes() if each.key.startswith("target:"))
    with team.company.app.database.writing() as session:
        row = session.get_one(Outbox, create.key)
        row.state = OutboxState.REFUSED
        session.add(row)
    with team.company.app.database.writing() as session:
        assert by_hand.drop(session, create.key) is OutboxState.REFUSED
    team.company.finish(*KEYS, at=DONE)
    follow_up(team.at(DONE + AN_HOUR))
    assert str(team.company.target().recheck_on) == MOVED
    assert team.moves() == []
