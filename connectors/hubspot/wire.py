"""HubSpot's calls: addresses of one version, envelopes, searches, batches."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import msgspec
from msgspec import Raw, Struct

from connectors.budget import Budget, unpublished
from connectors.errors import BadResponse
from connectors.http import Answer, ApiClient
from connectors.hubspot.config import HubSpotConfig, Plan
from connectors.hubspot.refusals import absent_of
from connectors.hubspot.rows import AccountAnswer, Paging

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


class Envelope(Struct, frozen=True):
    """A page. It was the last one when there is no `paging.next`, however many rows it has."""

    results: Raw
    paging: Paging | None = None

    @property
    def after(self) -> str | None:
        return self.paging.next.after if self.paging and self.paging.next else None


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


@dataclass(frozen=True)
class Batch:
    """The rows of a batch, and the ids that it says are not there."""

    results: Raw
    absent: frozenset[str]


class Hub:
    """One account. Addresses hold the version of the settings and are made here alone."""

    def __init__(self, api: ApiClient, config: HubSpotConfig) -> None:
        self.api = api
        self._config = config
        self._version = config.api_version

    @cached_property
    def details(self) -> AccountAnswer:
        return self.api.get(f"/account-info/{self._version}/details").decode(AccountAnswer)

    @cached_property
    def portal(self) -> str:
        """The number of the account; a check has proven the one of the settings."""
        return self._config.portal_id or str(self.details.portal_id)

    @cached_property
    def _searches(self) -> Budget | None:
        return search_budget(self.portal) if self._config.plan in LIMITS else None

    def objects(self, kind: str, *more: str) -> str:
        return "/".join(("/crm/objects", self._version, kind, *more))

    def crm(self, area: str, *more: str) -> str:
        """`pipelines`, `properties`, `owners`."""
        return "/".join((f"/crm/{area}", self._version, *more))

    def campaigns(self, *more: str) -> str:
        return "/".join(("/marketing/campaigns", self._version, *more))

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
    ) -> list[Batch]:
        """Records by id, in no order. Raises a ConnectorError where a part was refused for another
        reason than that it is not there."""
        size = HISTORY_PAGE if history else BATCH
        more = {} if id_property is None else {"idProperty": id_property}
        answers = [
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
        return [Batch(one.decode(Envelope).results, absent_of(one)) for one in answers]

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
            answer = self.api.search(path, {"inputs": some})
            absent_of(answer)
            for row in answer.decode(AssociatedAnswer).results:
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


def search_budget(portal: str) -> Budget:
    """5 a second of all keys and apps of the account, of which one is left to others."""
    return Budget(f"hubspot-search:{portal}", 1, 4.0)
