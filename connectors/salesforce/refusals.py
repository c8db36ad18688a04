"""How Salesforce refuses: by codes, whatever the status."""

from collections.abc import Sequence

import httpx
import msgspec
from msgspec import Struct

from connectors.errors import (
    AuthFailed,
    BadResponse,
    ConnectorError,
    NotFound,
    NotPermitted,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.http import refusal

# Of the org's requests in 24 hours some may be free again in an hour.
DAY_PAUSE, CONCURRENT_PAUSE, LOCK_PAUSE = 3600.0, 10.0, 1.0
GONE_VERSION = 410
CURSOR_LOST = "INVALID_QUERY_LOCATOR"
TAKEN = "DUPLICATE_VALUE"
NOT_DONE = {"UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT"}
MISSING = {"NOT_FOUND", "ENTITY_IS_DELETED"}
FORBIDDEN = {
    *("INSUFFICIENT_ACCESS_OR_READONLY", "INSUFFICIENT_ACCESS", "INSUFFICIENT_ACCESS_ON_CROSS_REF"),
    *("API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED"),
}
RIGHTS = "Give the integration user the missing right in Setup, then run a check."


class CursorLost(BadResponse):
    """The cursor of a query is too old: ask again from where the reading is."""


class KeyTaken(Rejected):
    """Another record has this unique value by now."""


class Refusal(Struct, frozen=True, rename="camel"):
    error_code: str = ""
    message: str = ""
    fields: list[str] | None = None


def name_refusal(response: httpx.Response) -> ConnectorError | None:
    status = response.status_code
    if status < httpx.codes.MULTIPLE_CHOICES:
        return None
    if status == httpx.codes.TOO_MANY_REQUESTS:
        return refusal(response, "Salesforce")
    if status == httpx.codes.MULTIPLE_CHOICES:
        return Rejected(
            "Several records in Salesforce carry this key.",
            next_step="Make the key field an external id with unique values, delete the records "
            "that are too many, then retry the write.",
        )
    told = refusals(response.content)
    return named(status, told) if told else refusal(response, "Salesforce")


def named(status: int, told: Sequence[Refusal]) -> ConnectorError:
    """By the code, since the status of an exhausted limit is that of a missing right."""
    code = told[0].error_code if told else ""
    words = _words(told)
    if code == "REQUEST_LIMIT_EXCEEDED":
        pause = CONCURRENT_PAUSE if "Concurrent" in words else DAY_PAUSE
        return RateLimited(f"The org's requests are used up: {words}", retry_after=pause)
    if code in NOT_DONE:
        return RateLimited(
            f"Salesforce was busy: {words}", retry_after=LOCK_PAUSE, of_account=False
        )
    if status == httpx.codes.UNAUTHORIZED:
        return AuthFailed(f"Salesforce does not accept the session: {words}")
    if code in FORBIDDEN or status == httpx.codes.FORBIDDEN:
        return NotPermitted(f"The user may not do this in Salesforce: {words}", next_step=RIGHTS)
    if status == GONE_VERSION:
        step = "Set api_version to one that the org offers, then run a check."
        return NotPermitted("Salesforce does not offer this version any more.", next_step=step)
    if code in MISSING or status == httpx.codes.NOT_FOUND:
        return NotFound("Salesforce does not have this record.")
    if code == CURSOR_LOST:
        return CursorLost(f"Salesforce has lost the cursor: {words}")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unavailable(f"Salesforce answers with status {status}.")
    return (KeyTaken if code == TAKEN else Rejected)(f"Salesforce refuses the request: {words}")


def refusals(content: bytes) -> Sequence[Refusal]:
    try:
        return msgspec.json.decode(content, type=list[Refusal])
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return ()


def _words(told: Sequence[Refusal]) -> str:
    """Messages, codes and the fields that the org's own rules miss."""
    parts = []
    for one in told:
        names = f" ({', '.join(one.fields)})" if one.fields else ""
        parts.append(
            f"{one.message.rstrip('.') or 'it does not say why'}{names} [{one.error_code}]"
        )
    return f"{'; '.join(parts) or 'it does not say why'}."
