"""What is read by list methods: one `Listing` a kind of row."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import msgspec

from connectors.bitrix24 import mapping
from connectors.bitrix24.keyset import Listing
from connectors.bitrix24.rows import (
    ActivityRow,
    ContactRow,
    DealMoveRow,
    DealRow,
    LeadMoveRow,
    LeadRow,
    PersonRow,
    SaleRow,
    TaskRow,
)
from connectors.models import (
    Account,
    Activity,
    Contact,
    Deal,
    Lead,
    RemoteTask,
    StageChange,
)

# Always named: without `select` the portal returns everything.
UTM = ("sourceId", "utmSource", "utmMedium", "utmCampaign", "utmContent", "utmTerm")
TIMES = ("createdTime", "updatedTime")
SALE = (
    *("id", "title", "stageId", "stageSemanticId", "opportunity", "currencyId", "movedTime"),
    *("assignedById", "contactId", "contactIds", *UTM, *TIMES),
)
MOVE = ("ID", "TYPE_ID", "OWNER_ID", "CREATED_TIME")
TASK = (
    *("ID", "TITLE", "DESCRIPTION", "STATUS", "RESPONSIBLE_ID", "DEADLINE"),
    *("CREATED_DATE", "CHANGED_DATE", "CLOSED_DATE", "XML_ID", "UF_RETRO_KEY", "TAGS"),
)


def leads(qualified: frozenset[str], custom: Mapping[str, str]) -> Listing[Any, Lead]:
    """`custom` is our name → the portal's name of a field."""
    row, attributes = with_custom(LeadRow, custom)
    return Listing(
        "crm.item.list",
        row,
        partial(mapping.to_lead, qualified=qualified, custom=attributes),
        select=(*SALE, "dateClosed", *custom.values()),
        changed="updatedTime",
        params={"entityTypeId": mapping.LEAD},
    )


def deals(custom: Mapping[str, str]) -> Listing[Any, Deal]:
    row, attributes = with_custom(DealRow, custom)
    return Listing(
        "crm.item.list",
        row,
        partial(mapping.to_deal, custom=attributes),
        select=(*SALE, "categoryId", "leadId", "isRecurring", *custom.values()),
        changed="updatedTime",
        params={"entityTypeId": mapping.DEAL},
    )


def with_custom(row: type[SaleRow], custom: Mapping[str, str]) -> tuple[Any, Mapping[str, str]]:
    """The row type with the mapped fields, and our name → its attribute."""
    if not custom:
        return row, {}
    attributes = {name: f"custom_{number}" for number, name in enumerate(custom)}
    added = [
        (attributes[name], Any, msgspec.field(default=None, name=shown))
        for name, shown in custom.items()
    ]
    made = msgspec.defstruct(row.__name__, added, bases=(row,), kw_only=True, frozen=True)
    return made, attributes


CONTACTS: Listing[ContactRow, Contact] = Listing(
    "crm.item.list",
    ContactRow,
    mapping.to_contact,
    select=("id", "name", "lastName", "companyId", *UTM, *TIMES),
    changed="updatedTime",
    params={"entityTypeId": mapping.CONTACT},
)

LEAD_MOVES: Listing[LeadMoveRow, StageChange] = Listing(
    "crm.stagehistory.list",
    LeadMoveRow,
    mapping.to_lead_move,
    select=(*MOVE, "STATUS_ID", "STATUS_SEMANTIC_ID"),
    id_filter="ID",
    id_shown="ID",
    changed="CREATED_TIME",
    params={"entityTypeId": mapping.LEAD},
    kind="leads:",
)

DEAL_MOVES: Listing[DealMoveRow, StageChange] = Listing(
    "crm.stagehistory.list",
    DealMoveRow,
    mapping.to_deal_move,
    select=(*MOVE, "CATEGORY_ID", "STAGE_ID", "STAGE_SEMANTIC_ID"),
    id_filter="ID",
    id_shown="ID",
    changed="CREATED_TIME",
    params={"entityTypeId": mapping.DEAL},
    kind="deals:",
)

ACTIVITIES: Listing[ActivityRow, Activity] = Listing(
    "crm.activity.list",
    ActivityRow,
    mapping.to_activity,
    select=(
        *("ID", "OWNER_TYPE_ID", "OWNER_ID", "TYPE_ID", "DIRECTION", "CREATED", "START_TIME"),
        *("COMPLETED", "RESPONSIBLE_ID", "LAST_UPDATED"),
    ),
    holder="",
    id_filter="ID",
    id_shown="ID",
    changed="LAST_UPDATED",
)

# Inactive people too: they own old records.
PEOPLE: Listing[PersonRow, Account] = Listing(
    "user.get",
    PersonRow,
    mapping.to_account,
    select=("ID", "ACTIVE", "NAME", "LAST_NAME", "EMAIL"),
    holder="",
    id_filter="ID",
    id_shown="ID",
    filter_name="FILTER",
    order={"sort": "ID", "order": "ASC"},
)


def _ours(row: TaskRow) -> RemoteTask | None:
    """The tag again on our side: lists of REST 2 may ignore a filter."""
    return mapping.to_task(row) if mapping.is_ours(row) else None


OUR_TASKS: Listing[TaskRow, RemoteTask] = Listing(
    "tasks.task.list",
    TaskRow,
    _ours,
    select=TASK,
    holder="tasks",
    id_filter="ID",
    changed="CHANGED_DATE",
    filter={"TAG": mapping.TAG},
    order={"order": {"ID": "asc"}},
)
