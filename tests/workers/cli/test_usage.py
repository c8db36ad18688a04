"""Wrong usage ends with 2, a failure with 1, each with one sentence and, if asked, one document."""

import re

import click
import pytest

from tests.connectors.bitrix24.kit import Sandbox
from tests.workers.cli.kit import Retro
from workers.cli.main import COMMANDS
from workers.cli.main import retro as retro_command
from workers.cli.output import Output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nosuch"], "No such command 'nosuch'"),
        (["pull"], "Missing argument 'NAME'"),
        (["pull", "portal", "--stream", "dels"], "'dels' is not one of"),
        (["pull", "portal", "--full", "--since", "2026-01-01"], "or --since, not both"),
        (["pull", "portal", "--since", "0001-01-01"], "--full reads everything"),
        (["pull", "portal", "--since", "9999-01-01"], "still to come"),
        (["connect", "bitrix24", "portal", "--set", "webhook"], "--set takes key=value"),
        (["schedule", "portal", "--every", "5x"], "'5x' is no interval; write 30s, 15m"),
        (["schedule", "portal", "--every", "0s"], "'0s' is no interval"),
        (["schedule", "portal", "--cron", "61 * * * *"], "'61 * * * *' is no cron line"),
        (["schedule", "portal", "--cron", "0 0 30 2 *"], "'0 0 30 2 *' names a day that no month"),
        (["schedule", "portal", "--every", "5s", "--cron", "* * * * *"], "and not both"),
        (["schedule", "portal"], "give --every or --cron"),
        (["schedule", "portal", "--off", "--reconcile", "0 3 * * *"], "and not both"),
        (["schedule", "portal", "--reconcile", "nightly"], "'nightly' is no cron line"),
        (["schedule", "portal", "--every", "5m", "--jitter", "5m"], "shorter than --every"),
        (["schedule", "portal", "--cron", "0 6 * * *", "--tz", "Mars"], "'Mars' is no time zone"),
        (["schedule", "portal", "--cron", "0 6 * * *", "--tz", "Europe"], "'Europe' is no time"),
        (["outbox", "retry"], "retry takes the key"),
        (["schedule", "portal", "--every", f"{10**14}d"], "is longer than a year"),
        (["action", "D-1:x", "--title", " "], "a task needs a title"),
        (["action", "D-1:x", "--done", "--reopen"], "give --done or --reopen, not both"),
        (["kpis", "--from", "2026-12-01", "--to", "2026-01-01"], "--from must lie before --to"),
        (["kpis", "--to", "9999-12-31"], "--to lies in the year 9999"),
        (["kpis", "--from", "0001-01-01"], "--from lies in the year 1;"),
        (["runs", f"{10**20}"], "give nothing, the number of a run"),
        (["undo", f"{10**20}"], "is not in the range"),
        (["records", "deals", "--limit", f"{10**20}"], "is not in the range"),
        (["conflicts", "settle", f"{10**20}", "ours"], "is not in the range"),
        (["import", "nosuch.yaml"], "'nosuch.yaml' does not exist"),
    ],
)
def test_wrong_usage_is_one_sentence_and_status_2(
    retro: Retro, arguments: list[str], words: str
) -> None:
    answer = retro(*arguments, "--json")
    assert answer.status == 2
    assert words in answer.sentence
    error = answer.document["error"]
    assert (error["kind"], error["who"]) == ("Usage", "user")
    assert answer.sentence == f"{error['message']} {error['next_step']}"
    assert error["message"][-1] in ".?"
    assert retro(*arguments).out == ""


def test_without_a_command_the_help_is_shown(retro: Retro) -> None:
    answer = retro()
    assert (answer.status, answer.out) == (2, "")
    assert answer.err.startswith("Usage: retro")


def test_a_setting_that_cannot_be_used_is_named(retro: Retro) -> None:
    retro.monkeypatch.setenv("RETRO_TZ", "Mars")
    answer = retro("connections", "--json")
    assert answer.status == 2
    assert answer.document["error"]["message"] == answer.sentence
    assert answer.sentence.startswith("RETRO_TZ cannot be used: 'Mars' is not a time zone")


