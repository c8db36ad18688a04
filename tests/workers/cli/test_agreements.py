"""retro action, conflicts and map: edits here, and what a person says of edits on both sides."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from tests.faults.push_case import DESIGNER
from tests.workers import two_way as building
from tests.workers.cli.kit import Retro
from tests.workers.test_settling import REFUSED
from tests.workers.two_way import TwoWay


@pytest.fixture
def sides(retro: Retro) -> Iterator[TwoWay]:
    """The command works on the same home."""
    with building.two_way(retro.home) as made:
        yield made


@pytest.mark.promise("G6")
def test_a_conflict_is_shown_side_by_side_and_settled(retro: Retro, sides: TwoWay) -> None:
    assert retro("conflicts", "--json").document == []
    retro.monkeypatch.setenv("RETRO_CLOCK", f"{sides.portal.base}/_sandbox")
    changed = retro("action", DESIGNER, "--title", "Bouton vert", "--due", "2026-12-18", "--json")
    assert changed.document["title"] == "Bouton vert"
    assert changed.document["due_at"] == "2026-12-18T17:00:00Z"
    sides.edit_there(TITLE="Bouton rouge", RESPONSIBLE_ID=9)
    pushed = retro("push", "portal")
    assert (pushed.status, "retro conflicts" in pushed.out) == (3, True)
    assert f"{DESIGNER}: its title was changed in the tool as well" in " ".join(pushed.out.split())
    pulled = retro("pull", "portal", "--stream", "tasks")
    assert pulled.status == 3
    assert "retro conflicts" in pulled.out
    shown = retro("conflicts", "--json")
    assert shown.status == 3
    fields = ("field", "reason", "base", "ours", "theirs", "asked")
    assert [tuple(row[name] for name in fields) for row in shown.document] == [
        ("owner", "unknown_account", "p_mkt", "p_mkt", "account 9", "p_mkt"),
        ("title", "clash", f"Nouveau gabarit ({DESIGNER})", "Bouton vert", "Bouton rouge", "p_mkt"),
    ]
    owner, title = (str(row["id"]) for row in shown.document)
    assert retro("conflicts", "settle", title, "theirs").status == 3
    assert retro("conflicts", "settle", owner, "ours").status == 0
    assert retro("sync", "portal").status == 0
    assert (sides.action().title, sides.task()["title"]) == ("Bouton rouge", "Bouton rouge")
    assert sides.task()["responsibleId"] == "7"
    settled = retro("conflicts", "--all", "--json").document
    assert [(row["state"], row["outcome"]) for row in settled] == [
        ("settled", "ours"),
        ("settled", "theirs"),
    ]
    by_owner, by_title, edit = (
        each for each in retro("audit", "--json").document if each["action"] in ("action", "settle")
    )
    assert (edit["action"], edit["subject"]) == ("action", DESIGNER)
    assert edit["before"]["title"] == f"Nouveau gabarit ({DESIGNER})"
    assert edit["after"]["title"] == "Bouton vert"
    assert by_title["before"] == {"ours": "Bouton vert", "theirs": "Bouton rouge"}
    assert by_title["after"] == {"outcome": "theirs", "field": "title"}
    assert (by_owner["action"], by_owner["after"]["outcome"]) == ("settle", "ours")


def test_whose_change_stands_is_set_by_field(retro: Retro, sides: TwoWay) -> None:
    listed = retro("map", "portal", "tasks", "--json").document["fields"]
    assert {row["field"]: row["contract"] for row in listed} == {
        "title": "ask",
        "description": "ask",
        "owner": "ask",
        "due": "ask",
        "status": "theirs",
    }
    assert retro("map", "portal", "tasks", "--contract", "title=latest").status == 0
    change = retro("audit", "--json").document[0]
    assert (change["before"], change["after"]) == ({"title": "ask"}, {"title": "latest"})
    retro.monkeypatch.setenv("RETRO_CLOCK", f"{sides.portal.base}/_sandbox")
    sides.edit_there(TITLE="Bouton rouge")
    sides.pass_time()
    assert retro("action", DESIGNER, "--title", "Bouton vert").status == 0
    assert retro("sync", "portal").status == 0
    assert sides.action().title == sides.task()["title"] == "Bouton vert"


def test_an_action_that_is_reopened_when_its_task_is_gone_asks_for_a_decision(
    retro: Retro, sides: TwoWay
) -> None:
    retro.monkeypatch.setenv("RETRO_CLOCK", f"{sides.portal.base}/_sandbox")
    assert retro("action", DESIGNER, "--done").status == 0
    assert retro("push", "portal").status == 0
    sides.delete_there()
    assert retro("pull", "portal", "--stream", "tasks", "--full").status == 0
    reopened = retro("action", DESIGNER, "--reopen")
    assert (reopened.status, "settle that first: retro conflicts" in reopened.out) == (3, True)


def test_the_outbox_says_of_a_refused_edit_that_another_one_took_its_place(
    retro: Retro, sides: TwoWay
) -> None:
    retro.monkeypatch.setenv("RETRO_CLOCK", f"{sides.portal.base}/_sandbox")
    sides.portal.faults({"on": {"method": "tasks.task.update"}, **REFUSED})
    retro("action", DESIGNER, "--title", "Bouton vert")
    assert retro("push", "portal").status == 3
    sides.portal.faults()
    retro("action", DESIGNER, "--title", "Bouton rouge")
    assert retro("push", "portal").status == 0
    told = " ".join(retro("outbox").out.split())
    assert "not wanted any more: it was changed here since" in told


def test_a_mistake_is_named(retro: Retro, sides: TwoWay) -> None:
    assert sides.connection_id
    for arguments, status, told in (
        (("action", "nothing", "--done"), 1, "There is no action 'nothing'"),
        (("action", DESIGNER), 2, "name what is to change"),
        (("action", DESIGNER, "--due", "tomorrow"), 2, "no day and no moment"),
        (("action", DESIGNER, "--owner", "p_who"), 1, "There is nobody 'p_who'"),
        (("conflicts", "settle", "7", "ours"), 1, "There is no conflict 7"),
        (("conflicts", "settle", "7"), 2, "ours or theirs"),
        (("map", "portal", "tasks", "--contract", "due=mine"), 2, "'mine' is no contract"),
        (("map", "portal", "tasks", "--contract", "colour=ask"), 2, "no field 'colour'"),
        (("map", "portal", "deals", "--contract", "title=ask"), 2, "only tasks"),
        (("map", "portal", "tasks", "score=UF_X"), 2, "give --contract"),
        (("map", "portal", "deals", "score"), 2, "no FIELD=REMOTE"),
        (("map", "portal", "deals", "score=UF_X"), 1, "retro fields portal deals lists them"),
    ):
        answer = retro(*arguments)
        assert answer.status == status, arguments
        assert told in answer.sentence


def test_an_open_action_is_not_due_on_a_day_that_has_passed(retro: Retro, sides: TwoWay) -> None:
    sides.pass_time()
    retro.monkeypatch.setenv("RETRO_CLOCK", f"{sides.portal.base}/_sandbox")
    today = sides.now.date().isoformat()
    was = sides.action().due_at
    for given in ("1999-01-01", (sides.now - timedelta(seconds=60)).isoformat()):
        answer = retro("action", DESIGNER, "--due", given)
        assert answer.status == 1
        assert f"has passed and {DESIGNER} is not done: give a day from {today} on" in (
            answer.sentence
        )
    assert sides.action().due_at == was
    assert retro("action", DESIGNER, "--due", today).status == 0
    assert retro("action", DESIGNER, "--due", "1999-01-01", "--done").status == 0
    assert retro("action", DESIGNER, "--due", "1999-01-02").status == 0
    assert retro("action", DESIGNER, "--due", "1999-01-03", "--reopen").status == 1


def test_a_due_date_that_is_cleared_in_the_tool_stays_and_is_told(
    retro: Retro, sides: TwoWay
) -> None:
    retro.monkeypatch.setenv("RETRO_CLOCK", f"{sides.portal.base}/_sandbox")
    assert "no due date" not in retro("decisions").out
    due = sides.action().due_at
    sides.edit_there(DEADLINE="")
    cleared = sides.now
    sides.pass_time()
    assert retro("sync", "portal").status == 0
    assert sides.action().due_at == due
    told = f"{DESIGNER}: no due date in portal since {cleared:%Y-%m-%d}, so {due:%Y-%m-%d} counts"
    assert told in retro("decisions").out
    (decision,) = retro("decisions", "--json").document
    actions = {each["key"]: each for each in decision["actions"]}
    assert actions[DESIGNER]["undated_since"] == f"{cleared:%Y-%m-%dT%H:%M:%SZ}"
    assert [key for key, each in actions.items() if each["undated_since"]] == [DESIGNER]
    retro.monkeypatch.setenv("RETRO_LANG", "fr")
    assert f"sans échéance dans portal depuis le {cleared:%d/%m/%Y}" in retro("decisions").out
    # Another day is written there, and then there is nothing to tell.
    assert retro("action", DESIGNER, "--due", "2026-12-18").status == 0
    assert retro("push", "portal").status == 0
    assert sides.task()["deadline"] is not None
    assert "sans échéance" not in retro("decisions").out
    assert retro("pull", "portal", "--stream", "tasks").status == 0
    assert "sans échéance" not in retro("decisions").out


def test_a_custom_field_is_mapped_and_read_at_the_next_pull(retro: Retro, sides: TwoWay) -> None:
    offered = retro("fields", "portal", "deals", "--json").document
    custom = next(each["name"] for each in offered if each["custom"])
    mapped = retro("map", "portal", "deals", f"score={custom}", "--json")
    assert mapped.document["fields"] == [{"field": "score", "remote": custom}]
    pulled = retro("pull", "portal", "--stream", "deals", "--json").document
    assert pulled["runs"][0]["mode"] == "full"
    assert sides.portal.records("deals")
    (record,) = retro("records", "deals", "--limit", "1").out.splitlines()
    assert "score" in record
