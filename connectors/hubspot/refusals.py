"""How HubSpot refuses: whole calls by their status, parts of a batch inside a good answer."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import httpx
import msgspec
from msgspec import Struct

from connectors.errors import (
    AuthFailed,
    BadResponse,
    ConnectorError,
    NotPermitted,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.http import Answer, refusal, retry_after

# 429 without Retry-After, by the limit that was hit.
PAUSES = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}
OTHERWISE = 10.0
# Until when a day lasts is not known without the account's time zone: it is asked again each hour.
NEXT_LOOK = 3600.0
# The limit that searches have of their own: any other is that of all calls.
OF_SEARCHES = "SECONDLY"
LOCKED, MIGRATING = 423, 477
NOT_THERE = "OBJECT_NOT_FOUND"
GIVE_SCOPE = (
    "Give the key the scope that is missing, or leave the object out in the settings where the "
    "plan does not have it, then run a check."
)


class Detail(Struct, frozen=True):
    message: str = ""
    context: dict[str, Any] = {}


class Refusal(Struct, frozen=True, rename="camel"):
    """Every field may be missing."""

    message: str = ""
    category: str = ""
    policy_name: str = ""
    correlation_id: str = ""
    errors: list[Detail] = []
    context: dict[str, Any] = {}


class Parts(Struct, frozen=True, rename="camel"):
    """What went wrong within a batch; from 2026-09 on its status does not tell."""

    errors: list[Refusal] = []
    num_errors: int = 0


def absent_of(answer: Answer) -> frozenset[str]:
    """The ids that a batch says are not there.

    Raises a ConnectorError where a part of it was refused for another reason: rows that are
    missing then are not known to be gone.
    """
    parts = answer.decode(Parts)
    if parts.num_errors and not parts.errors:
        raise BadResponse("HubSpot left out a part of a batch without a reason.")
    for part in parts.errors:
        if part.category != NOT_THERE:
            raise _part_refused(part)
    return frozenset(
        str(id_)
        for part in parts.errors
        if isinstance(ids := part.context.get("ids"), list)
        for id_ in ids
    )


def _part_refused(part: Refusal) -> ConnectorError:
    told = f"HubSpot refuses a part of a batch: {_words(part)}"
    if part.category == "RATE_LIMITS":
        return RateLimited(told, retry_after=PAUSES.get(part.policy_name, OTHERWISE))
    if part.category == "MISSING_SCOPES":
        return NotPermitted(told, next_step=GIVE_SCOPE)
    if part.category == "INVALID_AUTHENTICATION":
        return AuthFailed(told)
    if part.category in ("VALIDATION_ERROR", "CONFLICT"):
        return Rejected(told)
    return Unavailable(told)


def until_midnight(zone: str, now: datetime) -> float:
    """Seconds until the day of the account ends."""
    local = now.astimezone(ZoneInfo(zone))
    next_day = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return (next_day.astimezone(UTC) - now).total_seconds()


def name_refusal(response: httpx.Response, zone: str | None) -> ConnectorError | None:
    """`zone` is the account's time zone where it is known: its day ends at midnight there."""
    status = response.status_code
    if status < httpx.codes.MULTIPLE_CHOICES:
        return None
    told = _told(response)
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return RateLimited(
            "HubSpot asks for a pause.",
            retry_after=_pause(response, told, zone),
            of_all_calls=told.policy_name != OF_SEARCHES,
        )
    if status == LOCKED:
        wait = max(2.0, retry_after(response, otherwise=0.0))
        return RateLimited("HubSpot keeps this closed for now.", retry_after=wait, of_account=False)
    if status == MIGRATING:
        wait = max(60.0, retry_after(response, otherwise=0.0))
        return RateLimited("HubSpot moves the account to another place.", retry_after=wait)
    if status == httpx.codes.FORBIDDEN:
        return NotPermitted(
            f"The key may not do this in HubSpot: {_words(told)}",
            next_step=GIVE_SCOPE,
        )
    if status in (400, 409, 414):
        return Rejected(f"HubSpot refuses the request: {_words(told)}")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unavailable(f"HubSpot answers with status {status}.")
    return refusal(response, "HubSpot")


def _told(response: httpx.Response) -> Refusal:
    try:
        return msgspec.json.decode(response.content, type=Refusal)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return Refusal()


def _words(told: Refusal) -> str:
    """With the names that the account's own rules miss, and the id that HubSpot's support asks."""
    names = [
        str(name)
        for each in told.errors
        for values in each.context.values()
        if isinstance(values, list)
        for name in values
    ]
    parts = [told.message.rstrip(".") or "it does not say why"]
    parts += [f"({', '.join(dict.fromkeys(names))})"] if names else []
    parts += [f"[{told.correlation_id}]"] if told.correlation_id else []
    return f"{' '.join(parts)}."


def _until_tomorrow(zone: str | None) -> float:
    if zone is None:
        return NEXT_LOOK
    try:
        return until_midnight(zone, datetime.now(UTC))
    except (ZoneInfoNotFoundError, ValueError):
        # A name of theirs that no table of zones has.
        return NEXT_LOOK


def _pause(response: httpx.Response, told: Refusal, zone: str | None) -> float:
    if "Retry-After" in response.headers:
        return retry_after(response)
    if told.policy_name == "DAILY":
        return _until_tomorrow(zone)
    return PAUSES.get(told.policy_name, OTHERWISE)
