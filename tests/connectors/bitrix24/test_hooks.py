"""The portal's outgoing webhook: proof, and what it names."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import pytest
from pydantic import SecretStr

from connectors.bitrix24.hooks import verify
from connectors.errors import AuthFailed
from connectors.models import Stream
from connectors.port import HookEvent
from tests.connectors.bitrix24.kit import Script, good

TOKEN = SecretStr("apptok-1")
MEMBER = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"


def body(event: str, **fields: str) -> bytes:
    form = {
        "event": event,
        "ts": "1787220005",
        "auth[member_id]": MEMBER,
        "auth[application_token]": "apptok-1",
        **fields,
    }
    return urlencode(form).encode()


def crm(event: str, record_id: str = "1201") -> bytes:
    return body(event, **{"data[FIELDS][ID]": record_id})


@pytest.mark.quirk(25)
@pytest.mark.parametrize(
    ("event", "stream"),
    [
        ("ONCRMDEALADD", Stream.DEALS),
        ("ONCRMDEALUPDATE", Stream.DEALS),
        ("ONCRMDEALDELETE", Stream.DEALS),
        ("ONCRMDEALMOVETOCATEGORY", Stream.DEALS),
        ("OnCrmLeadUpdate", Stream.LEADS),
        ("ONCRMCONTACTADD", Stream.CONTACTS),
        ("ONCRMACTIVITYUPDATE", Stream.ACTIVITIES),
    ],
)
def test_an_event_names_what_to_read_again(event: str, stream: Stream) -> None:
    (found,) = verify(crm(event), TOKEN, MEMBER)
    expected = f"{MEMBER}:{event.upper()}:1201:1787220005"
    moment = datetime(2026, 8, 20, 10, 0, 5, tzinfo=UTC)
    assert found == HookEvent(stream, ["1201"], expected, moment)


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("ONTASKADD", {"data[FIELDS_BEFORE]": "undefined", "data[FIELDS_AFTER][ID]": "3711"}),
        (
            "ONTASKUPDATE",
            {"data[FIELDS_BEFORE][ID]": "3711", "data[FIELDS_AFTER][ID]": "3711"},
        ),
        ("ONTASKDELETE", {"data[FIELDS_BEFORE][ID]": "3711", "data[FIELDS_AFTER]": "undefined"}),
        (
            "ONTASKDELETE",
            {"data[FIELDS_BEFORE][ID]": "3711", "data[FIELDS_AFTER][ID]": "undefined"},
        ),
        (
            "ONTASKCOMMENTADD",
            {"data[FIELDS_AFTER][ID]": "9", "data[FIELDS_AFTER][TASK_ID]": "3711"},
        ),
    ],
)
def test_a_task_is_named_before_or_after(event: str, fields: Mapping[str, str]) -> None:
    (found,) = verify(body(event, **fields), TOKEN, MEMBER)
    assert (found.stream, found.ids) == (Stream.TASKS, ["3711"])


@pytest.mark.parametrize(
    "call",
    [
        crm("ONCRMDYNAMICITEMUPDATE"),
        crm("ONCRMDEALUSERFIELDADD"),
        crm("ONCRMDEALUPDATE", "undefined"),
        body("ONAPPTEST"),
        body("ONCRMDEALUPDATE"),
    ],
)
def test_an_event_that_names_no_record_of_ours_is_none(call: bytes) -> None:
    assert verify(call, TOKEN, MEMBER) == ()


@pytest.mark.parametrize(
    "call",
    [
        crm("ONCRMDEALUPDATE").replace(b"apptok-1", b"apptok-2"),
        crm("ONCRMDEALUPDATE").replace(b"apptok-1", b"apptok-1x"),
        crm("ONCRMDEALUPDATE").replace(b"apptok-1", b"apptok"),
        crm("ONCRMDEALUPDATE").replace(b"apptok-1", b""),
        crm("ONCRMDEALUPDATE").replace(b"apptok-1", "é".encode()),
        b"event=ONCRMDEALUPDATE&data[FIELDS][ID]=1",
        b"",
        b"\xff\xfe",
        b"a=1&" * 500,
    ],
)
def test_a_call_without_our_token_is_not_believed(call: bytes) -> None:
    with pytest.raises(AuthFailed) as refused:
        verify(call, TOKEN, MEMBER)
    assert "apptok" not in refused.value.message


def test_an_empty_token_proves_nothing_when_none_is_set() -> None:
    with pytest.raises(AuthFailed, match="has no application token"):
        verify(crm("ONCRMDEALUPDATE").replace(b"apptok-1", b""), None, None)


def test_an_event_of_another_portal_is_not_believed() -> None:
    with pytest.raises(AuthFailed, match="another portal"):
        verify(crm("ONCRMDEALUPDATE"), TOKEN, "another")
    assert verify(crm("ONCRMDEALUPDATE"), TOKEN, None)


def test_the_connection_verifies_with_its_own_token() -> None:
    connector = Script(lambda _: good(1)).connector(application_token="apptok-1", member_id=MEMBER)
    (found,) = connector.verify_hook({}, crm("ONCRMLEADADD", "501"))
    assert (found.stream, found.ids) == (Stream.LEADS, ["501"])


def test_the_documented_events_are_understood(samples: Mapping[str, Any]) -> None:
    expected = {
        "push.deal_update.webhook": (Stream.DEALS, ["1201"]),
        "push.lead_delete.app": (Stream.LEADS, ["499"]),
        "push.deal_move_category": (Stream.DEALS, ["1202"]),
        "push.task_update": (Stream.TASKS, ["3711"]),
        "push.task_delete": (Stream.TASKS, ["3712"]),
    }
    for name, (stream, ids) in expected.items():
        (found,) = verify(samples[name]["request"]["form"].encode(), TOKEN, MEMBER)
        assert (found.stream, found.ids) == (stream, ids), name
    for name in ("push.dynamic_item_update", "push.app_install", "push.offline_wakeup"):
        assert verify(samples[name]["request"]["form"].encode(), TOKEN, MEMBER) == (), name
