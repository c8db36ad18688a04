"""Tasks out and back: with a key of their own or a line in their text, and KPI targets."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import msgspec
import pytest

from connectors.errors import NotPermitted, Rejected
from connectors.hubspot.keys import from_html, to_html
from connectors.models import KpiTarget, Stream, Task, TaskStatus
from connectors.port import Presence, Window
from tests.connectors.hubspot.kit import Sandbox, sandbox
from tests.connectors.running import everything

PARIS = timezone(timedelta(hours=1))
LEAD, DEAL = "60000000001", "90000000001"


# A KPI and the goal of the sandbox that is taken to measure it.
GOALS = {"click_rate": "70000000001"}


def task(key: str = "D-email-ctr:designer", **change: Any) -> Task:
    fields: dict[str, Any] = {
        "key": key,
        "title": "Nouveau gabarit du bouton",
        "description": "Parce que <b> & co.\nDeuxième ligne",
        "owner": "5001",
        "due_at": datetime(2026, 12, 14, 18, 0, tzinfo=PARIS),
        "bind_leads": [LEAD],
        "bind_deals": [DEAL],
        **change,
    }
    return Task(**fields)


def target(**change: Any) -> KpiTarget:
    fields: dict[str, Any] = {
        "key": "D-email-ctr:target",
        "title": "Taux de clic",
        "kpi": "click_rate",
        "unit": "ratio",
        "decision": "D-email-ctr",
        "owner": "5001",
        "baseline": 0.024995,
        "target": 0.028744,
        "starts_on": date(2026, 12, 15),
        "recheck_on": date(2027, 1, 15),
        **change,
    }
    return KpiTarget(**fields)


def held(account: Sandbox, id_: str) -> dict[str, Any]:
    names = "hs_task_subject,hs_task_body,hs_task_status,hubspot_owner_id,hs_timestamp"
    path = f"/crm/objects/2026-03/tasks/{id_}?properties={names}&associations=deals,leads"
    found: dict[str, Any] = account.call("GET", path).raise_for_status().json()
    return found


def test_a_task_is_created_whole_and_read_back(either: Sandbox) -> None:
    connector = either.connector()
    made = connector.create_task(task())
    connector.stamp_task(made, task())
    links = held(either, made)["associations"]
    assert [one["id"] for one in links["deals"]["results"]] == [DEAL]
    assert [one["id"] for one in links["leads"]["results"]] == [LEAD]
    (record,) = everything(either.connector(), Stream.TASKS)
    values = msgspec.to_builtins(record)
    assert (values["id"], values["key"], values["owner"]) == (made, task().key, "5001")
    assert values["title"] == task().title
    assert values["description"] == task().description
    assert datetime.fromisoformat(values["due_at"]) == task().due_at
    assert set(either.truth("tasks")) == {made}
    (again,) = connector.by_ids(Stream.TASKS, [made, "80000000001"]).records
    assert again == record
    assert connector.presence(Stream.TASKS, [made, "4"]) == {
        made: Presence.PRESENT,
        "4": Presence.DELETED,
    }


def test_some_fields_are_written_and_the_key_stays(either: Sandbox) -> None:
    connector = either.connector()
    made = connector.create_task(task())
    either.edit("tasks", made, {"set": {"hs_task_subject": "Theirs"}})
    connector.update_task(made, task(description="Nouveau"), ["description"])
    (record,) = connector.by_ids(Stream.TASKS, [made]).records
    values = msgspec.to_builtins(record)
    assert (values["title"], values["description"]) == ("Theirs", "Nouveau")
    assert values["key"] == task().key
    connector.update_task(made, task())
    assert held(either, made)["properties"]["hs_task_subject"] == task().title


def test_a_task_is_completed_reopened_and_left_alone_when_it_is_so_already(own: Sandbox) -> None:
    own.at("2026-11-23T09:00:00+00:00")
    connector = own.connector()
    made = connector.create_task(task())
    own.at("2026-11-23T10:00:00+00:00")
    connector.complete_task(made)
    own.at("2026-11-23T11:00:00+00:00")
    connector.complete_task(made)
    own.edit("tasks", made, {"set": {"hs_task_subject": "Later"}})
    (done,) = connector.by_ids(Stream.TASKS, [made]).records
    values = msgspec.to_builtins(done)
    assert (values["status"], values["closed_at"]) == (
        TaskStatus.DONE.value,
        "2026-11-23T10:00:00Z",
    )
    connector.reopen_task(made)
    own.edit("tasks", made, {"set": {"hs_task_status": "WAITING"}})
    connector.reopen_task(made)
    (waits,) = connector.by_ids(Stream.TASKS, [made]).records
    assert msgspec.to_builtins(waits)["status"] == TaskStatus.IN_PROGRESS.value
    assert own.methods()["tasks.update"] == 2


def test_a_deleted_task_may_be_deleted_again(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_task(task())
    connector.delete_task(made)
    connector.delete_task(made)
    assert own.truth("tasks") == {}
    assert connector.presence(Stream.TASKS, [made]) == {made: Presence.DELETED}


def test_only_tasks_that_changed_come_in_a_delta(either: Sandbox) -> None:
    either.at("2026-11-23T09:00:00+00:00")
    connector = either.connector()
    connector.create_task(task("one"))
    either.at("2026-11-23T10:00:00+00:00")
    connector.create_task(task("two"))
    since = Window(datetime(2026, 11, 23, 9, 30, tzinfo=UTC))
    assert [
        msgspec.to_builtins(one)["key"] for one in everything(connector, Stream.TASKS, since)
    ] == ["two"]


def test_a_rule_of_the_account_names_what_it_misses() -> None:
    with (
        sandbox(records=4, required=("hs_task_priority",)) as own,
        pytest.raises(Rejected, match="hs_task_priority"),
    ):
        own.connector().create_task(task(bind_leads=[], bind_deals=[]))


def test_a_status_that_nobody_knows_sets_one_task_aside(own: Sandbox) -> None:
    connector = own.connector()
    one, two = connector.create_task(task("one")), connector.create_task(task("two"))
    own.edit("tasks", two, {"set": {"hs_task_status": ""}})
    page = connector.by_ids(Stream.TASKS, [one, two])
    assert [record.id for record in page.records] == [one]
    (refused,) = page.refused
    assert (refused.id, "unknown" in refused.reason) == (two, True)


def test_texts_survive_the_way_there_and_back() -> None:
    text = "a < b & c\n\nlast"
    assert from_html(to_html(text)) == (text, None)
    assert from_html(to_html(text, "D-1:x y")) == (text, "D-1:x y")
    assert from_html("<p>One</p><p>Two &amp; three</p>") == ("One\nTwo & three", None)
    assert from_html(None) == ("", None)


def test_a_target_is_a_task_that_nobody_takes_for_an_action(either: Sandbox) -> None:
    connector = either.connector()
    connector.prepare_targets()
    made = connector.create_target(target())
    assert connector.find_target(target().key) == [made]
    connector.check_target(made, target())
    with pytest.raises(Rejected, match="planned figures"):
        connector.check_target(made, target(target=0.03))
    connector.update_target(made, target(actual=0.03, outcome="met"))
    values = held(either, made.removeprefix("task:"))["properties"]
    assert values["hs_task_status"] == "COMPLETED"
    assert "Actual: 0.03" in values["hs_task_body"]
    assert values["hs_timestamp"] == "2027-01-15T17:00:00.000Z"
    connector.check_target(made, target())
    assert everything(connector, Stream.TASKS) == []


def test_an_update_of_a_target_leaves_to_people_what_is_theirs(either: Sandbox) -> None:
    connector = either.connector()
    made = connector.create_target(target(segment="channel=ads"))
    number = made.removeprefix("task:")
    body = held(either, number)["properties"]["hs_task_body"]
    edited = {"hs_task_subject": "Clics", "hs_task_body": f"<p>See Léa</p>{body}"}
    either.edit("tasks", number, {"set": edited})
    for actual in (0.02, 0.03):
        # As a re-check tells it: by the key, without owner and segment.
        found = target(title=target().key, owner=None, actual=actual, outcome="met")
        connector.update_target(made, found)
    values = held(either, number)["properties"]
    assert values["hs_task_subject"] == "Clics"
    lines = from_html(values["hs_task_body"])[0].splitlines()
    assert lines[:2] == ["See Léa", "KPI: click_rate (channel=ads), ratio"]
    assert lines[-2:] == ["Actual: 0.03", "Outcome: met"]
    assert len([line for line in lines if line.startswith("Actual")]) == 1
    assert connector.find_target(target().key) == [made]
    connector.check_target(made, target(segment="channel=ads"))


def test_a_new_text_keeps_the_key_that_is_there(either: Sandbox) -> None:
    """A write that is taken back comes with the key of that write, not with the task's."""
    connector = either.connector()
    made = connector.create_task(task())
    connector.update_task(made, task("update:1", description="Court"), ["description"])
    assert connector.find_task(task().key) == [made]
    assert connector.find_task("update:1") == []
    (record,) = connector.by_ids(Stream.TASKS, [made]).records
    values = msgspec.to_builtins(record)
    assert (values["key"], values["description"]) == (task().key, "Court")