def test_a_switch_that_is_neither_on_nor_off_is_told_its_default_in_those_words(
    retro: Retro,
) -> None:
    retro.monkeypatch.setenv("RETRO_ALLOW_PRIVATE_HOSTS", "maybe")
    assert retro("connections").sentence == (
        "RETRO_ALLOW_PRIVATE_HOSTS cannot be used: it should be 1 (on) or 0 (off); correct it, or "
        "unset it for the default off."
    )


def test_the_version_is_told(retro: Retro) -> None:
    answer = retro("--version")
    assert (answer.status, answer.err) == (0, "")
    assert re.fullmatch(r"retro \d+\.\d+\.\d+\n", answer.out)


@pytest.mark.parametrize("command", [*COMMANDS, "rules check", "rules show"])
def test_every_option_explains_itself(command: str) -> None:
    first, *rest = command.split()
    found = retro_command.get_command(click.Context(retro_command), first)
    for name in rest:
        assert isinstance(found, click.Group)
        found = found.commands[name]
    assert found is not None
    options = [each for each in found.params if isinstance(each, click.Option)]
    assert [each.name for each in options if not each.help] == []


def test_a_home_that_cannot_be_made_is_named(retro: Retro) -> None:
    retro.monkeypatch.setenv("RETRO_HOME", "/proc/nosuch")
    answer = retro("connections")
    assert answer.status == 1
    assert "/proc/nosuch" in answer.sentence


def test_a_schedule_is_set_once_for_a_stream_and_shown(retro: Retro, portal: Sandbox) -> None:
    retro.connect(portal)
    timing = ("--stream", "deals")
    retro("schedule", "portal", *timing, "--every", "5s")
    hourly = retro("schedule", "portal", *timing, "--cron", "0 * * * *", "--tz", "Asia/Tokyo")
    assert hourly.status == 0
    (shown,) = retro("schedules", "--json").document
    assert (shown["connection"], shown["stream"]) == ("portal", "deals")
    assert (shown["every_seconds"], shown["cron"], shown["tz"]) == (None, "0 * * * *", "Asia/Tokyo")
    assert shown["next_run_at"].endswith(":00:00Z")
    every = retro("schedule", "portal", "--every", "15m", "--reconcile", "off", "--json").document
    assert {each["stream"]: each["every_seconds"] for each in every} == dict.fromkeys(
        (
            "people",
            "pipelines",
            "contacts",
            "leads",
            "deals",
            "stage_changes",
            "activities",
            "tasks",
        ),
        900.0,
    )
    assert len(retro("schedules", "--json").document) == len(every)


@pytest.mark.promise("G11")
def test_a_connection_that_is_scheduled_is_reconciled_at_night_unless_told_otherwise(
    retro: Retro, portal: Sandbox
) -> None:
    retro.connect(portal)

    def full() -> set[tuple[str, str, bool]]:
        rows = retro("schedules", "--json").document
        return {(r["stream"], r["cron"], r["enabled"]) for r in rows if r["mode"] == "full"}

    set_ = retro("schedule", "portal", "--every", "15m", "--jitter", "1m", "--json").document
    assert {(r["mode"], r["cron"], r["jitter_seconds"]) for r in set_} == {
        ("incremental", None, 60.0),
        ("full", "0 3 * * *", 60.0),
    }
    assert len(full()) == 8
    retro("schedule", "portal", "--reconcile", "30 4 * * 0")
    assert {(cron, on) for _, cron, on in full()} == {("30 4 * * 0", True)}
    assert retro("schedule", "portal", "--reconcile", "off").status == 0
    retro("schedule", "portal", "--every", "5m")
    assert {on for _, _, on in full()} == {False}
    retro("schedule", "portal", "--stream", "deals", "--reconcile", "0 5 * * *")
    assert {stream for stream, _, on in full() if on} == {"deals"}


