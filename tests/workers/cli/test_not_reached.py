"""A tool that no run reaches any more is told, until one does or a check."""

import os

from config.settings import load_settings
from sync.store import connections, runs
from sync.tables.runs import Mode, RunStatus, Trigger
from tests.connectors.bitrix24.kit import Sandbox
from tests.workers.cli.kit import Retro
from tests.workers.cli.test_waiting import AWAY
from workers.app import App, open_app


def ended(app: App, stream: str, status: RunStatus) -> None:
    with app.database.writing() as session:
        row = connections.connection_named(session, "portal")
        assert row.id is not None
        at = app.database.now()
        run = runs.queue_run(session, row.id, stream, mode=Mode.FULL, trigger=Trigger.MANUAL, at=at)
        run.status, run.ended_at = status, at
        run.error = AWAY if status is RunStatus.FAILED else None
        session.add(run)


def told(retro: Retro) -> tuple[str, str, str | None]:
    (row,) = retro.connections()
    (line,) = [
        each["found"]
        for each in retro("doctor", "--json").document
        if each["what"] == "connection portal"
    ]
    return retro("connections").out, line, row["not_reached_since"]


def test_a_tool_that_no_run_reaches_is_told_with_the_next_step(
    retro: Retro, portal: Sandbox
) -> None:
    retro.monkeypatch.setenv("COLUMNS", "200")
    retro.connect(portal)
    assert told(retro)[1:] == ("active", None)
    app = open_app(load_settings(os.environ))
    ended(app, "deals", RunStatus.SUCCEEDED)
    ended(app, "people", RunStatus.FAILED)
    ended(app, "leads", RunStatus.FAILED)
    table, line, since = told(retro)
    assert since is not None
    assert line.startswith("not reached since 20")
    assert line.endswith(f" UTC. {AWAY['message']} retro check portal tries again.")
    assert f"portal: {line}" in table
    assert retro("doctor").status == 1
    ended(app, "deals", RunStatus.SUCCEEDED)
    assert told(retro)[1:] == ("active", None)
    ended(app, "people", RunStatus.FAILED)
    assert told(retro)[2] is not None
    retro("check", "portal")
    assert told(retro)[1:] == ("active", None)
    app.close()
