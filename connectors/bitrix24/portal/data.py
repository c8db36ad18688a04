"""Rows a portal is filled with instead of seeded ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Row = dict[str, Any]


@dataclass(frozen=True)
class PortalData:
    """Native rows, each as its list method returns it; times are ISO text with an offset.

    users: as `user.get` (`ID` text, `NAME`, `LAST_NAME`, `EMAIL`, `ACTIVE`, ...).
    categories: pipelines of deals as `crm.category.list` (`id`, `name`, `sort`, `isDefault`).
    statuses: as `crm.status.list` (`ENTITY_ID`, `STATUS_ID`, `NAME`, `SORT`, `SEMANTICS`); stages
        of leads (`STATUS`), of pipelines (`DEAL_STAGE`, `DEAL_STAGE_9`) and sources (`SOURCE`).
    leads, deals, contacts: as `crm.item.list` (`id`, `title`, `stageId`, `createdTime`, ...);
        `id` and `createdTime` are needed, the rest has the defaults of a new item. Custom fields
        go by their `upperName` or their camelCase name.
    activities: as `crm.activity.list`. tasks: as the fields of `tasks.task.add` with `ID`,
        `STATUS`, `CREATED_DATE`, `CHANGED_DATE`, `CLOSED_DATE`.
    lead_history, deal_history: as `crm.stagehistory.list`; `ID` may be left out (numbered in
        order). Without rows for an item none are made up.
    deal_fields, lead_fields: custom fields as `userfieldconfig.list` (`fieldName`, `userTypeId`,
        `settings`, `editFormLabel`, and `enum` with `{"ID", "VALUE"}` for enumerations).
    hidden: ids the webhook's user may not read, by "leads", "deals", "contacts", "tasks".
    """

    users: Sequence[Row] = ()
    categories: Sequence[Row] = ()
    statuses: Sequence[Row] = ()
    leads: Sequence[Row] = ()
    deals: Sequence[Row] = ()
    contacts: Sequence[Row] = ()
    activities: Sequence[Row] = ()
    lead_history: Sequence[Row] = ()
    deal_history: Sequence[Row] = ()
    tasks: Sequence[Row] = ()
    deal_fields: Sequence[Row] = ()
    lead_fields: Sequence[Row] = ()
    hidden: Mapping[str, frozenset[int]] = field(default_factory=dict)
