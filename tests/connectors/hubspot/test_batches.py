"""Parts of a batch that went wrong: only what is said not to be there is gone."""

from collections.abc import Mapping
from contextlib import closing
from typing import Any

import httpx
import pytest

from connectors.errors import (
    AuthFailed,
    BadResponse,
    ConnectorError,
    NotPermitted,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.hubspot.connector import HubSpot
from connectors.models import Stream
from connectors.port import Presence
from tests.connectors.hands import Hands
from tests.connectors.hubspot.kit import Sandbox, sandbox
from tests.connectors.hubspot.test_tasks import task
from tests.connectors.running import everything


def broken(method: str, category: str, nth: int = 2) -> dict[str, Any]:
    return {"on": {"method": method, "nth": nth}, "nested": True, "do": "error", "code": category}


def told(answer: Mapping[str, Any], ids: list[str]) -> Mapping[str, Presence]:
    """What is taken for there, of a tool that answers so."""
    transport = httpx.MockTransport(lambda _: httpx.Response(207, json=answer))
    config = HubSpot.Config.model_validate({"token": "service-key-1"})
    with closing(HubSpot(config, Hands().wire(transport))) as connector:
        return connector.presence(Stream.CONTACTS, ids)


@pytest.mark.parametrize("version", ["2026-03", "2026-09"])
@pytest.mark.parametrize(
    ("category", "kind"),
    [
        ("INTERNAL_ERROR", Unavailable),
        ("SOMETHING_NEW", Unavailable),
        ("RATE_LIMITS", RateLimited),
        ("MISSING_SCOPES", NotPermitted),
        ("INVALID_AUTHENTICATION", AuthFailed),
        ("VALIDATION_ERROR", Rejected),
    ],
)
def test_a_row_that_a_batch_could_not_bring_is_not_taken_for_deleted(
    version: str, category: str, kind: type[ConnectorError]
) -> None:
    with sandbox(records=8, version=version) as own:
        connector = own.connector(api_version=version)
        ids = [*own.truth("deals")][:3]
        own.faults(broken("deals.batch_read", category))
        with pytest.raises(kind, match="part of a batch") as refused:
            connector.presence(Stream.DEALS, ids)
        assert type(refused.value) is kind
        own.faults(broken("deals.batch_read", category))
        with pytest.raises(kind):
            connector.by_ids(Stream.DEALS, ids)
        own.faults()
        own.edit("deals", ids[0], {"delete": True})
        assert connector.presence(Stream.DEALS, ids) == {
            ids[0]: Presence.DELETED,
            ids[1]: Presence.PRESENT,
            ids[2]: Presence.PRESENT,
        }


def test_links_that_a_batch_could_not_bring_are_not_taken_for_none(own: Sandbox) -> None:
    connector = own.connector()
    ids = [*own.truth("deals")][:3]
    own.faults(broken("deals.links", "INTERNAL_ERROR"))
    with pytest.raises(Unavailable, match="part of a batch"):
        connector.by_ids(Stream.DEALS, ids)


def test_a_key_that_a_batch_could_not_look_up_is_not_taken_for_free(own: Sandbox) -> None:
    connector = own.connector()
    made = connector.create_task(task())
    own.faults(broken("tasks.batch_read", "INTERNAL_ERROR", nth=1))
    with pytest.raises(Unavailable):
        connector.find_task(task().key)
    own.faults()
    assert connector.find_task(task().key) == [made]
    assert [one.id for one in everything(connector, Stream.TASKS)] in ([], [made])


def test_what_a_batch_neither_shows_nor_names_may_be_there() -> None:
    gone = {"category": "OBJECT_NOT_FOUND", "context": {"ids": ["2"]}}
    answer = {"results": [{"id": "1"}], "numErrors": 1, "errors": [gone]}
    assert told(answer, ["1", "2", "3"]) == {
        "1": Presence.PRESENT,
        "2": Presence.DELETED,
        "3": Presence.HIDDEN,
    }
    with pytest.raises(BadResponse, match="without a reason"):
        told({"results": [], "numErrors": 1}, ["1"])


def test_the_number_of_a_merged_record_may_be_answered_with_the_one_that_won() -> None:
    won = {"id": "9", "properties": {"hs_merged_object_ids": "1;4"}}
    assert told({"results": [won]}, ["1", "9"]) == {"1": Presence.DELETED, "9": Presence.PRESENT}
