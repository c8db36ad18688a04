"""Before a push: what it will do, in how many calls. After it: what of it can be taken back."""

from pathlib import Path

import pytest

from tests.connectors.bitrix24.kit import sandbox
from tests.workers.cli.kit import Retro
from tests.workers.cli.test_deciding import RETRO, prepared


@pytest.mark.promise("G13")
def test_plan_dry_run_push_and_undo_say_the_same(retro: Retro, tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    with sandbox(seed=7, records=20) as portal:
        prepared(retro, portal, file)
        file.write_text(RETRO)
        retro("import", str(file))
        planned = retro("plan", "--json").document
        assert retro("apply", "--json").document["api_calls"] == planned["api_calls"]
        answer = retro("push", "portal", "--dry-run", "--json")
        (told,) = answer.document["dry_runs"]
        assert (answer.status, told["status"]) == (0, "succeeded")
        text = retro("push", "--dry-run").out
        assert f"{told['api_calls']} API calls to portal" in text
        assert "owner: – →" in text
        (target,) = planned["targets"]
        becomes = {each["key"]: each["becomes"] for each in told["writes"]}
        assert becomes.pop(f"target:{target['key']}") == target["becomes"]
        assert target["becomes"]["fallback"] is False
        assert set(becomes.values()) == {None}
        assert f"    in portal: {target['becomes']['name']['en']}\n" in text
        assert portal.records("tasks") == []
        before = portal.requests()
        (run,) = retro("push", "--json").document["runs"]
        assert portal.requests() - before == told["api_calls"] == planned["api_calls"]["portal"]
        assert run["requests"] == told["api_calls"]
        task, *others = portal.records("tasks")
        assert len(others) == 2
        portal.edit("tasks", task["id"], {"set": {"TITLE": "Le nôtre"}})
        undone = retro("undo", str(run["run"]), "--json")
        assert undone.status == 3
        assert {each["id"] for each in portal.records("tasks")} == {task["id"]}
        assert set(undone.document["undone"]) == {
            row["key"] for row in retro("outbox", "--json").document if row["state"] == "undone"
        }
        change = retro("audit", "--json").document[0]
        assert (change["action"], set(change["before"].values())) == ("undo", {"done"})
        assert {key for key, state in change["after"].items() if state == "undone"} == set(
            undone.document["undone"]
        )
        reasons = {each["key"]: each["reason"] for each in undone.document["left"]}
        assert reasons[f"task:{task['key']}"] == "Somebody changed it since: title."
        # Nobody settled it: asked again, it is looked at again and left again.
        assert retro("undo", str(run["run"]), "--json").document == undone.document
        assert "Somebody changed it since: title. Settle it" in retro("outbox").out
        assert f"try again: retro undo {run['run']}" in retro("undo", str(run["run"])).out
        # Who leaves it as it is lets the write go, and is not asked about it any more.
        rows = retro("outbox", "--json").document
        for refused in (row["key"] for row in rows if row["state"] == "refused"):
            assert retro("outbox", "drop", refused).status == 0
            assert retro("outbox", "drop", refused).status == 1
        assert retro("outbox").status == 0
        assert retro("audit", "--json").document[0]["action"] == "outbox drop"


def test_a_pull_cannot_be_taken_back(retro: Retro) -> None:
    with sandbox(seed=7, records=20) as portal:
        retro.connect(portal)
        (run,) = retro("pull", "portal", "--stream", "people", "--json").document["runs"]
        answer = retro("undo", str(run["run"]))
        assert answer.status == 1
        assert "only a push can be taken back" in answer.sentence
        assert "no run 99" in retro("undo", "99").sentence
        assert retro("outbox", "retry").status == 2
        assert retro("outbox", "retry", "--all").status == 0


@pytest.mark.parametrize("dropped", [False, True])
def test_an_undo_that_is_asked_for_again_takes_back_what_was_settled_since(
    retro: Retro, tmp_path: Path, dropped: bool
) -> None:
    """Also where the refused one was let go meanwhile: who asks again wants it."""
    file = tmp_path / "file.yaml"
    with sandbox(seed=7, records=20) as portal:
        prepared(retro, portal, file)
        file.write_text(RETRO)
        retro("import", str(file))
        retro("apply")
        (run,) = retro("push", "--json").document["runs"]
        task = portal.records("tasks")[0]
        portal.edit("tasks", task["id"], {"set": {"TITLE": "Le nôtre"}})
        first = retro("undo", str(run["run"]), "--json").document
        assert f"task:{task['key']}" not in first["undone"]
        if dropped:
            key = f"undo:{run['run']}:task:{task['key']}"
            assert retro("outbox", "drop", key).status == 0
        portal.edit("tasks", task["id"], {"set": {"TITLE": task["title"]}})
        again = retro("undo", str(run["run"]), "--json").document
        assert set(again["undone"]) == {*first["undone"], f"task:{task['key']}"}
        assert portal.records("tasks") == []
        assert retro("outbox").status == 0
