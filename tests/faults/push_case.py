"""One push of a target, two tasks bound to it and a comment, and what the portal then holds."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import msgspec
from sqlmodel import Session

from connectors.models import KpiTarget, Task
from sync.store import links, outbox, retros
from sync.store.outbox import Intention
from sync.tables.outbox import LinkKind, Operation, Outbox, OutboxState
from sync.tables.people import Person
from sync.tables.retros import Action, Decision, Retro
from sync.tables.runs import PUSH, Mode
from tests.connectors.bitrix24.kit import Sandbox
from tests.portal import NOW, Mirrored

TARGET, DESIGNER, COPYWRITER = "D-email-ctr:target", "D-email-ctr:designer", "D-email-ctr:copy"
REMINDER = "reminder-1"
TAG = "retro-roi"
V3 = ("crm", "task", "tasks", "user_brief", "userfieldconfig", "im")
V2 = tuple(scope for scope in V3 if scope != "tasks")
PER_KIND = {LinkKind.TARGET: [TARGET], LinkKind.TASK: sorted([DESIGNER, COPYWRITER])}


def intentions(connection_id: int) -> list[Intention]:
    target = KpiTarget(
        key=TARGET,
        title="Taux de clic",
        kpi="transactional_email_click_rate",
        unit="ratio",
        decision="D-email-ctr",
        baseline=0.024995,
        target=0.028744,
        starts_on=date(2026, 12, 15),
        recheck_on=date(2027, 1, 15),
    )
    tasks = [
        Task(
            key=key,
            title=f"Nouveau gabarit ({key})",
            description="Parce que le taux de clic est faible",
            owner="7",
            due_at=datetime(2026, 12, 14, 17, 0, tzinfo=UTC),
            bind_targets=[TARGET],
        )
        for key in (DESIGNER, COPYWRITER)
    ]

    def write(key: str, operation: Operation, subject: str, payload: Any) -> Intention:
        plain: dict[str, Any] = msgspec.to_builtins(payload)
        return Intention(key, connection_id, operation, subject, plain, because=[])

    return [
        write(TARGET, Operation.CREATE_TARGET, TARGET, target),
        *(write(task.key, Operation.CREATE_TASK, task.key, task) for task in tasks),
        write(REMINDER, Operation.COMMENT, DESIGNER, {"text": "Échéance demain"}),
    ]


def plan_behind(session: Session, connection_id: int) -> None:
    """The decision and the actions that the writes of the case are about."""
    retros.save_rows(
        session,
        [
            Person(id="p_mkt", name="Nadia Exemple", role="marketer"),
            Retro(id="R-1", held_at=NOW, status="open", participants=[], imported_at=NOW),
            Decision(
                id="D-email-ctr",
                retro_id="R-1",
                type="task",
                text="nouveau gabarit",
                accountable="p_mkt",
                due_on=NOW.date(),
                status="open",
                details={},
                created_at=NOW,
            ),
            *(
                Action(
                    key=key,
                    decision_id="D-email-ctr",
                    connection_id=connection_id,
                    role="marketer",
                    title="Nouveau gabarit",
                    description="",
                    owner="p_mkt",
                    owner_reason="",
                    due_at=NOW,
                    status="open",
                    because=[],
                )
                for key in (DESIGNER, COPYWRITER)
            ),
        ],
    )


def queue_push(mirrored: Mirrored) -> int:
    with mirrored.database.writing() as session:
        outbox.intend(session, intentions(mirrored.connection_id), NOW)
    return mirrored.queue(PUSH, Mode.PUSH)


def assert_delivered_once(mirrored: Mirrored) -> None:
    """Each write is in the portal exactly once, stamped, bound and linked."""
    tasks = mirrored.portal.call(
        "tasks.task.list",
        {"start": -1, "select": ["ID", "XML_ID", "UF_RETRO_KEY", "UF_CRM_TASK", "TAGS"]},
    )["tasks"]
    assert sorted(task["xmlId"] for task in tasks) == PER_KIND[LinkKind.TASK]
    assert [task["ufRetroKey"] for task in tasks] == [task["xmlId"] for task in tasks]
    type_id, targets = _targets(mirrored.portal)
    assert [item["xmlId"] for item in targets] == [TARGET]
    bound = [f"T{type_id:x}_{targets[0]['id']}"]
    assert [task["ufCrmTask"] for task in tasks] == [bound, bound]
    assert all(TAG in _tags(task) for task in tasks)
    designer = next(task for task in tasks if task["xmlId"] == DESIGNER)
    assert _comments(mirrored.portal, designer["id"])[f"[rr:{REMINDER}]"] == 1
    ids = {task["xmlId"]: str(task["id"]) for task in tasks} | {TARGET: str(targets[0]["id"])}
    with mirrored.database.reading() as session:
        for kind, keys in PER_KIND.items():
            tied = links.links(session, mirrored.connection_id, kind)
            assert sorted(link.key for link in tied) == keys
            assert {link.key: link.remote_id for link in tied} == {key: ids[key] for key in keys}
        written = [session.get_one(Outbox, one.key) for one in intentions(mirrored.connection_id)]
        assert [row.state for row in written] == [OutboxState.DONE] * 4


def _targets(portal: Sandbox) -> tuple[int, list[Mapping[str, Any]]]:
    (kind,) = portal.call("crm.type.list", {})["types"]
    type_id = int(kind["entityTypeId"])
    wanted = {"entityTypeId": type_id, "select": ["id", "xmlId"]}
    return type_id, portal.call("crm.item.list", wanted)["items"]


def _tags(task: Mapping[str, Any]) -> list[str]:
    tags = task["tags"]
    return [tag["title"] for tag in (tags.values() if isinstance(tags, dict) else tags)]


def _comments(portal: Sandbox, task_id: str) -> Counter[str]:
    wanted = {"taskId": task_id, "select": ["ID", "CHAT_ID"]}
    chat = portal.call("tasks.task.get", wanted)["task"]["chatId"]
    said = portal.call("im.dialog.messages.get", {"DIALOG_ID": f"chat{chat}", "LIMIT": 50})
    return Counter(one["text"].splitlines()[-1] for one in said["messages"] if one["text"])
