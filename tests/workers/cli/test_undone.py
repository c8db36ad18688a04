"""An action whose task was taken back: what it takes, and how its task comes back."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.workers.cli.kit import Retro
from tests.workers.cli.test_deciding import RETRO, prepared
from tests.workers.test_settling import REFUSED


def status_of(retro: Retro, key: str) -> str:
    rows = retro("decisions", "--json").document
    (status,) = [a["status"] for row in rows for a in row["actions"] if a["key"] == key]
    return str(status)


def pushed(retro: Retro, portal: Sandbox, file: Path) -> dict[str, Any]:
    """The run that sent the tasks of a retro."""
    prepared(retro, portal, file)
    file.write_text(RETRO)
    retro("import", str(file))
    retro("apply")
    (run,) = retro("push", "--json").document["runs"]
    return dict(run)


@pytest.fixture
def portal() -> Iterator[Sandbox]:
    with sandbox(seed=7, records=20) as running:
        yield running


def to_be_made_again(retro: Retro, portal: Sandbox, task: dict[str, Any]) -> str:
    """It was deleted there, and somebody here wants it; the key of the create."""
    portal.edit("tasks", task["id"], {"delete": True})
    retro("pull", "portal", "--stream", "tasks")
    (conflict,) = retro("conflicts", "--json").document
    assert retro("conflicts", "settle", str(conflict["id"]), "ours").status == 0
    return f"task:{task['key']}:{conflict['id']}"


@pytest.mark.promise("G13")
def test_what_a_later_push_wrote_is_taken_back_first(
    retro: Retro, portal: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / "file.yaml"
    first = pushed(retro, portal, file)
    key = portal.records("tasks")[0]["key"]
    retro("action", key, "--title", "Corrigé")
    (second,) = retro("push", "--json").document["runs"]
    left = retro("undo", str(first["run"]), "--json").document["left"]
    (reason,) = [each["reason"] for each in left if each["key"] == f"task:{key}"]
    assert reason.endswith(f"take that back first: retro undo {second['run']}")
    assert [each["key"] for each in portal.records("tasks")] == [key]
    assert retro("undo", str(second["run"])).status == 0
    retro("undo", str(first["run"]))
    assert portal.records("tasks") == []


@pytest.mark.promise("G13")
def test_what_was_written_to_a_task_made_anew_keeps_no_older_one_from_being_taken_back(
    retro: Retro, portal: Sandbox, tmp_path: Path
) -> None:
    first = pushed(retro, portal, tmp_path / "file.yaml")
    task = portal.records("tasks")[0]
    to_be_made_again(retro, portal, task)
    retro("push")
    retro("action", task["key"], "--title", "Corrigé")
    assert retro("push").status == 0
    undone = retro("undo", str(first["run"]), "--json").document
    assert f"task:{task['key']}" in undone["undone"]
    assert [each["title"] for each in portal.records("tasks")] == ["Corrigé"]


@pytest.mark.promise("G13")
def test_an_action_whose_task_was_taken_back_takes_no_edits_until_it_is_made_again(
    retro: Retro, portal: Sandbox, tmp_path: Path
) -> None:
    file = tmp_path / "file.yaml"
    run = pushed(retro, portal, file)
    first = min(portal.records("tasks"), key=lambda each: int(each["id"]))
    key = first["key"]
    # Not sent yet when its task is taken back.
    assert retro("action", key, "--title", "Corrigé").status == 0
    undone = retro("undo", str(run["run"]))
    assert "takes no edits until the task is made again: retro outbox retry task:" in undone.out
    assert portal.records("tasks") == []
    assert status_of(retro, key) == "lost"
    told = f"{key}: its task was taken back; to make it again: retro outbox retry task:{key}"
    assert told in retro("decisions").out
    refused = retro("action", key, "--title", "Encore")
    assert refused.status == 1
    assert f"make the task again first: retro outbox retry task:{key}" in refused.sentence
    assert retro("push", "--json").document["runs"] == []
    assert retro("outbox", "retry", f"task:{key}").status == 0
    assert status_of(retro, key) == "open"
    assert retro("push").status == 0
    assert retro("pull", "portal", "--stream", "tasks").status == 0
    assert retro("push").status == 0
    (again,) = portal.records("tasks")
    assert again["title"] == "Corrigé"
    assert retro("action", key, "--title", "Le dernier").status == 0
    assert retro("push").status == 0
    assert [each["title"] for each in portal.records("tasks")] == ["Le dernier"]


@pytest.mark.promise("G6")
def test_what_was_refused_of_a_task_that_was_gone_is_written_to_the_one_that_is_made_again(
    retro: Retro, portal: Sandbox, tmp_path: Path
) -> None:
    """Found by the soak: the edit was taken for the one that had been refused."""
    run = pushed(retro, portal, tmp_path / "file.yaml")
    task = portal.records("tasks")[0]
    retro("action", task["key"], "--title", "Corrigé")
    portal.edit("tasks", task["id"], {"delete": True})
    assert retro("push").status == 3
    retro("undo", str(run["run"]))
    assert retro("outbox", "retry", f"task:{task['key']}").status == 0
    assert retro("push").status == 0
    assert retro("pull", "portal", "--stream", "tasks").status == 0
    assert retro("push").status == 0
    assert [each["title"] for each in portal.records("tasks")] == ["Corrigé"]


@pytest.mark.promise("G5")
def test_a_create_that_was_taken_back_is_not_sent_beside_the_one_that_took_its_place(
    retro: Retro, portal: Sandbox, tmp_path: Path
) -> None:
    """Found by the soak: the action had two tasks then."""
    run = pushed(retro, portal, tmp_path / "file.yaml")
    task = portal.records("tasks")[0]
    again = to_be_made_again(retro, portal, task)
    retro("undo", str(run["run"]))
    refused = retro("outbox", "retry", f"task:{task['key']}")
    assert refused.status == 1
    assert f"{again} took its place" in refused.sentence
    retro("push")
    assert [each["key"].partition("~")[0] for each in portal.records("tasks")] == [task["key"]]


@pytest.mark.promise("G5")
def test_a_create_that_was_let_go_is_not_sent_beside_the_one_that_was_made_again(
    retro: Retro, portal: Sandbox, tmp_path: Path
) -> None:
    run = pushed(retro, portal, tmp_path / "file.yaml")
    task = portal.records("tasks")[0]
    first = f"task:{task['key']}"
    again = to_be_made_again(retro, portal, task)
    portal.faults({"on": {"method": "tasks.task.add"}, **REFUSED})
    assert retro("push").status == 3
    portal.faults()
    assert retro("outbox", "drop", again).status == 0
    retro("undo", str(run["run"]))
    assert retro("outbox", "retry", first).status == 0
    for _ in ("on its way", "made"):
        told = retro("outbox", "retry", again)
        assert (told.status, f"{first} took its place" in told.sentence) == (1, True)
        assert retro("push").status == 0
    assert [each["key"].partition("~")[0] for each in portal.records("tasks")] == [task["key"]]