def test_the_reconcile_follows_when_the_zone_is_changed(retro: Retro, portal: Sandbox) -> None:
    retro.connect(portal)
    retro("schedule", "portal", "--cron", "0 6 * * *", "--jitter", "1m")
    retro("schedule", "portal", "--stream", "leads", "--reconcile", "30 4 * * 0")
    retro("schedule", "portal", "--stream", "tasks", "--reconcile", "off")
    moved = retro("schedule", "portal", "--cron", "0 6 * * *", "--tz", "America/New_York", "--json")
    assert {row["mode"] for row in moved.document} == {"incremental", "full"}
    rows = retro("schedules", "--json").document
    full = {row["stream"]: row for row in rows if row["mode"] == "full"}
    assert {row["tz"] for row in rows if row["enabled"]} == {"America/New_York"}
    assert (full["leads"]["cron"], full["deals"]["cron"]) == ("30 4 * * 0", "0 3 * * *")
    assert full["deals"]["jitter_seconds"] == 60.0
    assert full["deals"]["next_run_at"][11:] in ("07:00:00Z", "08:00:00Z")
    assert not full["tasks"]["enabled"]
    # A zone that nobody named changes none.
    retro("schedule", "portal", "--every", "15m")
    rows = retro("schedules", "--json").document
    assert {row["tz"] for row in rows if row["mode"] == "full" and row["enabled"]} == {
        "America/New_York"
    }


def test_who_is_asked_and_cannot_answer_is_told_how_to_go_on(retro: Retro, portal: Sandbox) -> None:
    retro.connect(portal)
    answer = retro("disconnect", "portal")
    assert answer.status == 2
    assert "so portal is kept; to forget it unasked: retro disconnect portal --yes" in answer.err
    assert retro("disconnect", "portal", given="n\n").status == 1
    assert [each["name"] for each in retro.connections()] == ["portal"]
    assert retro("disconnect", "portal", given="y\n").status == 0
    assert retro.connections() == []


def test_who_turns_a_schedule_on_again_is_told_that_nothing_is_read_as_a_whole(
    retro: Retro, portal: Sandbox
) -> None:
    retro.connect(portal)
    told = "deletes in the tool may go unnoticed"
    assert told not in retro("schedule", "portal", "--every", "15m").out
    assert told not in retro("schedule", "portal", "--off").out
    assert told in " ".join(retro("schedule", "portal", "--every", "15m").out.split())
    again = retro("schedule", "portal", "--every", "15m", "--reconcile", "0 3 * * *")
    assert told not in again.out