def test_an_update_leaves_what_people_formatted(either: Sandbox) -> None:
    connector = either.connector()
    link = '<a href="https://example.com/léa">Léa</a>'
    made = connector.create_task(task(description="Une ligne\nDeuxième"))
    body = held(either, made)["properties"]["hs_task_body"]
    ours, _, key = body.partition("<br>")[2].partition("<br>")
    edited = f"<p><b>Une</b> ligne</p><ul><li>{link}</li></ul><p>{ours}</p>{key}"
    either.edit("tasks", made, {"set": {"hs_task_body": edited}})
    connector.update_task(made, task(description="Une ligne\nLéa\nTroisième"), ["description"])
    body = held(either, made)["properties"]["hs_task_body"]
    assert body == f"<p><b>Une</b> ligne</p><ul><li>{link}</li></ul><p>Troisième</p>{key}"
    # Where no text is written none is read.
    before = connector.requests
    connector.update_task(made, task(title="Autre"), ["title"])
    assert connector.requests - before == 1

    made = connector.create_target(target())
    number = made.removeprefix("task:")
    body = held(either, number)["properties"]["hs_task_body"]
    edited = f"<div><p><i>See</i> {link}</p>{body}<br><p>So far</p></div>"
    either.edit("tasks", number, {"set": {"hs_task_body": edited}})
    for actual in (0.02, 0.03):
        connector.update_target(made, target(actual=actual, outcome="met"))
    body = held(either, number)["properties"]["hs_task_body"]
    assert body.startswith(f"<div><p><i>See</i> {link}</p>KPI: click_rate, ratio<br>")
    assert "<p>So far</p>Actual: 0.03<br>Outcome: met" in body
    assert body.count("Actual") == 1
    assert connector.find_target(target().key) == [made]


