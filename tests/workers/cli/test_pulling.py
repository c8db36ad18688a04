"""`retro pull`, `records`, `runs`: the documents that programs are promised, and Ctrl-C."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlmodel import select

from config.settings import load_settings
from connectors.models import Stream
from sync.store import connections, runs
from sync.store.database import Database
from sync.tables.runs import Mode, Run, RunStatus, Trigger
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.waiting import eventually
from tests.workers.cli.kit import Retro
from workers.app import open_app
from workers.clock import machine_now
from workers.running import work_on

RUN = {
    "run": int,
    "stream": str,
    "mode": str,
    "status": str,
    "read": int,
    "created": int,
    "updated": int,
    "unchanged": int,
    "deleted": int,
    "set_aside": int,
    "requests": int,
    "seconds": float,
    "records_per_second": int,
    "complete": bool,
    "certificate": dict,
    "waiting_until": type(None),
    "error": type(None),
}
HISTORY = {
    "progress": type(None),
    "cancelling": bool,
    "connection": str,
    "trigger": str,
    "worker": dict,
    "queued_at": str,
    "started_at": str,
    "ended_at": str,
}
RECORD = {"connection", "id", "title", "stage", "amount", "currency", "source", "utm", "owner"}
MOMENTS = {"created_at", "updated_at", "closed_at", "deleted_at"}


def types(document: dict[str, Any]) -> dict[str, type]:
    return {name: type(value) for name, value in document.items()}


def test_a_pull_tells_people_whether_it_has_all(retro: Retro, portal: Sandbox) -> None:
    retro.connect(portal)
    _, row = retro("pull", "portal", "--stream", "deals").out.splitlines()
    assert row.split()[:2] == ["deals", "succeeded"]
    assert row.split()[-1] == "complete"
    assert retro("pull", "portal", "--stream", "deals").out.rstrip().endswith("changes")
    (head, *_) = retro("runs").out.splitlines()
    assert head.split()[:3] == ["run", "connection", "stream"]


def test_what_is_set_aside_is_told_once_by_file_and_row(retro: Retro, tmp_path: Path) -> None:
    folder = tmp_path / "figures"
    folder.mkdir()
    (folder / "notes.csv").write_text("a,b\n1,2\n")
    (folder / "email_stats.csv").write_text("day,campaign\n2026-09-01,C\n")
    (folder / "ads.csv").write_text("day,campaign,impressions\nsoon,C,5\n")
    retro("connect", "files", "figures", "--set", f"folder={folder}")
    told = retro("pull", "figures")
    assert (told.status, "complete, " in told.out, "aside" in told.out) == (3, True, True)
    shown = retro("quarantine", "--json").document
    assert sorted((row["stream"], row["record"].split(":")[0]) for row in shown) == [
        ("campaign_stats", "ads.csv, row 2"),
        ("campaign_stats", "notes.csv"),
        ("email_stats", "email_stats.csv"),
        ("email_stats", "notes.csv"),
        ("form_stats", "notes.csv"),
    ]
    text = " ".join(retro("quarantine").out.split())
    assert text.count("notes.csv") == 1
    assert text.count('"soon" is not a day') == 1


def test_a_tool_that_does_not_describe_its_fields_says_so(retro: Retro, portal: Sandbox) -> None:
    retro.connect(portal)
    assert retro("fields", "portal", "people").out == (
        "bitrix24 does not describe the fields of people.\n"
    )


def test_a_kpi_that_was_not_measured_says_so_in_words(retro: Retro) -> None:
    told = retro("kpis", "click_rate").out
    assert "not measured" in told
    assert "None" not in told
    retro.monkeypatch.setenv("RETRO_LANG", "fr")
    assert "non mesuré" in retro("kpis", "click_rate").out


def test_a_pull_answers_in_the_promised_shape(retro: Retro, portal: Sandbox) -> None:
    retro.connect(portal)
    answer = retro("pull", "portal", "--stream", "deals", "--json")
    assert (answer.status, answer.err) == (0, "")
    assert set(answer.document) == {"connection", "runs"}
    (run,) = answer.document["runs"]
    assert types(run) == RUN
    assert (run["mode"], run["status"], run["complete"]) == ("full", "succeeded", True)
    assert (run["read"], run["created"]) == (60, 60)
    certificate = run["certificate"]
    assert (certificate["remote_count"], certificate["mirror_count"]) == (60, 60)
    assert certificate["ids_match"] is True
    (second,) = retro("pull", "portal", "--stream", "deals", "--json").document["runs"]
    assert (second["mode"], second["complete"], second["certificate"]) == (
        "incremental",
        None,
        None,
    )
    assert (second["created"], second["updated"]) == (0, 0)


def test_the_history_adds_what_asked_for_a_run_and_who_did_it(
    retro: Retro, portal: Sandbox
) -> None:
    retro.connect(portal)
    retro("pull", "portal", "--stream", "people")
    (run,) = retro("runs", "--json").document
    assert types(run) == RUN | HISTORY
    assert (run["connection"], run["trigger"]) == ("portal", "manual")
    assert set(run["worker"]) == {"host", "pid"}
    assert run["worker"]["pid"] == os.getpid()
    assert run["queued_at"] <= run["started_at"] <= run["ended_at"]
    assert retro("runs", str(run["run"]), "--json").document == run
    missing = retro("runs", "99", "--json")
    assert (missing.status, missing.sentence) == (1, "There is no run 99.")


def test_deals_and_leads_come_out_one_a_line_as_the_portal_has_them(
    retro: Retro, portal: Sandbox
) -> None:
    retro.connect(portal)
    # With the history, which knows better than a deal when it was closed.
    retro("pull", "portal", *(f"--stream={each}" for each in ("deals", "leads", "stage_changes")))
    for stream, more in (
        ("deals", {"pipeline", "stage_kind", "contacts", "lead", "extra"}),
        ("leads", {"status_kind", "contacts", "extra"}),
    ):
        found = [json.loads(line) for line in retro("records", stream).out.splitlines()]
        truth = {each["id"]: each for each in portal.records(stream)}
        assert {each["id"] for each in found} == set(truth)
        for record in found:
            assert set(record) == RECORD | MOMENTS | more
            assert set(record["utm"]) == {"source", "medium", "campaign", "content", "term"}
            assert record["utm"] == truth[record["id"]]["utm"]
            assert record["closed_at"] == truth[record["id"]]["closed_at"]
        assert any(each["utm"]["campaign"] for each in found)
        assert any(each["closed_at"] for each in found)
        assert retro("records", stream, "--json").document == found
    assert len(retro("records", "deals", "--limit", "3").out.splitlines()) == 3
    heads = retro("records", "deals", "--format", "csv").out.splitlines()[0].split(",")
    assert {"connection", "id", "utm_campaign", "deleted_at"} <= set(heads)


def test_a_stream_the_tool_does_not_have_is_named(retro: Retro, portal: Sandbox) -> None:
    retro.connect(portal)
    answer = retro("pull", "portal", "--stream", "email_stats", "--json")
    assert answer.status == 1
    assert answer.document["error"]["message"] == answer.sentence
    assert answer.sentence.startswith("bitrix24 has no email_stats; it has: people,")
    assert retro("pull", "prtal").sentence == "There is no connection 'prtal'; there are: portal."


def test_ctrl_c_ends_a_pull_in_one_sentence_and_the_next_one_goes_on(retro: Retro) -> None:
    with sandbox(seed=7, records=60) as portal:
        retro.connect(portal)
        portal.faults({"do": "slow", "seconds": 2})
        before = portal.requests()
        with interruptible():
            process = subprocess.Popen(
                [sys.executable, "-m", "workers", "pull", "portal", "--stream", "deals"],
                env=dict(os.environ),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
                process_group=0,
            )
        database = Database(f"sqlite:///{retro.home / 'retro.db'}")
        run = eventually(lambda: running(database), within=20)
        eventually(lambda: portal.requests() > before, within=20)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        # Where the interrupt falls into a text that is executed, as while modules are loaded,
        # CPython ends with the status of the signal though it was caught.
        assert process.returncode in (130, -signal.SIGINT)
        assert (out, err.strip()) == ("", "retro: Stopped. Run the command again.")
        database.close()
        portal.faults()
        (again,) = retro("pull", "portal", "--stream", "deals", "--json").document["runs"]
        assert (again["run"], again["status"], again["complete"]) == (run, "succeeded", True)
        # It was let go at once: no waiting for a lease of 20 seconds.
        assert again["seconds"] < 10


@contextmanager
def interruptible() -> Iterator[None]:
    """Where the tests run in the background of a script, SIGINT is ignored, and what they start
    inherits that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def running(database: Database) -> int | None:
    with database.reading() as session:
        return session.exec(select(Run.id).where(Run.status == RunStatus.RUNNING)).first()


