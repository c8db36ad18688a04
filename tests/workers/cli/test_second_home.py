"""Two installations on one account: a task of the one is taken up by the other, or left alone."""

from pathlib import Path

import pytest

from tests.connectors.bitrix24.kit import sandbox
from tests.workers.cli.kit import Retro
from tests.workers.cli.test_deciding import RETRO, prepared


@pytest.mark.parametrize("after", ["", "made again", "restored"])
def test_a_second_home_takes_up_the_tasks_that_the_first_one_made(
    retro: Retro, tmp_path: Path, after: str
) -> None:
    # Without REST 3 no key makes a create repeatable.
    scopes = ("crm", "task", "user", "userfieldconfig", "im")
    with sandbox(seed=7, records=20, scopes=scopes) as portal:
        for home, told in (("home", True), ("second", False)):
            retro.monkeypatch.setenv("RETRO_HOME", str(tmp_path / home))
            folder = tmp_path / f"files-{home}"
            folder.mkdir()
            prepared(retro, portal, folder / "file.yaml")
            if after == "restored" and not told:
                restored(retro, folder / "backup.zip")
            (folder / "file.yaml").write_text(RETRO)
            retro("import", str(folder / "file.yaml"))
            unread = "The tasks of portal were never read"
            assert (unread in retro("plan").out) is True
            if not told:
                assert retro("pull", "portal", "--stream", "tasks").status == 0
                assert unread not in retro("plan").out
            calls = retro("plan", "--json").document["api_calls"]["portal"]
            retro("apply")
            dry = retro("push", "--dry-run", "--json").document["dry_runs"][0]
            assert len(dry["calls"]) == calls
            creates = [p for p in dry["writes"] if p["operation"] == "create_task"]
            assert {bool(each["changes"]) for each in creates} == {told}
            pushed = retro("push", "--json").document["runs"][0]
            assert (pushed["status"], pushed["error"]) == ("succeeded", None)
            assert (pushed["created"] > 1) is told
            if after == "made again" and told:
                undone = retro("undo", str(pushed["run"]), "--json").document["undone"]
                assert len(undone) == 3
                for key in undone:
                    assert retro("outbox", "retry", key).status == 0
                assert retro("push").status == 0
        # It made none of them.
        undone = retro("undo", str(pushed["run"]), "--json").document
        assert undone["undone"] == []
        assert "another installation made it" in undone["left"][0]["reason"]
        assert len(portal.records("tasks")) == 3
        (decision,) = retro("decisions", "--json").document
        assert len(decision["actions"]) == 3
        assert {row["state"] for row in retro("outbox", "--json").document} == {"done"}
        again = retro("pull", "portal", "--stream", "tasks")
        assert (again.status, retro("conflicts", "--json").document) == (0, [])


@pytest.mark.parametrize("after_a_restore", [False, True])
def test_a_task_of_another_home_that_is_about_something_else_is_not_taken_up(
    retro: Retro, tmp_path: Path, after_a_restore: bool
) -> None:
    with sandbox(seed=7, records=20) as portal:
        for home, text in (("home", "nouveau gabarit"), ("second", "acheter du papier")):
            retro.monkeypatch.setenv("RETRO_HOME", str(tmp_path / home))
            folder = tmp_path / f"files-{home}"
            folder.mkdir()
            prepared(retro, portal, folder / "file.yaml")
            if after_a_restore and home == "second":
                restored(retro, folder / "backup.zip")
            (folder / "file.yaml").write_text(RETRO.replace("nouveau gabarit du bouton", text))
            retro("import", str(folder / "file.yaml"))
            retro("pull", "portal", "--stream", "tasks")
            retro("apply")
            pushed = retro("push")
        assert pushed.status == 3
        told = retro("outbox").out
        assert "about something else: [Retro R-2026-11-23] nouveau gabarit" in told
        assert len(portal.records("tasks")) == 3
        # Where somebody says that they are the same, they are.
        for task in portal.records("tasks"):
            title = task["title"].replace("nouveau gabarit", "acheter du papier")
            portal.edit("tasks", task["id"], {"set": {"TITLE": title}})
        assert retro("outbox", "retry", "--all").status == 0
        assert retro("push").status == 0
        assert len(portal.records("tasks")) == 3


def restored(retro: Retro, backup: Path) -> None:
    """For thirty days each new task may have been made before."""
    assert retro("backup", str(backup)).status == 0
    assert retro("restore", str(backup), "--yes").status == 0