@pytest.mark.promise("G15")
def test_a_schedule_that_nobody_claims_did_not_run(
    retro: Retro, portal: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    retro.connect(portal)
    monkeypatch.setenv("RETRO_CLOCK", "2026-11-23T09:00:00+01:00")
    retro("schedule", "portal", "--stream", "deals", "--every", "15m")
    assert retro("schedules").status == 0
    monkeypatch.setenv("RETRO_CLOCK", "2026-11-23T10:00:00+01:00")
    late = retro("schedules")
    assert (late.status, "Start what makes them due: retro run" in late.out) == (3, True)
    (row,) = retro("schedules", "--json").document
    assert row["did_not_run"] is True
    (bad,) = [each for each in retro("doctor", "--json").document if not each["good"]]
    assert bad["what"] == "schedule portal deals"


def test_the_tools_tell_what_they_can_do_and_which_settings_are_secret(retro: Retro) -> None:
    tools = {each["kind"]: each for each in retro("tools", "--json").document}
    assert set(tools) >= {"bitrix24", "files"}
    portal = tools["bitrix24"]
    assert {"deals", "leads", "write tasks", "write KPI targets"} <= set(portal["capabilities"])
    secret = {each["name"] for each in portal["settings"] if each["secret"]}
    assert secret == {"webhook", "client_secret", "application_token"}
    (alone,) = retro("tools", "bitrix24", "--json").document
    assert {name: alone[name] for name in portal} == portal


def test_a_tool_says_how_to_connect_it_and_marks_its_settings(retro: Retro) -> None:
    retro.monkeypatch.setenv("COLUMNS", "300")
    shown = retro("tools", "hubspot").out.splitlines()
    assert "Connect: retro connect hubspot NAME --secret token" in shown
    assert "More: docs/tools/hubspot.md" in shown
    (server,) = [line for line in retro("tools", "tryton").out.splitlines() if "retro con" in line]
    assert server.endswith("NAME --set server=… --set database=… --secret key")
    (app,) = [line for line in retro("tools", "salesforce").out.splitlines() if "retro con" in line]
    assert app.endswith("NAME --set base_url=… --set client_id=… --secret client_secret")
    rows = {line.split()[0]: line for line in shown if line}
    assert rows["token"].split()[1:4] == ["secret", "Service", "key:"]
    assert rows["plan"].split()[1:] == ["default", "starter", "Plan"]
    words = [line.split() for line in retro("tools", "tryton").out.splitlines()]
    required = {each[0] for each in words if each[1:] and each[1].startswith("required")}
    assert required == {"server", "database", "key"}
    (tool,) = retro("tools", "hubspot", "--json").document
    defaults = {each["name"]: each["default"] for each in tool["settings"]}
    assert (defaults["leads"], defaults["token"]) == ("true", None)


def test_a_tool_marks_which_kpi_targets_are_fallbacks(retro: Retro) -> None:
    (tool,) = retro("tools", "hubspot", "--json").document
    native, fallback = tool["target_forms"]
    assert (native["fallback"], native["why"], native["name"]["fr"]) == (False, None, "objectif")
    assert (fallback["fallback"], set(fallback["why"])) == (True, {"en", "fr"})
    rows = [line.split() for line in retro("tools", "hubspot").out.splitlines()]
    assert ["native", "goal"] in rows
    assert any(row[:2] == ["fallback", "task"] and "goal_template" in row for row in rows)


def test_a_tool_shows_its_score_card_row_by_row(retro: Retro) -> None:
    (portal,) = retro("tools", "bitrix24", "--json").document
    card = portal["card"]
    assert (card["proven"], card["fail"], card["not_tried"]) == (portal["proven"], 0, 0)
    assert card["pass"] + card["not_applicable"] == len(card["rows"]) >= 33
    assert {"row", "chapter", "says", "result", "why"} == card["rows"][0].keys()
    assert "Conformance: proven (" in retro("tools", "bitrix24").out
    assert "unproven" not in retro("tools").out


def test_the_doctor_finds_a_rules_file_that_cannot_be_used(retro: Retro) -> None:
    well = retro("doctor", "--json")
    assert well.status == 0
    assert all(finding["good"] for finding in well.document)
    (retro.home / "rules.yaml").write_text("version: 1\nruls: []\n")
    ill = retro("doctor", "--json")
    assert ill.status == 1
    (bad,) = [finding for finding in ill.document if not finding["good"]]
    assert bad["what"] == "rules"
    assert "rules.yaml:2" in bad["found"]


@pytest.mark.parametrize("content", ["", "no key at all"])
def test_a_damaged_key_ring_is_named_with_the_way_out(retro: Retro, content: str) -> None:
    retro("connections")
    (retro.home / "secret.keys").write_text(content)
    answer = retro("connections", "--json")
    assert answer.status == 1
    assert "secret.keys holds no keys that can be used: bring back the copy" in answer.sentence
    assert answer.document["error"]["kind"] == "CannotRun"


def test_a_key_is_never_broken_in_a_narrow_table(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    key = "task:D-2026-11-23-transactional-email-click-rate:content-designer"
    address = f"https://portal.example/{'x' * 60}"
    Output(json=False).table("", ("key", "action", "where"), [(key, key, address)])
    shown = capsys.readouterr().out
    assert shown.count(key) == 2
    assert address not in shown