def test_a_target_is_a_goal_where_there_is_one_to_copy(own: Sandbox) -> None:
    connector = own.connector(goal_template=GOALS)
    made = connector.create_target(target())
    assert made.startswith("goal:")
    names = "hs_goal_name,hs_target_amount,hs_start_datetime,hs_end_datetime,hs_template_id"
    path = f"/crm/objects/2026-03/goal_targets/{made.removeprefix('goal:')}?properties={names}"
    values = own.call("GET", path).json()["properties"]
    assert values["hs_goal_name"] == "Taux de clic"
    assert (values["hs_target_amount"], values["hs_template_id"]) == ("0.028744", "4")
    assert values["hs_start_datetime"] == "2026-12-15T00:00:00.000Z"
    assert values["hs_end_datetime"] == "2027-01-14T23:59:59.999Z"
    assert own.connector(goal_template=GOALS).find_target(target().key) == [made]
    connector.check_target(made, target())
    with pytest.raises(Rejected):
        connector.check_target(made, target(target=1.0))
    connector.update_target(made, target(actual=0.03, outcome="met"))


def test_the_due_day_of_a_target_moves_unless_people_moved_it(either: Sandbox) -> None:
    connector, before, after = either.connector(), date(2027, 1, 15), date(2027, 1, 9)
    made = connector.create_target(target())
    number = made.removeprefix("task:")
    planned = held(either, number)["properties"]
    either.edit("tasks", number, {"set": {"hs_timestamp": "2027-01-15T09:30:00.000Z"}})
    move = target(title=target().key, owner=None, moved_from=before, recheck_on=after)
    assert [connector.update_target(made, move) for _ in range(2)] == [before, after]
    moved = held(either, number)["properties"]
    assert moved.pop("hs_timestamp") == "2027-01-09T09:30:00.000Z"
    kept = ("hs_task_subject", "hs_task_body", "hs_task_status", "hubspot_owner_id")
    assert all(moved[name] == planned[name] for name in kept)
    either.edit("tasks", number, {"set": {"hs_timestamp": "2027-02-01T09:30:00.000Z"}})
    again = target(moved_from=after, recheck_on=date(2027, 1, 20))
    assert connector.update_target(made, again) == date(2027, 2, 1)
    assert held(either, number)["properties"]["hs_timestamp"] == "2027-02-01T09:30:00.000Z"


def test_a_goal_keeps_its_days(own: Sandbox) -> None:
    connector = own.connector(goal_template=GOALS)
    made = connector.create_target(target())
    asked = len(own.seen.requests)
    move = target(moved_from=date(2027, 1, 15), recheck_on=date(2027, 1, 9))
    assert connector.update_target(made, move) is None
    assert len(own.seen.requests) == asked


@pytest.mark.parametrize("other", [{"kpi": "lead_cost"}, {"segment": "channel=ads"}])
def test_a_target_that_the_goal_does_not_measure_is_a_task(
    own: Sandbox, other: dict[str, str]
) -> None:
    connector = own.connector(goal_template=GOALS)
    made = connector.create_target(target(**other))
    assert made.startswith("task:")
    assert connector.find_target(target().key) == [made]


def test_a_goal_to_copy_that_is_not_there_is_told_before_a_write(own: Sandbox) -> None:
    connector = own.connector(goal_template={**GOALS, "lead_cost": "5"})
    for attempt in (connector.check, connector.prepare_targets):
        with pytest.raises(NotPermitted, match="goal 5 that targets of lead_cost") as refused:
            attempt()
        assert "goal_template.lead_cost" in refused.value.next_step


def test_many_keys_are_looked_for_together(either: Sandbox) -> None:
    connector = either.connector()
    made = {key: [connector.create_task(task(key=key))] for key in ("D-1", "D-10", "D-2")}
    before = connector.requests
    assert connector.find_tasks([*made, "another"]) == {**made, "another": []}
    # By their field, and the search of older tasks; or that search, its proof and all lines.
    assert connector.requests - before <= 3
