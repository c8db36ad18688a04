"""What a right connector must hold, told from the portal's own rows.

Field names are those of the canonical records; times are UTC with `Z`, money is text with two
decimals, ids are text. Recurring templates and rows the webhook's user may not read are left out.
`extra` holds custom fields by their `upperName`.

Choices a connector may make are taken from the query: `qualified` names the lead statuses (comma
list) that count as qualified; `key` names the task field that holds the client's stamp (`XML_ID`);
`custom` names the mapped custom fields (comma list of `upperName`, or `all`), none without it.
"""

from collections.abc import Callable, Iterator
from datetime import UTC
from typing import Any

from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.entity import Entity
from connectors.bitrix24.portal.history import CALL, EMAIL, MEETING
from connectors.bitrix24.portal.schema import CONTACT, DEAL, LEAD
from connectors.bitrix24.portal.seeded import Items, still_ended
from connectors.bitrix24.portal.shapes import FINAL
from connectors.bitrix24.portal.state import Portal, stage_entity
from connectors.bitrix24.portal.taskstore import AWAITING, DEFERRED, DONE, IN_PROGRESS, PENDING
from connectors.bitrix24.portal.zone import PortalZone

Truth = dict[str, Any]
UTC_ZONE = PortalZone(UTC)
KINDS = {"P": "open", "S": "won", "F": "lost"}
STATUS_KINDS = {"P": "open", "S": "converted", "F": "disqualified"}
ENTITIES = {LEAD: "leads", DEAL: "deals", CONTACT: "contacts"}
ACTIVITY_KINDS = {MEETING: "meeting", CALL: "call", EMAIL: "email"}
TASK_STATUSES = {
    PENDING: "open",
    IN_PROGRESS: "in_progress",
    AWAITING: "in_review",
    DEFERRED: "deferred",
    DONE: "done",
}


def truth(portal: Portal, stream: str, query: dict[str, str]) -> Iterator[Truth]:
    """Raises KeyError for a stream the portal does not have."""
    return STREAMS[stream](portal, query)


def people(portal: Portal, _: dict[str, str]) -> Iterator[Truth]:
    for user in portal.users:
        name = f"{user.get('NAME') or ''} {user.get('LAST_NAME') or ''}".strip()
        yield {
            "id": user["ID"],
            "name": name,
            "email": user.get("EMAIL") or None,
            "active": bool(user.get("ACTIVE")),
            "updated_at": None,
            "extra": {},
        }


def pipelines(portal: Portal, _: dict[str, str]) -> Iterator[Truth]:
    """Stages of deals; those of leads under the pipeline `leads`."""
    of_deals = portal.categories[DEAL]
    named = [(stage_entity(LEAD, None), "leads", "Leads")]
    named += [(stage_entity(DEAL, row["id"]), str(row["id"]), row["name"]) for row in of_deals]
    for entity_id, pipeline, name in named:
        for stage in portal.stages(entity_id):
            yield {
                "id": f"{pipeline}/{stage['STATUS_ID']}",
                "pipeline": pipeline,
                "pipeline_name": name,
                "stage": stage["STATUS_ID"],
                "name": stage["NAME"],
                "kind": KINDS[stage["SEMANTICS"] or "P"],
                "sort": int(stage["SORT"]),
                "updated_at": None,
                "extra": {},
            }


def contacts(portal: Portal, query: dict[str, str]) -> Iterator[Truth]:
    entity = portal.items[CONTACT]
    for row in entity.table.rows():
        yield {
            "id": str(row["id"]),
            "name": f"{row['name'] or ''} {row['lastName'] or ''}".strip(),
            "company": str(row["companyId"]) if row["companyId"] else None,
            "source": row["sourceId"] or None,
            "utm": _utm(row),
            "created_at": _utc(row["createdTime"]),
            "updated_at": _utc(row["updatedTime"]),
            "extra": _extra(entity, row, query),
        }


def leads(portal: Portal, query: dict[str, str]) -> Iterator[Truth]:
    entity = portal.items[LEAD]
    qualified = set(query.get("qualified", "").split(","))
    for row in entity.table.rows():
        open_ = row["stageSemanticId"] == "P"
        kind = STATUS_KINDS[row["stageSemanticId"]]
        yield _sale(entity, row, query) | {
            "status_kind": "qualified" if open_ and row["stageId"] in qualified else kind,
            "closed_at": _utc(row["dateClosed"]),
        }


def deals(portal: Portal, query: dict[str, str]) -> Iterator[Truth]:
    entity = portal.items[DEAL]
    closes = Closes(portal)
    for row in entity.table.rows():
        if row["isRecurring"] == "Y":
            continue
        final = row["stageSemanticId"] != "P"
        yield _sale(entity, row, query) | {
            "pipeline": str(row["categoryId"]),
            "stage_kind": KINDS[row["stageSemanticId"]],
            "lead": str(row["leadId"]) if row["leadId"] else None,
            "closed_at": _utc(closes.ended(row)) if final else None,
        }


