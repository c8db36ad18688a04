"""Users, pipelines, stages, sources and earlier tasks as native rows of the portal."""

from connectors.bitrix24.portal.company import stage_id, status_row
from connectors.bitrix24.portal.data import Row
from workers.demo.rows import portal_time
from workers.demo.world import Colleague, EarlierTask, NamedStage, World

FIRST_TASK_ID = 3604


def user_rows(world: World) -> list[Row]:
    return [_user(colleague) for colleague in world.people]


def category_rows(world: World) -> list[Row]:
    return [
        {
            "id": pipeline.id,
            "name": pipeline.name,
            "sort": 100 * number,
            "entityTypeId": 2,
            "isDefault": "Y" if pipeline.id == 0 else "N",
        }
        for number, pipeline in enumerate(world.portal.pipelines, 1)
    ]


def status_rows(world: World) -> list[Row]:
    """Stages of leads and of every pipeline, and sources."""
    portal = world.portal
    rows = [_stage("STATUS", each.id, each, at) for at, each in enumerate(portal.lead_stages, 1)]
    for pipeline in portal.pipelines:
        entity = f"DEAL_STAGE_{pipeline.id}" if pipeline.id else "DEAL_STAGE"
        for at, each in enumerate(pipeline.stages, 1):
            rows.append(_stage(entity, stage_id(pipeline.id, each.id), each, at, pipeline.id))
    for at, source in enumerate(portal.sources, 1):
        rows.append(status_row("SOURCE", source.id, source.name, None, sort=10 * at))
    return [row | {"ID": str(number)} for number, row in enumerate(rows, 1)]


def task_rows(world: World) -> list[Row]:
    return [_task(task, number) for number, task in enumerate(world.tasks, FIRST_TASK_ID)]


def _user(colleague: Colleague) -> Row:
    return {
        "ID": str(colleague.user),
        "ACTIVE": True,
        "NAME": colleague.first_name,
        "LAST_NAME": colleague.last_name,
        "EMAIL": colleague.email,
        "WORK_POSITION": colleague.role,
        "UF_DEPARTMENT": [1],
        "USER_TYPE": "employee",
        "IS_ONLINE": "N",
    }


def _stage(
    entity: str, status: str, stage: NamedStage, at: int, pipeline: int | None = None
) -> Row:
    semantics = None if stage.kind == "P" else stage.kind
    return status_row(entity, status, stage.name, semantics, sort=10 * at, pipeline=pipeline)


def _task(task: EarlierTask, number: int) -> Row:
    row: Row = {
        "ID": number,
        "TITLE": task.title,
        "STATUS": task.status,
        "RESPONSIBLE_ID": task.user,
        "CREATED_BY": task.user,
        "CREATED_DATE": portal_time(task.created),
        "CHANGED_DATE": portal_time(task.closed or task.created),
        "TAGS": list(task.tags),
    }
    if task.deadline:
        row["DEADLINE"] = portal_time(task.deadline)
    if task.closed:
        row["CLOSED_DATE"] = portal_time(task.closed)
        row["CLOSED_BY"] = task.user
    if task.xml_id:
        row["XML_ID"] = task.xml_id
    return row
