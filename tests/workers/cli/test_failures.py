"""What a command says when it fails, and that `--json` is one document whatever happens."""

import json
import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from connectors.sandbox.runner import free_port
from rules.yaml_document import Problem, Refused
from sync.store.connections import StillNeeded, UnknownConnection
from sync.store.database import Database
from sync.tables.people import Person
from sync.vault import SecretsUnreadable
from tests.connectors.bitrix24.kit import Sandbox, sandbox
from tests.workers.cli.kit import Retro
from tests.workers.cli.test_deciding import RETRO, prepared
from workers.cli.output import failure_of
from workers.errors import CannotRun


@pytest.mark.parametrize("error", [KeyError("p_cmo"), IndexError("x"), ValueError("y")])
def test_an_error_of_ours_is_not_shown_as_one_of_the_user(error: Exception) -> None:
    failure = failure_of(error)
    assert failure.who == "developer"
    assert failure.message.startswith("Something unexpected went wrong")
    assert type(error).__name__ in failure.message
    assert "retro --debug" in failure.next_step


@pytest.mark.parametrize(
    "error",
    [
        CannotRun("said on purpose"),
        UnknownConnection("said on purpose"),
        StillNeeded("said on purpose"),
        SecretsUnreadable("said on purpose"),
    ],
)
def test_an_error_raised_on_purpose_speaks_for_itself(error: Exception) -> None:
    assert failure_of(error).message == "said on purpose"
    assert failure_of(error).who == "user"


@pytest.mark.parametrize("command", [("runs",), ("run",), ("demo",), ("doctor",)])
def test_a_home_that_cannot_be_made_is_named(retro: Retro, command: tuple[str, ...]) -> None:
    retro.monkeypatch.setenv("RETRO_HOME", "/proc/retro")
    answer = retro(*command, "--json")
    assert answer.status == 1
    assert "/proc/retro" in answer.out + answer.err
    assert "unexpected" not in answer.out + answer.err


@pytest.mark.parametrize("command", ["runs", "run"])
def test_a_database_that_cannot_be_opened_is_named(
    retro: Retro, tmp_path: Path, command: str
) -> None:
    retro.monkeypatch.setenv("RETRO_DATABASE_URL", f"sqlite:///{tmp_path}")
    assert retro(command).sentence == (
        f"The database {tmp_path} cannot be opened: unable to open database file. Let this user "
        "read and write the file and its folder, or correct RETRO_HOME or RETRO_DATABASE_URL."
    )
    file = tmp_path / "letter.txt"
    file.write_text("Dear all, " * 200)
    retro.monkeypatch.setenv("RETRO_DATABASE_URL", f"sqlite:///{file}")
    assert "letter.txt cannot be opened: file is not a database" in retro(command).sentence


def test_a_database_server_that_is_down_is_named_without_its_password(retro: Retro) -> None:
    port = free_port()
    address = f"postgresql+psycopg://retro:geheim@127.0.0.1:{port}/retro"
    retro.monkeypatch.setenv("RETRO_DATABASE_URL", address)
    answer = retro("runs")
    assert answer.sentence.startswith(f"The database server at 127.0.0.1:{port} cannot be used: ")
    assert answer.sentence.endswith(" Start it, or correct RETRO_DATABASE_URL.")
    assert "geheim" not in answer.err


def test_a_refused_file_tells_every_problem() -> None:
    refused = Refused("rules.yaml", [Problem(2, "rules", "is missing")])
    assert failure_of(refused).message == "rules.yaml:2: rules: is missing"


@pytest.mark.parametrize(
    "arguments", [("kpis", "clik_rate"), ("runs", "99"), ("retros", "R"), ("decisions", "D")]
)
def test_what_is_not_there_is_named(retro: Retro, arguments: tuple[str, str]) -> None:
    answer = retro(*arguments, "--json")
    assert answer.status == 1
    assert arguments[1] in answer.sentence
    assert answer.document["error"]["who"] == "user"


def test_a_file_that_is_no_text_is_refused_by_name(retro: Retro, tmp_path: Path) -> None:
    file = tmp_path / "retro.yaml"
    file.write_bytes("retro: été".encode("latin-1"))
    for command in (("import",), ("people", "import"), ("rules", "check")):
        answer = retro(*command, str(file))
        assert answer.status == 1
        assert f"{file}:1: the file is not UTF-8 text" in answer.out + answer.err


@pytest.mark.promise("G13")
def test_too_many_writes_at_once_are_told_in_one_document(retro: Retro, tmp_path: Path) -> None:
    file = tmp_path / "file.yaml"
    with sandbox(seed=7, records=20) as portal:
        prepared(retro, portal, file)
        head, decision = RETRO.split("decisions:\n")
        decisions = "".join(
            decision.replace("D-email-ctr", f"D-{n}").replace("p_des, p_cop, p_mkt", "p_des")
            for n in range(26)
        )
        file.write_text(f"{head}decisions:\n{decisions}")
        assert retro("import", str(file)).status == 0
        answer = retro("apply", "--json")
        assert answer.status == 3
        assert answer.document["applied"] is False
        assert len(answer.document["actions"]) == 26
        assert "52 times into portal" in answer.document["waits"]
        assert "retro apply --yes" in answer.sentence
        assert retro("outbox", "--json").document == []
        done = retro("apply", "--yes", "--json")
        assert (done.status, done.document["applied"]) == (0, True)
        assert "waits" not in done.document
        assert len(retro("outbox", "--json").document) == 52


