"""Moves between stages and pipelines, and the history they leave."""

from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.errors import invalid_argument
from connectors.bitrix24.portal.schema import DEAL, LEAD
from connectors.bitrix24.portal.shapes import CREATED, FINAL, MOVED, PIPELINE
from connectors.bitrix24.portal.state import Portal, stage_entity


def first_stage(portal: Portal, entity_type_id: int, category: int | None) -> str:
    stages = portal.stages(stage_entity(entity_type_id, category))
    if not stages:
        raise invalid_argument("Invalid value of field 'categoryId'")
    return str(stages[0]["STATUS_ID"])


def move(portal: Portal, entity_type_id: int, before: Row, after: Row, user_id: int) -> bool:
    """Notes a move in the row and in the history. True when the pipeline of a deal changed."""
    category = before.get("categoryId") != after.get("categoryId")
    if "stageId" not in after or (before["stageId"] == after["stageId"] and not category):
        return False
    _check_stage(portal, entity_type_id, after)
    now = portal.now()
    after.update(movedTime=now, movedBy=user_id, previousStageId=before["stageId"])
    if entity_type_id == DEAL:
        after["isNew"] = "N"
    if entity_type_id == LEAD:
        after["dateClosed"] = None if after["stageSemanticId"] == "P" else now
    kind = FINAL if after.get("stageSemanticId") in {"S", "F"} else MOVED
    _record(portal, entity_type_id, after, PIPELINE if category else kind)
    return category and entity_type_id == DEAL


def record_creation(portal: Portal, entity_type_id: int, row: Row) -> None:
    if "stageId" in row:
        _check_stage(portal, entity_type_id, row)
        _record(portal, entity_type_id, row, CREATED)


def _check_stage(portal: Portal, entity_type_id: int, row: Row) -> None:
    entity_id = stage_entity(entity_type_id, row.get("categoryId"))
    if all(stage["STATUS_ID"] != row["stageId"] for stage in portal.stages(entity_id)):
        raise invalid_argument("Invalid value of field 'stageId'")


def _record(portal: Portal, entity_type_id: int, row: Row, type_id: int) -> None:
    history = portal.history.get(entity_type_id)
    if history is None:
        return
    entry: Row = {
        "ID": history.table.next_id(),
        "TYPE_ID": type_id,
        "OWNER_ID": row["id"],
        "CREATED_TIME": portal.now(),
    }
    if entity_type_id == LEAD:
        entry |= {"STATUS_SEMANTIC_ID": row["stageSemanticId"], "STATUS_ID": row["stageId"]}
    else:
        entry |= {
            "CATEGORY_ID": row["categoryId"],
            "STAGE_SEMANTIC_ID": row["stageSemanticId"],
            "STAGE_ID": row["stageId"],
        }
    history.table.put(entry)
