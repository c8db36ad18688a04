"""Activities, people and tasks in our words, and the documented rows."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from connectors.bitrix24 import listings
from connectors.bitrix24.keyset import Listing
from connectors.models import (
    Account,
    Activity,
    ActivityKind,
    RemoteTask,
    TaskStatus,
)
from tests.connectors.bitrix24.kit import one

ACTIVITY = {
    "ID": "4001",
    "OWNER_TYPE_ID": "1",
    "OWNER_ID": "501",
    "TYPE_ID": "2",
    "DIRECTION": "2",
    "CREATED": "2026-08-18T09:31:40+03:00",
    "START_TIME": "2026-08-18T09:30:02+03:00",
    "COMPLETED": "Y",
    "RESPONSIBLE_ID": "7",
    "LAST_UPDATED": "2026-08-18T09:31:40+03:00",
}
TASK = {
    "id": "3711",
    "title": "Cut weak keywords",
    "description": "",
    "status": "5",
    "responsibleId": "7",
    "deadline": "2026-08-31T18:00:00+03:00",
    "closedDate": "2026-08-20T13:30:00+03:00",
    "createdDate": "2026-08-20T13:02:00+03:00",
    "changedDate": "2026-08-20T13:30:00+03:00",
    "xmlId": "rr-9f21c0",
    "ufRetroKey": "rr-9f21c0",
    "tags": {"35": {"id": 35, "title": "retro-roi"}},
}
PLAIN_LEADS = listings.leads(frozenset(), {})
DEALS = listings.deals({})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, (ActivityKind.CALL, True, "2026-08-18T06:30:02+00:00")),
        ({"COMPLETED": "N"}, (ActivityKind.CALL, True, None)),
        ({"START_TIME": ""}, (ActivityKind.CALL, True, "2026-08-18T06:31:40+00:00")),
        ({"DIRECTION": "1"}, (ActivityKind.CALL, False, "2026-08-18T06:30:02+00:00")),
        ({"TYPE_ID": 4}, (ActivityKind.EMAIL, True, "2026-08-18T06:31:40+00:00")),
        (
            {"TYPE_ID": 4, "COMPLETED": "N", "DIRECTION": 1},
            (ActivityKind.EMAIL, False, "2026-08-18T06:31:40+00:00"),
        ),
        ({"TYPE_ID": 1, "DIRECTION": 0}, (ActivityKind.MEETING, True, "2026-08-18T06:30:02+00:00")),
        ({"TYPE_ID": 1, "DIRECTION": 0, "COMPLETED": "N"}, (ActivityKind.MEETING, False, None)),
        ({"TYPE_ID": 6}, (ActivityKind.OTHER, True, "2026-08-18T06:31:40+00:00")),
        ({"TYPE_ID": 6, "COMPLETED": "N"}, (ActivityKind.OTHER, True, None)),
    ],
)
def test_an_activity_happened_when_it_started_and_not_while_it_is_planned(
    change: Mapping[str, Any], expected: tuple[ActivityKind, bool, str | None]
) -> None:
    activity = one(listings.ACTIVITIES, {**ACTIVITY, **change})
    assert isinstance(activity, Activity)
    at = activity.at.isoformat() if activity.at else None
    assert (activity.kind, activity.outbound, at) == expected


@pytest.mark.quirk(19)
def test_a_start_without_an_offset_is_refused_not_guessed() -> None:
    assert "offset" in one(listings.ACTIVITIES, ACTIVITY | {"START_TIME": "2026-10-25T02:30:00"})


def test_activities_of_others_than_leads_and_deals_are_left_out() -> None:
    assert one(listings.ACTIVITIES, ACTIVITY | {"OWNER_TYPE_ID": "3"}) is None
    assert one(listings.ACTIVITIES, ACTIVITY | {"OWNER_TYPE_ID": "2"}).entity == "deals"


@pytest.mark.parametrize(
    ("active", "expected"), [(True, True), (False, False), ("Y", True), ("N", False)]
)
def test_a_person_is_active_or_not(active: bool | str, expected: bool) -> None:
    row = {"ID": "7", "ACTIVE": active, "NAME": "Mia", "LAST_NAME": "Marketer", "EMAIL": ""}
    assert one(listings.PEOPLE, row) == Account(id="7", name="Mia Marketer", active=expected)


def test_a_task_has_its_status_moments_and_our_key() -> None:
    assert one(listings.OUR_TASKS, TASK) == RemoteTask(
        id="3711",
        updated_at=datetime(2026, 8, 20, 10, 30, tzinfo=UTC),
        title="Cut weak keywords",
        status=TaskStatus.DONE,
        owner="7",
        due_at=datetime(2026, 8, 31, 15, tzinfo=UTC),
        closed_at=datetime(2026, 8, 20, 10, 30, tzinfo=UTC),
        created_at=datetime(2026, 8, 20, 10, 2, tzinfo=UTC),
        key="rr-9f21c0",
    )


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (2, TaskStatus.OPEN),
        (3, TaskStatus.IN_PROGRESS),
        (4, TaskStatus.IN_REVIEW),
        (5, TaskStatus.DONE),
        (6, TaskStatus.DEFERRED),
    ],
)
def test_each_task_status_has_ours(number: int, status: TaskStatus) -> None:
    assert one(listings.OUR_TASKS, TASK | {"status": str(number)}).status is status


def test_an_unknown_task_status_is_refused() -> None:
    assert "status 9" in one(listings.OUR_TASKS, TASK | {"status": "9"})


def test_the_key_falls_back_to_the_external_id() -> None:
    assert one(listings.OUR_TASKS, TASK | {"ufRetroKey": None}).key == "rr-9f21c0"
    assert one(listings.OUR_TASKS, TASK | {"ufRetroKey": None, "xmlId": ""}).key is None


@pytest.mark.quirk(29)
def test_a_task_without_our_tag_or_key_is_not_ours() -> None:
    assert one(listings.OUR_TASKS, TASK | {"ufRetroKey": None, "tags": []}) is None
    other = {"36": {"id": 36, "title": "another"}}
    assert one(listings.OUR_TASKS, TASK | {"ufRetroKey": None, "tags": other}) is None
    assert one(listings.OUR_TASKS, TASK | {"ufRetroKey": None, "tags": ["retro-roi"]}) is not None


def test_the_documented_rows_are_read(samples: Mapping[str, Any]) -> None:
    expected: Mapping[str, Listing[Any, Any]] = {
        "crm.item.list.leads.delta": PLAIN_LEADS,
        "crm.item.list.deals.keyset": DEALS,
        "crm.item.list.contacts": listings.CONTACTS,
        "crm.stagehistory.list": listings.DEAL_MOVES,
        "crm.activity.list": listings.ACTIVITIES,
        "user.get": listings.PEOPLE,
        "tasks.task.list.v2.delta": listings.OUR_TASKS,
    }
    for name, listing in expected.items():
        result = samples[name]["response"]["body"]["result"]
        found = listing.page(msgspec.Raw(msgspec.json.encode(result)))
        assert found.ids, name
        assert not found.refused, name
