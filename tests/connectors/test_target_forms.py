"""What a KPI target becomes in a tool is told without a call, and is one of the tool's forms."""

from contextlib import closing
from datetime import date
from typing import Any

import httpx
import msgspec
import pytest

from connectors.capabilities import ForetellsTargets, WritesTargets
from connectors.models import KpiTarget, TargetForm
from connectors.port import Connector
from connectors.registry import shipped_tools
from tests.connectors.hands import Hands

TARGET = KpiTarget(
    key="D-1:target",
    title="click rate +15 %",
    kpi="click_rate",
    unit="share",
    decision="D-1",
    owner="7",
    baseline=0.025,
    target=0.02875,
    starts_on=date(2026, 11, 23),
    recheck_on=date(2027, 1, 15),
)
WON = msgspec.structs.replace(TARGET, kpi="deals_won", unit="count", target=12.0)
SERVER = "https://crm.example"
APP = {"client_id": "id", "client_secret": "secret"}
SETTINGS: dict[str, dict[str, Any]] = {
    "bitrix24": {"webhook": f"{SERVER}/rest/1/a1b2c3d4e5f6g7h8/"},
    "hubspot": {"token": "secret-of-the-tests"},
    "pipedrive": {"api_token": "secret-of-the-tests", "company": SERVER},
    "salesforce": {"base_url": "https://acme.my.salesforce.com", **APP},
    "tryton": {"server": SERVER, "database": "retro", "key": "secret-of-the-tests"},
}
RECORD = "record of the KPI target object"
WRITERS = [kind for kind, tool in shipped_tools().items() if issubclass(tool, WritesTargets)]


def refused(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"the tool was asked: {request.url}")


def form(kind: str, target: KpiTarget, remote_id: str | None = None, **more: Any) -> TargetForm:
    tool: type[Connector[Any]] = shipped_tools()[kind]
    config = tool.Config.model_validate({**SETTINGS[kind], **more})
    wire = Hands().wire(httpx.MockTransport(refused))
    with closing(tool(config, wire)) as connector:
        assert isinstance(connector, ForetellsTargets)
        found = connector.target_as(target, remote_id)
        assert found in tool.target_forms
        return found


@pytest.mark.parametrize("kind", WRITERS)
def test_every_tool_that_takes_targets_tells_their_form_in_both_languages(kind: str) -> None:
    for target in (TARGET, WON):
        form(kind, target)
    for each in shipped_tools()[kind].target_forms:
        for words in filter(None, (each.name, each.why)):
            assert words.en
            assert words.fr
            assert words.en != words.fr


@pytest.mark.parametrize(
    ("kind", "target", "settings", "name"),
    [
        ("bitrix24", TARGET, {}, "item of the smart process 'Retro ROI KPI targets'"),
        ("hubspot", TARGET, {"goal_template": {"click_rate": "31"}}, "goal"),
        ("pipedrive", WON, {"goals": {"deals_won": "deals_won"}}, "goal"),
        ("salesforce", TARGET, {}, RECORD),
        ("salesforce", TARGET, {"quotas": {"click_rate": "0Db1"}}, RECORD),
        ("salesforce", WON, {"quotas": {"deals_won": "0Db1"}}, "quota of a forecast"),
    ],
)
def test_a_tool_with_an_object_for_it_has_no_fallback(
    kind: str, target: KpiTarget, settings: dict[str, Any], name: str
) -> None:
    found = form(kind, target, **settings)
    assert (found.name.en, found.is_fallback) == (name, False)


@pytest.mark.parametrize(
    ("kind", "target", "why"),
    [
        ("hubspot", TARGET, "goal_template"),
        ("pipedrive", TARGET, "Pipedrive's goals count deals or activities"),
        ("pipedrive", msgspec.structs.replace(WON, segment="source=web"), "as a whole"),
        ("tryton", TARGET, "no object"),
    ],
)
def test_one_without_falls_back_and_says_why(kind: str, target: KpiTarget, why: str) -> None:
    found = form(kind, target)
    assert found.why is not None
    assert why in found.why.en


def test_what_was_written_is_told_by_its_id_whatever_is_set_now() -> None:
    assert form("hubspot", TARGET, "goal:9").name.en == "goal"
    assert form("hubspot", TARGET, "task:9", goal_template={"click_rate": "31"}).is_fallback
    assert form("pipedrive", TARGET, "0" * 24).name.en == "goal"
    assert form("pipedrive", WON, "17").is_fallback
    assert form("salesforce", TARGET, "quota:0J9").name.en == "quota of a forecast"
