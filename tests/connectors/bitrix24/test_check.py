"""Trying a connection: its name, or one sentence with what to do."""

from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from connectors.bitrix24.checks import SCOPES
from connectors.bitrix24.connector import Bitrix24
from connectors.bitrix24.sandbox import settings
from connectors.errors import (
    AuthFailed,
    BadResponse,
    ConnectionBroken,
    ConnectorError,
    NotPermitted,
    Unavailable,
)
from connectors.sandbox.runner import free_port
from tests.connectors.bitrix24.kit import (
    CODE,
    Call,
    Hands,
    Sandbox,
    Script,
    batched,
    good,
    sandbox,
)


def failure(connector: Bitrix24) -> ConnectorError:
    with pytest.raises(ConnectorError) as refused:
        connector.check()
    error = refused.value
    for text in (error.message, error.next_step):
        assert text.endswith(".")
        assert "\n" not in text
        assert CODE not in text
    return error


def test_a_good_connection_is_named_by_portal_and_user(portal: Sandbox) -> None:
    host = portal.base.removeprefix("http://")
    assert portal.connector().check() == f"{host} (Ada Admin)"


def test_a_wrong_webhook_is_to_be_copied_again(portal: Sandbox) -> None:
    wrong = f"{portal.base}/rest/1/{CODE}/"
    error = failure(portal.connector(webhook=wrong))
    assert isinstance(error, AuthFailed)
    assert "does not know this webhook" in error.message
    assert "Copy the webhook's address" in error.next_step


def test_an_unreachable_host_is_to_be_checked_for_typing_errors() -> None:
    hands = Hands()
    address = f"http://127.0.0.1:{free_port()}/rest/1/{CODE}/"
    connector = Bitrix24(Bitrix24.Config.model_validate({"webhook": address}), hands.wire())
    error = failure(connector)
    connector.close()
    assert isinstance(error, Unavailable)
    assert "typing errors" in error.next_step
    assert len(hands.slept) == 4


@pytest.mark.parametrize(
    ("scopes", "missing"),
    [
        (("task", "user_brief", "userfieldconfig"), "crm"),
        (("crm", "user_basic"), "task, userfieldconfig"),
        (("crm", "task", "userfieldconfig"), "user_brief or user_basic or user"),
    ],
)
def test_missing_scopes_are_named(scopes: tuple[str, ...], missing: str) -> None:
    with sandbox(records=20, scopes=scopes) as running:
        error = failure(running.connector())
    assert isinstance(error, NotPermitted)
    assert error.message == f"The key lacks these scopes: {missing}."
    assert "tick" in error.next_step


def test_a_portal_without_rest_is_told_about_its_plan() -> None:
    with sandbox(records=20, rest_disabled=True) as running:
        error = failure(running.connector())
    assert isinstance(error, NotPermitted)
    assert "commercial plan" in error.next_step


def test_a_host_that_is_no_portal_is_said_to_be_none() -> None:
    error = failure(
        Script(lambda _: httpx.Response(404, html="<html>Not found</html>")).connector()
    )
    assert isinstance(error, ConnectionBroken)
    assert "not as a Bitrix24 portal" in error.message


def test_an_unknown_custom_field_is_named(portal: Sandbox) -> None:
    mapped = {"contract": "UF_CRM_1747309879", "typo": "UF_CRM_TYPO"}
    error = failure(portal.connector(fields=mapped))
    assert "no field UF_CRM_TYPO" in error.message


def test_a_lead_stage_that_does_not_exist_is_named_with_the_known_ones(portal: Sandbox) -> None:
    error = failure(portal.connector(qualified_stages=["PROCESSED", "in_proces"]))
    assert error.message == "Leads have no stage 'in_proces'."
    assert error.next_step.startswith("Did you mean IN_PROCESS? qualified_stages may name: NEW, ")
    assert portal.connector(qualified_stages=["PROCESSED"]).check()


@pytest.mark.quirk(20)
@pytest.mark.parametrize("moments", ["no_offset", "date_only"])
@pytest.mark.parametrize("zone", ["-05:00", "+03:00"])
def test_a_portal_that_filters_moments_otherwise_is_noticed(zone: str, moments: str) -> None:
    with sandbox(records=20, zone=zone, moments=moments) as running:
        error = failure(running.connector())
    assert isinstance(error, BadResponse)
    assert "moments" in error.message


@pytest.mark.quirk(20)
@pytest.mark.parametrize("zone", ["-05:00", "+03:00", "Europe/Paris", "+05:45"])
def test_a_portal_that_reads_offsets_passes_in_every_zone(zone: str) -> None:
    with sandbox(records=20, zone=zone) as running:
        assert running.connector().check()


@pytest.mark.quirk(20)
def test_an_edit_after_the_probe_is_no_fault_of_the_filter() -> None:
    """The later bound finds a record that was edited meanwhile, and rightly."""
    row = {"id": 5, "updatedTime": "2026-08-20T12:50:00+03:00"}
    edited = {"id": 5, "updatedTime": "2026-08-20T12:50:07+03:00"}
    answers = {"newest": [row], "same": [edited], "later": [edited]}

    def answer(call: Call) -> Mapping[str, Any]:
        if call.method == "scope":
            return good(["crm", "task", "user_brief", "userfieldconfig"])
        if call.method == "user.current":
            return good({"ID": "1", "NAME": "Ada", "LAST_NAME": "Admin"})
        return batched({name: {"items": answers[name]} for name in call.commands})

    assert Script(answer).connector().check() == "portal.example (Ada Admin)"


def test_the_settings_printed_by_a_sandbox_connect_to_it(portal: Sandbox) -> None:
    printed = settings(portal.options, portal.base)
    assert set(printed) <= set(Bitrix24.Config.model_fields)


def test_every_scope_that_a_check_asks_for_is_told_before() -> None:
    assert all(set(names) & set(Bitrix24.scopes) for names in SCOPES)