def test_a_pull_that_waits_is_cancelled_by_its_number(retro: Retro, portal: Sandbox) -> None:
    retro.connect(portal)
    retro("pull", "portal", "--stream", "deals")
    limit = {"code": "OPERATION_TIME_LIMIT", "description": "Method is blocked"}
    portal.faults({"on": {"method": "crm.item.list", "nested": True}, "do": "error", **limit})
    run_id = waiting_run(retro)
    portal.faults()
    waiting = retro("runs", str(run_id), "--json").document
    assert waiting["status"] == "waiting"
    assert waiting["progress"] == {"read": 0, "expected": 60, "seconds_left": None}
    retro.monkeypatch.setenv("COLUMNS", "200")
    assert "of about 60" in retro("runs").out
    cancelled = retro("runs", "cancel", str(run_id), "--json").document
    assert (cancelled["status"], cancelled["progress"]) == ("cancelled", None)
    again = retro("runs", "cancel", str(run_id))
    assert (again.status, again.sentence) == (1, f"Run {run_id} has ended before: cancelled.")
    assert retro("runs", "cancel", "99").sentence == "There is no run 99."
    assert retro("runs", "cancel").status == 2
    (run,) = retro("pull", "portal", "--stream", "deals", "--full", "--json").document["runs"]
    assert (run["status"], run["complete"]) == ("succeeded", True)


def waiting_run(retro: Retro) -> int:
    """A full pull of the deals that waits for the portal; its number."""
    app = open_app(load_settings(os.environ))
    try:
        with app.database.writing() as session:
            row = connections.connection_named(session, "portal")
            assert row.id is not None
            run = runs.queue_run(
                session,
                row.id,
                Stream.DEALS,
                mode=Mode.FULL,
                trigger=Trigger.SCHEDULE,
                at=machine_now(),
            )
        assert run.id is not None
        assert work_on(app, run.id) is RunStatus.WAITING
        return run.id
    finally:
        app.close()


def test_runs_that_are_left_out_are_counted_with_how_to_see_them(
    retro: Retro, portal: Sandbox
) -> None:
    retro.connect(portal)
    for _ in range(3):
        retro("pull", "portal", "--stream", "deals")
    assert "earlier" not in retro("runs").out
    told = "1 more, earlier ones; to see them: retro runs --limit 3"
    assert retro("runs", "--limit", "2").out.splitlines()[-1] == told
    answer = retro("runs", "--limit", "2", "--json")
    assert (len(answer.document), answer.sentence) == (2, told)
    assert len(retro("runs", "--limit", "3", "--json").document) == 3
    assert "earlier" not in retro("runs", "1").out
