"""What the kit is told of its toy."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from connectors.auth import Token
from connectors.models import Stream
from connectors.sandbox.knobs import Knobs
from tests.connectors.conformance.case import (
    Account,
    Case,
    Consent,
    Custom,
    Hooks,
    Limit,
    Links,
    Post,
    Shape,
    Tasks,
)
from tests.connectors.conformance.sandboxed import Sandboxed, sandboxed
from tests.connectors.conformance.toy.connector import Toy, signature
from tests.connectors.conformance.toy.sandbox import BURST, CAP, PAGE, RATE, SEARCHES, ToyCrm, make
from tests.faults.in_process import NOWHERE

SHAPE = Shape(keys=frozenset({"fields"}), inside="fields", moment="changed", needed="stage")


def mapped(names: Sequence[str]) -> Mapping[str, Any]:
    return {"fields": {name: name for name in names}}


def several(_account: Account, count: int) -> Mapping[str, str]:
    """It takes whatever it is given."""
    return {f"size_of_campaign_{number}": f"size_of_campaign_{number}" for number in range(count)}


def merge(account: Account, winner: str, loser: str) -> None:
    account.edit(Stream.DEALS, winner, {"set": {"title": "Merged"}})
    account.edit(Stream.DEALS, loser, {"delete": True})


def post(settings: Mapping[str, Any], stream: Stream, record_id: str, at: datetime) -> Post:
    body = msgspec.json.encode({"of": stream.value, "id": record_id, "at": at.isoformat()})
    return {"signature": signature(settings["hook_secret"].encode(), body)}, body


def opened_as_app(seconds: int) -> tuple[Account, Token]:
    crm = ToyCrm(Knobs(limit="off"), life=seconds)
    account = Sandboxed(crm, {"base": NOWHERE})
    return account, Token(*crm.granted(), datetime.fromtimestamp(0, UTC))


def is_search(entry: Mapping[str, Any]) -> bool:
    return str(entry["path"]).endswith("/search")


CASE = Case(
    tool=Toy,
    opened=sandboxed(make),
    page=PAGE,
    cap=CAP,
    shape=SHAPE,
    links=Links(rows=["deals"], next=["next"]),
    custom=Custom("size", "size", mapped, several),
    error_body={"error": "out_of_order", "now": "2026-11-23T09:00:00+00:00"},
    allows=lambda seconds: BURST + RATE * seconds,
    limits=[Limit("searches", is_search, lambda seconds: SEARCHES * (seconds // 1 + 1))],
    consent=Consent(opened_as_app, "/token"),
    archive={"set": {"archived": True}},
    away_and_back=({"delete": True}, {"restore": True}),
    merge=merge,
    tasks=Tasks(
        owner="7",
        shape=SHAPE,
        refused={"owner": "999"},
        whole_batch="/tasks/labels",
        refused_in_batch={"tags": ["!"]},
    ),
    hooks=Hooks(post, "hook_secret"),
)
