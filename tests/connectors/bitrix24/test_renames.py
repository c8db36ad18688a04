"""Redirects: a renamed portal is followed, and nothing else that sends calls to another host."""

from collections.abc import Callable, Mapping
from typing import Any

import httpx
import pytest
from msgspec import Raw

from connectors.bitrix24.connector import Bitrix24
from connectors.errors import BadResponse, ConnectorError, OutcomeUnknown, SentElsewhere
from tests.connectors.bitrix24.kit import CODE, Answer, Call, Script, bad, good

SAME = f"https://newname.example/rest/1/{CODE}/crm.item.list"


def renamed(
    answer: Callable[[], Answer],
    location: str = SAME,
    status: int = 302,
    webhook: str | None = None,
) -> tuple[Script, Bitrix24]:
    """The old host redirects, and any other one answers so."""

    def handle(call: Call) -> httpx.Response | Mapping[str, Any]:
        if call.host != "portal.example" and call.host != "localhost":
            return answer()
        return httpx.Response(status, headers={"Location": location}, html="Moved")

    script = Script(handle)
    return script, script.connector(**({"webhook": webhook} if webhook else {}))


def listed(connector: Bitrix24) -> Raw:
    return connector._portal.read("crm.item.list", {"filter": {">id": 5}}, Raw)


def refused(connector: Bitrix24) -> ConnectorError:
    with pytest.raises(ConnectorError) as error:
        listed(connector)
    return error.value


@pytest.mark.quirk(12)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_renamed_portal_gets_the_same_post_under_its_new_name(status: int) -> None:
    script, connector = renamed(lambda: good({"items": []}), status=status)
    listed(connector)
    listed(connector)
    hosts = [call.host for call in script.calls]
    assert hosts == ["portal.example", "newname.example", "newname.example"]
    assert script.calls[1].body == {"filter": {">id": 5}}
    assert connector.moved() == {"base_url": "https://newname.example"}


@pytest.mark.parametrize(
    "location",
    [
        "https://sso.example/login?back=1",
        "https://sso.example/",
        f"https://sso.example/rest/1/{CODE}/crm.item.list/",
        f"http://sso.example/rest/1/{CODE}/crm.item.list",
        f"http://127.0.0.1/rest/1/{CODE}/crm.item.list",
    ],
)
def test_the_secret_goes_to_no_host_but_a_renamed_portal(location: str) -> None:
    script, connector = renamed(lambda: good({"items": []}), location)
    error = refused(connector)
    assert {call.host for call in script.calls} == {"portal.example"}
    assert connector.moved() == {}
    assert isinstance(error, SentElsewhere)
    assert httpx.URL(location).host in error.message
    assert CODE not in error.message
    assert "connect it again" in error.next_step


def test_a_host_without_https_is_followed_on_this_machine_only() -> None:
    path = f"/rest/1/{CODE}/"
    here = f"http://127.0.0.1:8090{path}crm.item.list"
    local, connector = renamed(
        lambda: good({"items": []}), here, webhook=f"http://localhost:8090{path}"
    )
    listed(connector)
    assert local.calls[-1].host == "127.0.0.1"
    far, connector = renamed(
        lambda: good({"items": []}),
        SAME.replace("https", "http"),
        webhook=f"http://localhost{path}",
    )
    assert isinstance(refused(connector), SentElsewhere)
    assert {call.host for call in far.calls} == {"localhost"}


@pytest.mark.parametrize(
    "answer",
    [
        lambda: httpx.Response(200, html="Down for maintenance"),
        lambda: httpx.Response(404, html="Not found"),
        lambda: bad(401, "NO_AUTH_FOUND"),
        lambda: httpx.Response(302, headers={"Location": "https://third.example/"}),
    ],
)
def test_an_address_that_gives_no_good_answer_is_not_kept(answer: Callable[[], Answer]) -> None:
    _, connector = renamed(answer)
    error = refused(connector)
    assert isinstance(error, SentElsewhere)
    assert "newname.example" in error.message
    assert connector.moved() == {}


def test_an_address_whose_answer_cannot_be_read_is_not_kept() -> None:
    script, connector = renamed(lambda: {"status": "ok"})
    assert isinstance(refused(connector), BadResponse)
    assert isinstance(refused(connector), BadResponse)
    assert connector.moved() == {}
    assert [call.host for call in script.calls] == ["portal.example", "newname.example"] * 2


def test_a_write_that_the_new_host_may_have_done_is_not_repeated() -> None:
    script, connector = renamed(
        lambda: httpx.Response(502, html="Bad gateway"), SAME.replace("item.list", "item.add")
    )
    with pytest.raises(OutcomeUnknown, match=r"newname\.example"):
        connector._portal.write("crm.item.add", {}, Raw)
    assert [call.host for call in script.calls] == ["portal.example", "newname.example"]
