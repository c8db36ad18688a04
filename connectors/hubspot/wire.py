"""HubSpot's calls: addresses of one version, envelopes, searches, batches, and how it refuses."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

import httpx
import msgspec
from msgspec import Raw, Struct

from connectors.budget import Budget, unpublished
from connectors.errors import (
    BadResponse,
    ConnectorError,
    NotPermitted,
    RateLimited,
    Rejected,
    Unavailable,
)
from connectors.http import Answer, ApiClient, refusal, retry_after
from connectors.hubspot.config import HubSpotConfig, Plan
from connectors.hubspot.rows import Paging

T = TypeVar("T")
Filter = Mapping[str, Any]

LIST_PAGE = 100
HISTORY_PAGE = 50
SEARCH_PAGE = 200
BATCH = 100
# Requests in 10 seconds and a day.
LIMITS: Mapping[Plan, tuple[int, int | None]] = {
    Plan.STARTER: (100, 250_000),
    Plan.PROFESSIONAL: (190, 625_000),
    Plan.ENTERPRISE: (190, 1_000_000),
    Plan.PUBLIC_APP: (110, None),
}
# Of those in 10 seconds: what drains, and what may come at once. Together never more than all.
STEADY, AT_ONCE = 0.96, 0.04
# 429 without Retry-After, by the limit that was hit.
PAUSES = {"SECONDLY": 1.0, "TEN_SECONDLY_ROLLING": 10.0}
LOCKED, MIGRATING = 423, 477


class Envelope(Struct, frozen=True):
    """A page. It was the last one when there is no `paging.next`, however many rows it has."""

    results: Raw
    paging: Paging | None = None

    @property
    def after(self) -> str | None:
        return self.paging.next.after if self.paging and self.paging.next else None


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


class AssociatedTo(Struct, frozen=True, rename="camel"):
    to_object_id: str


class Source(Struct, frozen=True):
    id: str


class Associated(Struct, frozen=True):
    from_: Source = msgspec.field(name="from")
    to: list[AssociatedTo]
    paging: Paging | None = None


class AssociatedAnswer(Struct, frozen=True):
    results: list[Associated]


class Hub:
    """One account. Addresses hold the version of the settings and are made here alone."""

    def __init__(self, api: ApiClient, config: HubSpotConfig) -> None:
        self.api = api
        self._version = config.api_version
        self._searches = search_budget(config)

    def objects(self, kind: str, *more: str) -> str:
        return "/".join(("/crm/objects", self._version, kind, *more))

    def crm(self, area: str, *more: str) -> str:
        """`pipelines`, `properties`, `owners`."""
        return "/".join((f"/crm/{area}", self._version, *more))

    def campaigns(self, *more: str) -> str:
        return "/".join(("/marketing/campaigns", self._version, *more))

    def account(self) -> str:
        return f"/account-info/{self._version}/details"

    def search(
        self,
        kind: str,
        groups: Sequence[Sequence[Filter]],
        properties: Sequence[str],
        after: str = "0",
    ) -> Answer:
        """Upwards by id: the one order in which rows that change meanwhile do not move."""
        body = {
            "filterGroups": [{"filters": list(filters)} for filters in groups],
            "properties": list(properties),
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "limit": SEARCH_PAGE,
            "after": after,
        }
        return self.api.search(self.objects(kind, "search"), body, budget=self._searches)

    def batch_read(
        self,
        kind: str,
        ids: Sequence[str],
        properties: Sequence[str],
        *,
        history: Sequence[str] = (),
        id_property: str | None = None,
        archived: bool = False,
    ) -> list[Answer]:
        """Records by id, in no order; those that are not there are left out."""
        size = HISTORY_PAGE if history else BATCH
        more = {} if id_property is None else {"idProperty": id_property}
        return [
            self.api.search(
                self.objects(kind, "batch", "read"),
                {
                    "inputs": [{"id": one} for one in some],
                    "properties": list(properties),
                    "propertiesWithHistory": list(history),
                    **more,
                },
                params={"archived": "true"} if archived else None,
            )
            for some in batches(ids, size)
        ]

    def associations(
        self, kind: str, linked: str, ids: Sequence[str]
    ) -> tuple[dict[str, list[str]], int]:
        """Ids of what is linked to each of these records, and how many requests that took."""
        found: dict[str, list[str]] = {}
        requests = 0
        path = self.crm("associations", kind, linked, "batch", "read")
        waiting = [{"id": one} for one in dict.fromkeys(ids)]
        while waiting:
            some, waiting = waiting[:BATCH], waiting[BATCH:]
            requests += 1
            for row in self.api.search(path, {"inputs": some}).decode(AssociatedAnswer).results:
                held = found.setdefault(row.from_.id, [])
                more = [one.to_object_id for one in row.to if one.to_object_id not in held]
                # One record may be linked in several roles.
                held += dict.fromkeys(more)
                if row.paging and row.paging.next:
                    if not more:
                        raise BadResponse("The links of a record repeat from page to page.")
                    waiting.append({"id": row.from_.id, "after": row.paging.next.after})
        return found, requests


def batches(ids: Sequence[str], size: int) -> list[Sequence[str]]:
    """The same id twice would be refused with all the others."""
    once = list(dict.fromkeys(ids))
    return [once[start : start + size] for start in range(0, len(once), size)]


def condition(name: str, operator: str, value: str | None = None) -> Filter:
    given = {} if value is None else {"value": value}
    return {"propertyName": name, "operator": operator, **given}


def since(name: str, moment: datetime) -> Filter:
    return condition(name, "GTE", str(int(moment.timestamp() * 1000)))


def main_budget(config: HubSpotConfig) -> Budget | None:
    if config.plan not in LIMITS:
        return None
    most, per_day = LIMITS[config.plan]
    burst = int(most * AT_ONCE)
    return Budget(f"hubspot:{config.counted_as}", burst, most * STEADY / 10, per_day)


def unlimited(config: HubSpotConfig) -> Budget:
    return unpublished(f"hubspot:{config.counted_as}")


def search_budget(config: HubSpotConfig) -> Budget | None:
    """5 a second, of which one is left to the account's other apps."""
    if config.plan not in LIMITS:
        return None
    return Budget(f"hubspot-search:{config.portal_id or config.counted_as}", 1, 4.0)


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
        return RateLimited("HubSpot asks for a pause.", retry_after=_pause(response, told, zone))
    if status in (LOCKED, MIGRATING):
        least = 2.0 if status == LOCKED else 60.0
        wait = max(least, retry_after(response, otherwise=0.0))
        return RateLimited("HubSpot keeps this closed for now.", retry_after=wait)
    if status == httpx.codes.FORBIDDEN:
        return NotPermitted(
            f"The key may not do this in HubSpot: {_words(told)}",
            next_step="Give the key the scope that is missing, or leave the object out in the "
            "settings where the plan does not have it, then run a check.",
        )
    if status in (400, 409, 414):
        return Rejected(f"HubSpot refuses the request: {_words(told)}")
    if status >= httpx.codes.INTERNAL_SERVER_ERROR:
        return Unavailable(f"HubSpot answers with status {status}.")
    return refusal(response)


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


def _pause(response: httpx.Response, told: Refusal, zone: str | None) -> float:
    if "Retry-After" in response.headers:
        return retry_after(response)
    if told.policy_name == "DAILY":
        return until_midnight(zone or "UTC", datetime.now(UTC))
    return PAUSES.get(told.policy_name, 10.0)
