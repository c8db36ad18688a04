"""Webhooks of an app, proven by their signature (version 3), read for what changed.

An event is a hint to read its record again; what it says of the record is not taken.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Raw, Struct
from pydantic import SecretStr

from connectors.errors import AuthFailed
from connectors.models import Stream
from connectors.port import HookEvent

SIGNATURE, TIMESTAMP = "x-hubspot-signature-v3", "x-hubspot-request-timestamp"
OLDEST_MS = 300_000
# The escapes that are decoded before the address is signed; all others stay.
DECODED = re.compile(r"%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", flags=re.IGNORECASE)
STREAMS = {
    "contact": Stream.CONTACTS,
    "deal": Stream.DEALS,
    "0-1": Stream.CONTACTS,
    "0-3": Stream.DEALS,
    "0-27": Stream.TASKS,
    "0-136": Stream.LEADS,
}
NEXT_STEP = "Set client_secret and hook_url as they are in the app, then run a check."


class Event(Struct, frozen=True, rename="camel"):
    """`event_id` alone is not unique."""

    event_id: int
    subscription_id: int
    portal_id: int
    occurred_at: int
    subscription_type: str
    object_id: int
    object_type_id: str = ""
    property_name: str = ""
    property_value: Any = ""
    merged_object_ids: list[int] = []


def verify(
    headers: Mapping[str, str],
    body: bytes,
    *,
    secret: SecretStr | None,
    url: str | None,
    portal_id: str | None,
    now: datetime,
) -> Sequence[HookEvent]:
    """Raises AuthFailed when a call is not proven to come from the app, or is too old."""
    if secret is None or url is None:
        raise AuthFailed("The connection has no client_secret or hook_url.", next_step=NEXT_STEP)
    told = {name.lower(): value for name, value in headers.items()}
    _check_age(told.get(TIMESTAMP, ""), now)
    wanted = signature(secret, "POST", url, body, told[TIMESTAMP])
    if not hmac.compare_digest(told.get(SIGNATURE, "").encode(), wanted.encode()):
        raise AuthFailed("The event is not signed by the app.", next_step=NEXT_STEP)
    events = _readable(body)
    ours = [each for each in events if portal_id is None or str(each.portal_id) == portal_id]
    if events and not ours:
        raise AuthFailed("The event comes from another account.", next_step=NEXT_STEP)
    return [hint for each in ours if (hint := _hint(each)) is not None]


def _readable(body: bytes) -> list[Event]:
    """A call brings up to a hundred events of all accounts that installed the app. One in no shape
    of ours must not cost the others: what it was about is found by the next pull."""
    try:
        raws = msgspec.json.decode(body, type=list[Raw])
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AuthFailed("The event cannot be read.", next_step=NEXT_STEP) from error
    events = []
    for raw in raws:
        with suppress(msgspec.MsgspecError, UnicodeDecodeError):
            events.append(msgspec.json.decode(raw, type=Event))
    return events


def signature(secret: SecretStr, method: str, url: str, body: bytes, timestamp: str) -> str:
    address = DECODED.sub(lambda found: chr(int(found[1], 16)), url)
    source = method.encode() + address.encode() + body + timestamp.encode()
    made = hmac.new(secret.get_secret_value().encode(), source, hashlib.sha256)
    return base64.b64encode(made.digest()).decode()


def _check_age(timestamp: str, now: datetime) -> None:
    """Proven together with the body; without it a call could be played again for ever."""
    try:
        age = now.timestamp() * 1000 - int(timestamp)
    except ValueError:
        raise AuthFailed("The event has no signed moment.", next_step=NEXT_STEP) from None
    if abs(age) > OLDEST_MS:
        raise AuthFailed(
            "The event is older than five minutes.",
            next_step="Nothing: HubSpot sends it again. If all are refused, set this machine's "
            "clock.",
        )


def _hint(event: Event) -> HookEvent | None:
    """None for an object that is not read."""
    kind = event.subscription_type.partition(".")[0]
    stream = STREAMS.get(event.object_type_id if kind == "object" else kind)
    if stream is None:
        return None
    parts = (
        *(event.subscription_id, event.event_id, event.object_id, event.property_name),
        *(event.occurred_at, event.property_value),
    )
    told = "\n".join(str(part) for part in parts)
    ids = [str(id_) for id_ in dict.fromkeys([event.object_id, *event.merged_object_ids])]
    try:
        at = datetime.fromtimestamp(event.occurred_at / 1000, UTC)
    except (ValueError, ArithmeticError, OSError):
        at = None
    return HookEvent(stream, ids, hashlib.sha256(told.encode()).hexdigest(), at)
