"""Pipelines and their stages, of leads and deals."""

from collections.abc import Iterator

import msgspec
from msgspec import Raw, Struct

from connectors.bitrix24.mapping import DEAL, LEAD_PIPELINE, stages_of, to_stage
from connectors.bitrix24.rows import CategoryRow, StatusRow
from connectors.bitrix24.wire import Command, Portal, decode
from connectors.models import Stage
from connectors.port import Page, RefusedRecord

LEAD_STAGES = "STATUS"


class CategoriesAnswer(Struct, frozen=True):
    categories: list[CategoryRow]


class StrayDeal(Struct, frozen=True, rename="camel"):
    """A deal in a pipeline that is not listed."""

    id: int
    category_id: int


class StraysAnswer(Struct, frozen=True):
    items: list[StrayDeal]


def pipelines(portal: Portal) -> Iterator[Page[Stage]]:
    """All stages in one page, usually from two requests.

    The list of pipelines leaves out those that the key's user may not see. So deals are asked for
    that stand in no listed pipeline, and each such pipeline is set aside for a person to look at.
    """
    first = portal.batch(
        [
            Command("categories", "crm.category.list", {"entityTypeId": DEAL}),
            _statuses("leads", LEAD_STAGES),
        ]
    )
    categories = decode(first.result("categories"), CategoriesAnswer).categories
    commands = [_statuses(f"p{category.id}", stages_of(category)) for category in categories]
    commands.append(_outside([category.id for category in categories]))
    results: dict[str, Raw] = {}
    requests = 1
    for batch in portal.batches(commands):
        results |= {name: batch.result(name) for name in batch.commands}
        requests += 1
    stages = _stages(first.result("leads"), LEAD_PIPELINE, "Leads")
    for category in categories:
        stages += _stages(results[f"p{category.id}"], str(category.id), category.name)
    refused = _unlisted(results["outside"])
    yield Page(stages, position="", refused=refused, remote_now=first.remote_now, requests=requests)


def lead_stages(portal: Portal) -> list[str]:
    """The ids of the stages that leads can stand in, in the portal's order."""
    batch = portal.batch([_statuses("leads", LEAD_STAGES)])
    return [row.status_id for row in decode(batch.result("leads"), list[StatusRow])]


def _statuses(name: str, entity_id: str) -> Command:
    """One kind of status a call: the method takes a single ENTITY_ID."""
    wanted = {"filter": {"ENTITY_ID": entity_id}, "order": {"SORT": "ASC"}}
    return Command(name, "crm.status.list", wanted)


def _outside(known: list[int]) -> Command:
    return Command(
        "outside",
        "crm.item.list",
        {
            "entityTypeId": DEAL,
            "order": {"id": "ASC"},
            "filter": {"!@categoryId": known},
            "select": ["id", "categoryId"],
            "start": -1,
        },
    )


def _stages(result: Raw, pipeline: str, name: str) -> list[Stage]:
    return [to_stage(row, pipeline, name) for row in decode(result, list[StatusRow])]


def _unlisted(result: Raw) -> list[RefusedRecord]:
    first_of: dict[int, StrayDeal] = {}
    for deal in decode(result, StraysAnswer).items:
        first_of.setdefault(deal.category_id, deal)
    return [
        RefusedRecord(
            id=str(category),
            reason=f"Deals stand in pipeline {category}, which the key's user may not see: "
            "give that user the right to it in the portal.",
            raw=msgspec.json.encode(deal).decode(),
        )
        for category, deal in first_of.items()
    ]
