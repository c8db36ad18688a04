"""`retro connect` and `check`: one sentence that says what to do, and nothing kept that was not
good."""

import json
import subprocess
import sys

import pytest

from connectors.sandbox.runner import free_port
from tests.connectors.bitrix24.kit import CODE, Sandbox, sandbox
from tests.workers.cli.kit import Answer, Retro, webhook_of

# Nothing is stored that could be checked.
STEP = "tick them, then connect again."


def refused(retro: Retro, webhook: str, *words: str) -> None:
    """A refusal with these words, of which nothing stays behind; the code is nowhere shown."""
    for mode in ((), ("--json",)):
        answer = retro(
            "connect", "bitrix24", "portal", "--secret", "webhook", *mode, given=f"{webhook}\n"
        )
        assert answer.status == 1
        for word in words:
            assert word in answer.sentence
        if mode:
            assert answer.document["error"]["message"] in answer.sentence
        code = webhook.split("/")[-2]
        assert code not in answer.out + answer.err
        assert code.encode() not in retro.kept()
    assert retro.connections() == []


def test_a_wrong_webhook_is_to_be_copied_again(retro: Retro, portal: Sandbox) -> None:
    wrong = f"{portal.base}/rest/1/{CODE}/"
    refused(retro, wrong, "does not know this webhook", "Copy the webhook's address again")


def test_an_unreachable_host_is_to_be_checked(retro: Retro) -> None:
    nobody = f"http://127.0.0.1:{free_port()}/rest/1/{CODE}/"
    refused(retro, nobody, "does not answer", "Check the address for typing errors")


def test_a_host_name_that_nobody_knows_is_told_apart_from_a_port_that_nobody_has(
    retro: Retro,
) -> None:
    unknown = f"https://portal.invalid/rest/1/{CODE}/"
    refused(retro, unknown, "does not answer: the network does not know its host name.")
    nobody = f"http://127.0.0.1:{free_port()}/rest/1/{CODE}/"
    refused(retro, nobody, "does not answer: nothing listens at this host and port.")


def test_an_https_address_of_a_plain_server_is_said_not_to_speak_tls(
    retro: Retro, portal: Sandbox
) -> None:
    wrong = webhook_of(portal).replace("http://", "https://")
    refused(retro, wrong, "does not answer: it does not speak TLS there")


def test_a_missing_scope_is_named(retro: Retro) -> None:
    with sandbox(records=10, scopes=("crm", "user_basic")) as narrow:
        refused(retro, webhook_of(narrow), "lacks these scopes: task, userfieldconfig", STEP)


def test_a_portal_without_rest_is_told_about_its_plan(retro: Retro) -> None:
    with sandbox(records=10, rest_disabled=True) as closed:
        refused(retro, webhook_of(closed), "denies REST", "commercial plan")


def test_plain_http_is_for_this_machine_only(retro: Retro) -> None:
    refused(retro, f"http://portal.example/rest/1/{CODE}/", "webhook:", "https://")


def test_a_private_host_needs_to_be_allowed(retro: Retro, portal: Sandbox) -> None:
    retro.monkeypatch.delenv("RETRO_ALLOW_PRIVATE_HOSTS")
    refused(retro, webhook_of(portal), "private network", "RETRO_ALLOW_PRIVATE_HOSTS=1")


def test_a_misspelt_setting_has_a_nearest_one(retro: Retro) -> None:
    answer = retro("connect", "bitrix24", "portal", "--set", f"webhok=x{CODE}")
    assert answer.status == 1
    assert answer.sentence == "Bitrix24 has no setting 'webhok'; did you mean webhook?"


def test_a_misspelt_secret_has_a_nearest_one_before_it_is_asked_for(retro: Retro) -> None:
    answer = retro("connect", "bitrix24", "portal", "--secret", "webhok", given="x\n")
    assert answer.sentence == "Bitrix24 has no secret setting 'webhok'; did you mean webhook?"
    answer = retro("connect", "files", "figures", "--secret", "webhook", given="x\n")
    assert "has no secret setting 'webhook'; there is none." in answer.sentence


@pytest.mark.parametrize("name", ["my portal", "a/b", "été", "Portal", "-p", "p" * 41, ""])
def test_a_name_that_could_not_stand_in_an_address_is_refused(retro: Retro, name: str) -> None:
    answer = retro("connect", "files", "--set", f"folder={retro.home}", "--", name)
    assert answer.status == 1
    assert "[a-z0-9][a-z0-9_-]{0,39}" in answer.sentence
    assert retro.connections() == []


