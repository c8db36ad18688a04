"""Webhooks of Pipedrive, version 2.0: proven by the password we gave them.

They are not signed, so an event is a hint to read its record again.
"""

import base64
import binascii
import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

import msgspec
from msgspec import Struct
from pydantic import SecretStr

from connectors.errors import AuthFailed
from connectors.models import Stream
from connectors.port import HookEvent

STREAMS = {
    "deal": (Stream.DEALS,),
    "lead": (Stream.LEADS,),
    "person": (Stream.CONTACTS,),
    "activity": (Stream.TASKS, Stream.ACTIVITIES),
    "user": (Stream.PEOPLE,),
}
NEXT_STEP = "Make the webhook with the user name and password of the connection."


class Meta(Struct, frozen=True):
    entity: str = ""
    entity_id: int | str = ""
    action: str = ""
    id: str | None = None
    company_id: int | str | None = None
    webhook_id: int | str | None = None
    timestamp: str | None = None


class Event(Struct, frozen=True):
    meta: Meta


def verify(
    headers: Mapping[str, str],
    body: bytes,
    user: str,
    password: SecretStr | None,
    company_id: int | None,
) -> Sequence[HookEvent]:
    """Raises AuthFailed when the call does not hold our password, or is of another company."""
    _check(headers, user, password)
    try:
        meta = msgspec.json.decode(body, type=Event).meta
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise AuthFailed("The event cannot be read.", next_step=NEXT_STEP) from error
    if company_id is not None and str(meta.company_id) != str(company_id):
        raise AuthFailed("The event comes from another company.", next_step=NEXT_STEP)
    one = str(meta.entity_id)
    if not one:
        return ()
    # A retry has the id of the first try.
    name = meta.id or f"{meta.webhook_id}:{one}:{meta.timestamp}:{meta.action}"
    return [
        HookEvent(stream, (one,), f"{name}:{stream.value}", _moment(meta.timestamp))
        for stream in STREAMS.get(meta.entity, ())
    ]


def _check(headers: Mapping[str, str], user: str, password: SecretStr | None) -> None:
    if password is None:
        raise AuthFailed("The connection has no password for webhooks.", next_step=NEXT_STEP)
    lowered = {name.lower(): value for name, value in headers.items()}
    word, _, given = lowered.get("authorization", "").partition(" ")
    wanted = f"{user}:{password.get_secret_value()}".encode()
    try:
        shown = base64.b64decode(given, validate=True)
    except (binascii.Error, ValueError):
        shown = b""
    # Compared in constant time: the password is the only proof there is.
    if word.lower() != "basic" or not hmac.compare_digest(shown, wanted):
        raise AuthFailed("The event does not hold the connection's password.", next_step=NEXT_STEP)


def _moment(text: str | None) -> datetime | None:
    try:
        at = None if text is None else datetime.fromisoformat(text)
        return None if at is None or at.tzinfo is None else at.astimezone(UTC)
    except ValueError:
        return None