class Closes:
    """When deals ended, by the history: the first move into a final stage after the last time they
    were open. Later moves from one final stage to another end nothing; movedTime follows them."""

    def __init__(self, portal: Portal) -> None:
        self._seeded = portal.items[DEAL].seeded
        self._recorded: dict[int, list[Row]] = {}
        for row in sorted(portal.history[DEAL].table.stored_rows(), key=lambda row: row["ID"]):
            self._recorded.setdefault(row["OWNER_ID"], []).append(row)

    def ended(self, row: Row) -> int:
        ended = None
        if isinstance(self._seeded, Items):
            ended = self._seeded.ended(row["id"])
        for move in self._recorded.get(row["id"], ()):
            ended = still_ended(
                ended, move["TYPE_ID"], move["STAGE_SEMANTIC_ID"], move["CREATED_TIME"]
            )
        moved: int = row["movedTime"]
        return moved if ended is None else ended


def stage_changes(portal: Portal, _: dict[str, str]) -> Iterator[Truth]:
    """Ids are `<entity>:<id>`: the two histories number their rows apart."""
    for type_id, entity in ((LEAD, "leads"), (DEAL, "deals")):
        for row in portal.history[type_id].table.rows():
            deal = type_id == DEAL
            yield {
                "id": f"{entity}:{row['ID']}",
                "entity": entity,
                "entity_id": str(row["OWNER_ID"]),
                "pipeline": str(row["CATEGORY_ID"]) if deal else None,
                "stage": row["STAGE_ID"] if deal else row["STATUS_ID"],
                "stage_kind": KINDS[row["STAGE_SEMANTIC_ID" if deal else "STATUS_SEMANTIC_ID"]],
                "closing": row["TYPE_ID"] == FINAL,
                "at": _utc(row["CREATED_TIME"]),
                "updated_at": _utc(row["CREATED_TIME"]),
                "extra": {},
            }


def activities(portal: Portal, _: dict[str, str]) -> Iterator[Truth]:
    for row in portal.activities.table.rows():
        entity = ENTITIES.get(row["OWNER_TYPE_ID"])
        if entity is None:
            continue
        kind = ACTIVITY_KINDS.get(row["TYPE_ID"], "other")
        done = row["COMPLETED"] == "Y"
        happened = row["START_TIME"] if kind in {"call", "meeting"} else row["CREATED"]
        yield {
            "id": str(row["ID"]),
            "entity": entity,
            "entity_id": str(row["OWNER_ID"]),
            "kind": kind,
            "outbound": row["DIRECTION"] == 2 or (kind == "meeting" and done),
            "at": _utc(happened) if done or kind not in {"call", "meeting"} else None,
            "completed": done,
            "owner": str(row["RESPONSIBLE_ID"]) if row["RESPONSIBLE_ID"] else None,
            "created_at": _utc(row["CREATED"]),
            "updated_at": _utc(row["LAST_UPDATED"]),
            "extra": {},
        }


def tasks(portal: Portal, query: dict[str, str]) -> Iterator[Truth]:
    stamp = query.get("key", "XML_ID")
    for task in portal.tasks.shown():
        yield {
            "id": str(task["ID"]),
            "title": task["TITLE"],
            "description": task["DESCRIPTION"] or None,
            "status": TASK_STATUSES[task["STATUS"]],
            "owner": str(task["RESPONSIBLE_ID"]),
            "due_at": _utc(task["DEADLINE"]),
            "closed_at": _utc(task["CLOSED_DATE"]),
            "created_at": _utc(task["CREATED_DATE"]),
            "updated_at": _utc(task["CHANGED_DATE"]),
            "key": task.get(stamp) or None,
            "extra": {name: task[name] for name in portal.tasks.customs},
        }


def _sale(entity: Entity, row: Row, query: dict[str, str]) -> Truth:
    """What leads and deals have in common."""
    return {
        "id": str(row["id"]),
        "title": row["title"],
        "stage": row["stageId"],
        "amount": None if row["opportunity"] is None else f"{row['opportunity']:.2f}",
        "currency": row["currencyId"] or None,
        "source": row["sourceId"] or None,
        "utm": _utm(row),
        "owner": str(row["assignedById"]) if row["assignedById"] else None,
        "contacts": [str(contact) for contact in row["contactIds"]],
        "created_at": _utc(row["createdTime"]),
        "updated_at": _utc(row["updatedTime"]),
        "deleted_at": None,
        "extra": _extra(entity, row, query),
    }


def _utm(row: Row) -> Truth:
    words = ("source", "medium", "campaign", "content", "term")
    return {word: row[f"utm{word.capitalize()}"] or None for word in words}


def _extra(entity: Entity, row: Row, query: dict[str, str]) -> Truth:
    wanted = query.get("custom", "")
    named = set(wanted.split(","))
    return {
        field.upper: row[field.name]
        for field in entity.schema.customs
        if wanted == "all" or field.upper in named
    }


def _utc(at: int | None) -> str | None:
    return None if at is None else f"{UTC_ZONE.text(at)[:-6]}Z"


STREAMS: dict[str, Callable[[Portal, dict[str, str]], Iterator[Truth]]] = {
    "people": people,
    "pipelines": pipelines,
    "contacts": contacts,
    "leads": leads,
    "deals": deals,
    "stage_changes": stage_changes,
    "activities": activities,
    "tasks": tasks,
}
