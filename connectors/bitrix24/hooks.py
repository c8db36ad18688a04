"""The portal's outgoing webhook: proven by its application token, read for what changed.

It is unsigned and holds ids only, so an event is a hint to read these records again.
"""

import hmac
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from pydantic import SecretStr

from connectors.errors import AuthFailed
from connectors.models import Stream
from connectors.port import HookEvent

# Event names begin so; what follows says what happened, and all of it means: read again.
STREAMS = {
    "ONCRMLEAD": Stream.LEADS,
    "ONCRMDEAL": Stream.DEALS,
    "ONCRMCONTACT": Stream.CONTACTS,
    "ONCRMACTIVITY": Stream.ACTIVITIES,
    "ONTASK": Stream.TASKS,
}
HAPPENED = ("ADD", "UPDATE", "DELETE", "MOVETOCATEGORY")
# Deleted tasks are named before, the others after; a missing side is the text "undefined".
TASK_IDS = ("data[FIELDS_AFTER][ID]", "data[FIELDS_BEFORE][ID]")
COMMENT = "ONTASKCOMMENTADD"
COMMENTED_TASK = "data[FIELDS_AFTER][TASK_ID]"
MOST_FIELDS = 200
NEXT_STEP = "Copy the application token from the outgoing webhook's form into the connection."


def verify(
    body: bytes, application_token: SecretStr | None, member_id: str | None
) -> Sequence[HookEvent]:
    """The event of a call; none for events that name no record of ours.

    Raises AuthFailed when the call does not hold our token, or comes from another portal.
    """
    form = _form(body)
    _check_token(form.get("auth[application_token]", ""), application_token)
    member = form.get("auth[member_id]", "")
    if member_id is not None and member != member_id:
        raise AuthFailed("The event comes from another portal.", next_step=NEXT_STEP)
    # Names come in mixed case.
    name = form.get("event", "").upper()
    stream, ids = _named(name, form)
    if stream is None or not ids:
        return ()
    ts = form.get("ts", "")
    dedupe = ":".join((member, name, ids[0], ts))
    return (HookEvent(stream, ids, dedupe, _moment(ts)),)


def _check_token(given: str, application_token: SecretStr | None) -> None:
    if application_token is None:
        raise AuthFailed("The connection has no application token.", next_step=NEXT_STEP)
    # Compared in constant time: the token is the only proof there is.
    wanted = application_token.get_secret_value().encode()
    if not hmac.compare_digest(given.encode(), wanted):
        raise AuthFailed("The event does not hold the portal's token.", next_step=NEXT_STEP)


def _named(name: str, form: Mapping[str, str]) -> tuple[Stream | None, list[str]]:
    if name == COMMENT:
        return Stream.TASKS, _ids(form, (COMMENTED_TASK,))
    for start, stream in STREAMS.items():
        if name.startswith(start) and name.removeprefix(start) in HAPPENED:
            places = TASK_IDS if stream is Stream.TASKS else ("data[FIELDS][ID]",)
            return stream, _ids(form, places)
    return None, []


def _ids(form: Mapping[str, str], places: Sequence[str]) -> list[str]:
    """The first place that holds a number."""
    values = (form.get(place, "") for place in places)
    return [value for value in values if value.isdecimal()][:1]


def _moment(ts: str) -> datetime | None:
    try:
        return datetime.fromtimestamp(int(ts), UTC)
    except (ValueError, ArithmeticError, OSError):
        return None


def _form(body: bytes) -> Mapping[str, str]:
    """Bracket keys stay as they are: `data[FIELDS][ID]`."""
    try:
        return dict(parse_qsl(body.decode(), max_num_fields=MOST_FIELDS))
    except ValueError as error:
        raise AuthFailed("The event cannot be read.", next_step=NEXT_STEP) from error
