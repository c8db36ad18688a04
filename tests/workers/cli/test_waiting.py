"""What commands say while a run waits, and how a push to a tool that is away ends."""

import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from config.settings import load_settings
from sync.store import connections, outbox
from sync.tables.outbox import OutboxState
from sync.tables.runs import PUSH, Mode, Run, RunStatus
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.faults.push_case import DESIGNER, REMINDER, intentions, plan_behind
from tests.workers.cli.kit import Retro
from tests.workers.cli.test_pulling import waiting_run
from workers.app import open_app
from workers.cli.output import Output
from workers.cli.runs import show_runs, status_of
from workers.cli.waits import Waits
from workers.pulling import is_given_up

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
AWAY = {
    "kind": "Unavailable",
    "message": "The tool cannot be reached: it refuses the connection.",
    "who": "nobody",
    "next_step": "Wait.",
    "blocks": [],
}


def waits(stream: str = PUSH, seconds: float = 5, **more: Any) -> Run:
    """A run that waits since AT."""
    return Run(
        id=1,
        connection_id=1,
        stream=stream,
        mode=Mode.PUSH if stream == PUSH else Mode.FULL,
        status=RunStatus.WAITING,
        queued_at=AT,
        waiting_since=AT,
        waiting_until=AT + timedelta(seconds=seconds),
        **{"error": AWAY, **more},
    )


def test_a_push_to_a_tool_that_is_away_ends_and_keeps_its_writes(retro: Retro) -> None:
    with sandbox(seed=7, records=20) as portal:
        retro.connect(portal)
    app = open_app(load_settings(os.environ))
    with app.database.writing() as session:
        row = connections.connection_named(session, "portal")
        assert row.id is not None
        plan_behind(session, row.id)
        outbox.intend(session, intentions(row.id)[:1], AT)
        # An earlier push found the same, so that this one is not to try again within its patience.
        (write,) = outbox.outbox_rows(session)
        write.waits = 5
        session.add(write)
    app.close()
    answer = retro("push", "portal")
    assert answer.status == 1
    assert "push: The tool cannot be reached: " in answer.out
    assert "The writes stay in the outbox and are tried again: " in answer.out
    (kept,) = retro("outbox", "--json").document
    assert kept["state"] == "planned"
    (run,) = retro("push", "portal", "--json").document["runs"]
    assert (run["status"], run["error"]["kind"]) == ("waiting", "Unavailable")
    assert run["waiting_until"] is not None
    line = retro("runs").out.splitlines()[-1]
    assert line.startswith(f"{run['run']} waits until 20")
    assert " UTC. The tool cannot be reached: " in line


def test_writes_that_are_held_back_are_counted_after_a_push_and_explained(
    retro: Retro, portal: Sandbox
) -> None:
    retro.connect(portal)
    app = open_app(load_settings(os.environ))
    with app.database.writing() as session:
        row = connections.connection_named(session, "portal")
        assert row.id is not None
        plan_behind(session, row.id)
        target, create, _, comment = intentions(row.id)
        outbox.intend(session, [create, comment], AT)
        write = outbox.outbox_rows(session, row.id)[0]
        write.state, write.error = OutboxState.REFUSED, AWAY
        session.add(write)
    told = retro("push", "portal")
    assert (told.status, told.out) == (
        3,
        "Nothing to send.\nportal: 2 writes are not delivered; retro outbox says why.\n",
    )
    listed = " ".join(retro("outbox").out.split())
    assert f"{REMINDER}: waits behind {DESIGNER}, which was not delivered" in listed
    with app.database.writing() as session:
        outbox.intend(session, [target], AT)
    told = retro("push", "portal")
    assert told.status == 3
    assert f"Not delivered: 1. create_task {DESIGNER}: " in told.out
    assert "Held back behind: 1." in told.out
    assert "portal: 2 writes are not delivered" in told.out
    assert retro("push", "portal", "--json").document["undelivered"] == {"portal": 2}
    retro.monkeypatch.setenv("RETRO_LANG", "fr")
    assert "portal : 2 écritures ne sont pas livrées ; retro outbox" in retro("push").out
    app.close()


def test_a_push_gives_up_a_tool_that_stays_away_and_no_other_wait() -> None:
    assert not is_given_up(waits(), AT)
    assert is_given_up(waits(seconds=31), AT)
    assert is_given_up(waits(), AT - timedelta(seconds=30))
    assert is_given_up(waits(seconds=31, error={**AWAY, "kind": "SentElsewhere"}), AT)
    assert not is_given_up(waits(seconds=900, error={**AWAY, "kind": "RateLimited"}), AT)
    assert not is_given_up(waits(seconds=900, error=None), AT)
    assert not is_given_up(waits("deals", seconds=900), AT)


def test_a_wait_is_told_once_with_its_reason_and_its_end(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = Waits({1: "portal"})
    for seconds in (900, 900, 901):
        told.run(waits("deals", seconds, error={**AWAY, "message": "The tool asks for a pause."}))
    out, err = capsys.readouterr()
    assert (out, err) == (
        "",
        "retro: portal: deals waits until 2026-11-23 08:15:00 UTC. The tool asks for a pause. "
        "Ctrl-C ends the command; nothing is lost.\n",
    )
    told.run(waits("deals", 950, error={**AWAY, "kind": "RateLimited"}))
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_a_pull_that_waits_says_so_and_so_does_the_history(retro: Retro, portal: Sandbox) -> None:
    retro.connect(portal)
    limit = {"code": "OPERATION_TIME_LIMIT", "description": "Method is blocked"}
    portal.faults({"on": {"method": "crm.item.list", "nested": True}, "do": "error", **limit})
    run_id = waiting_run(retro)
    portal.faults()
    assert retro("runs").out.splitlines()[-1].startswith(f"{run_id} waits until 20")


def test_what_all_streams_met_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    failed = [waits(stream) for stream in ("people", "deals")]
    for run in failed:
        run.status, run.waiting_until = RunStatus.FAILED, None
    show_runs(Output(json=False), failed)
    told = capsys.readouterr().out.splitlines()
    assert told[-1] == f"people, deals: {AWAY['message']} Wait."
    assert sum(AWAY["message"] in line for line in told) == 1
    assert status_of([waits()]) == 1