def test_people_who_share_an_address_are_named(retro: Retro, tmp_path: Path) -> None:
    file = tmp_path / "people.yaml"
    with sandbox(seed=7, records=20) as portal:
        retro.connect(portal)
        retro("pull", "portal", "--stream", "people")
        email = first_address(retro)
        file.write_text(f"people:\n  - {{id: p_a, name: A, role: SDR, email: {email}}}\n")
        retro("people", "import", str(file))
        # Taken in before such a file was refused.
        with (
            closing(Database(f"sqlite:///{retro.home / 'retro.db'}")) as database,
            database.writing() as session,
        ):
            session.add(Person(id="p_b", name="B", role="SDR", email=email))
        answer = retro("people", "match", "--json")
    assert answer.status == 3
    problems = {each["id"]: each["problems"] for each in answer.document}
    assert problems["p_a"] == problems["p_b"]
    assert "portal: p_a and p_b have the same e-mail address" in problems["p_a"][0]
    assert [each["accounts"] for each in answer.document] == [{}, {}]


def first_address(retro: Retro) -> str:
    rows = retro("records", "people", "--json").document
    return next(str(row["email"]) for row in rows if row["email"] and row["active"])


def test_a_schedule_can_be_turned_off_and_on(retro: Retro, portal: Sandbox) -> None:
    retro.connect(portal)
    retro("schedule", "portal", "--every", "15m", "--reconcile", "off")
    (off,) = retro("schedule", "portal", "--stream", "deals", "--off", "--json").document
    assert (off["stream"], off["enabled"]) == ("deals", False)
    states = {each["stream"]: each["enabled"] for each in retro("schedules", "--json").document}
    assert [stream for stream, on in states.items() if not on] == ["deals"]
    assert not any(
        each["enabled"] for each in retro("schedule", "portal", "--off", "--json").document
    )
    retro("schedule", "portal", "--stream", "deals", "--every", "5m")
    on = [each for each in retro("schedules", "--json").document if each["enabled"]]
    assert [each["stream"] for each in on] == ["deals"]
    absent = retro("schedule", "portal", "--stream", "form_stats", "--every", "5m")
    assert absent.status == 1
    assert "bitrix24 has no form_stats; it has:" in " ".join(absent.err.split())
    wrong = retro("schedule", "portal", "--off", "--every", "5m")
    assert (wrong.status, "not both" in wrong.sentence) == (2, True)
    assert retro("schedule", "portal", "--stream", "leads", "--off").status == 0


def test_one_tool_is_shown_with_scopes_limits_and_quirks(retro: Retro) -> None:
    (portal,) = retro("tools", "bitrix24", "--json").document
    assert {"crm", "task", "userfieldconfig"} <= set(portal["scopes"])
    assert any("50 requests at once and 2 a second" in each for each in portal["limits"])
    assert any("renamed portal" in each for each in portal["quirks"])
    text = retro("tools", "bitrix24").out
    for part in ("userfieldconfig", "50 requests at once", "renamed portal", "webhook"):
        assert part in text
    (files,) = retro("tools", "files", "--json").document
    assert files["scopes"] == {}
    assert any("50 MB" in each for each in files["limits"])
    assert "quirks" not in retro("tools", "--json").document[0]


@pytest.mark.parametrize("words", [("worker", "--queue", "pull"), ("schedule-loop",)])
def test_what_rings_or_answers_says_that_it_needs_redis(
    retro: Retro, words: tuple[str, ...]
) -> None:
    answer = retro(*words, "--json")
    assert answer.status == 1
    assert "RETRO_REDIS_URL" in answer.sentence
    assert answer.document["error"]["kind"] == "CannotRun"


@pytest.mark.parametrize(
    "address", ["redis://:geheim@127.0.0.1:1/0", "unix://:geheim@/nowhere/redis.sock"]
)
def test_a_redis_that_does_not_answer_is_named_without_its_password(
    retro: Retro, portal: Sandbox, address: str
) -> None:
    retro.connect(portal)
    retro.monkeypatch.setenv("RETRO_REDIS_URL", address)
    named = "/nowhere/redis.sock" if address.startswith("unix") else "127.0.0.1:1"
    answer = retro("pull", "portal", "--json")
    assert answer.status == 1
    assert f"The Redis at {named} cannot be used: " in answer.sentence
    assert "Start it, or correct RETRO_REDIS_URL" in answer.sentence
    (found,) = [
        each["found"]
        for each in retro("doctor", "--json").document
        if each["what"] == "Redis server"
    ]
    assert found == answer.sentence
    assert "geheim" not in answer.out + answer.err + found


def test_a_command_that_serves_says_in_one_document_who_it_is(retro: Retro) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "workers", "schedule-loop", "--json"],
        # It waits for a Redis that does not answer yet.
        env={**os.environ, "RETRO_REDIS_URL": "redis://127.0.0.1:1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        process_group=0,
    )
    try:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        assert told == {"command": "schedule-loop", "pid": process.pid}
        process.send_signal(signal.SIGTERM)
        rest, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert (process.returncode, rest) == (0, "")