@pytest.mark.parametrize("command", [("connect", "bitrx", "portal"), ("tools", "bitrx")])
def test_a_misspelt_tool_has_a_nearest_one(retro: Retro, command: tuple[str, ...]) -> None:
    answer = retro(*command)
    assert answer.status == 1
    assert answer.sentence == "There is no tool 'bitrx'; did you mean bitrix24?"


def test_missing_credentials_are_said_to_be_missing(retro: Retro) -> None:
    said = retro("connect", "bitrix24", "p").sentence
    assert said.startswith("Bitrix24 cannot be connected: No credentials: ")
    assert "No credentials: give the inbound webhook" in retro("connect", "bitrix24", "p").sentence
    nothing = retro("connect", "bitrix24", "p", "--secret", "webhook")
    assert nothing.sentence == "Nothing came on standard input for the secret 'webhook'."


def test_a_good_webhook_is_kept_where_nobody_can_read_it(retro: Retro, portal: Sandbox) -> None:
    answer = retro.connect(portal)
    assert (answer.status, answer.err) == (0, "")
    code = webhook_of(portal).split("/")[-2]
    assert code not in answer.out
    assert code.encode() not in retro.kept()
    assert b"portal" in retro.kept()


def test_a_secret_in_the_command_line_is_taken_with_a_warning(
    retro: Retro, portal: Sandbox
) -> None:
    answer = retro("connect", "bitrix24", "portal", "--set", f"webhook={webhook_of(portal)}")
    assert answer.status == 0
    assert "history of your shell" in answer.sentence
    assert "--secret webhook" in answer.sentence


def test_a_secret_may_come_from_the_environment(retro: Retro, portal: Sandbox) -> None:
    retro.monkeypatch.setenv("RETRO_SECRET_PORTAL_WEBHOOK", webhook_of(portal))
    assert retro("connect", "bitrix24", "portal").status == 0


@pytest.mark.promise("G16")
def test_credentials_that_die_break_the_connection_once_and_a_good_check_heals_it(
    retro: Retro,
) -> None:
    with sandbox(seed=7, records=20) as portal:
        retro.connect(portal)
        portal.faults({"do": "error", "code": "INVALID_CREDENTIALS", "description": "no"})
        first = pull(retro)
        assert (first.status, statuses(first)) == (1, ["failed"])
        (broken,) = retro.connections()
        assert broken["state"] == "broken"
        assert broken["error"]["kind"] == first.document["runs"][0]["error"]["kind"]
        assert broken["error"]["who"] == "admin"
        # Known by now: no second failure.
        assert statuses(pull(retro)) == ["cancelled"]
        assert retro.connections() == [broken]
        assert retro("check", "portal").status == 1
        portal.faults()
        healed = retro("check", "portal", "--json")
        assert (healed.status, healed.document["state"]) == (0, "active")
        (active,) = retro.connections()
        assert (active["state"], active["error"]) == ("active", None)
        assert statuses(pull(retro)) == ["succeeded"]


def pull(retro: Retro) -> Answer:
    return retro("pull", "portal", "--stream", "deals", "--json")


def statuses(answer: Answer) -> list[str]:
    return [run["status"] for run in answer.document["runs"]]


def test_a_key_that_is_not_accepted_is_told_with_the_name_of_the_tool(retro: Retro) -> None:
    command = [sys.executable, "-m", "workers", "sandbox", "hubspot", "--records", "1", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = json.loads(process.stdout.readline())["settings"]["base_url"]
            told = retro(
                *("connect", "hubspot", "crm", "--set", f"base_url={address}"),
                *("--secret", "token"),
                given="wrong\n",
            )
        finally:
            process.terminate()
    assert told.sentence.startswith("HubSpot does not accept the key.")


def test_an_account_that_is_connected_under_another_name_is_told(
    retro: Retro, portal: Sandbox
) -> None:
    address = webhook_of(portal)
    given = ("--secret", "webhook")
    first = retro("connect", "bitrix24", "portal", *given, given=f"{address}\n")
    again = retro("connect", "bitrix24", "portal", *given, given=f"{address}\n")
    assert "connected as" not in first.out + again.out
    second = retro("connect", "bitrix24", "other", *given, given=f"{address}\n")
    assert second.status == 0
    assert "connected as portal too, so KPIs count its records once more" in second.out
    assert "retro disconnect other" in second.out
