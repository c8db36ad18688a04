"""What a right connector must hold, told from the company's own rows.

Field names are those of the canonical records; times are UTC with `Z`, money is text with two
decimals, ids are text. Choices a connector may make are in the query: `history` is `latest` (what a
deal itself tells) or `all` (its changelog), `qualified` names the labels that mean qualified.
"""

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

from connectors.pipedrive.portal.company import Company, Row
from connectors.pipedrive.portal.schema import instant

Truth = dict[str, Any]
MARK = re.compile(r"\[retro:([^\]\s]+)\]")
KINDS = ("call", "email", "meeting")


def truth(company: Company, stream: str, query: dict[str, str]) -> Iterator[Truth]:
    """Raises KeyError for a stream the company does not have."""
    return STREAMS[stream](company, query)


def people(company: Company, _: dict[str, str]) -> Iterator[Truth]:
    for user in company.users:
        shown: Truth = {"name": user["name"], "email": user["email"], "active": user["active_flag"]}
        yield {"id": str(user["id"]), **shown, "updated_at": None}


def pipelines(company: Company, _: dict[str, str]) -> Iterator[Truth]:
    names = {row["id"]: row["name"] for row in company.pipelines}
    for stage in company.stages:
        yield {
            "id": f"{stage['pipeline_id']}/{stage['id']}",
            "pipeline": str(stage["pipeline_id"]),
            "pipeline_name": names[stage["pipeline_id"]],
            "stage": str(stage["id"]),
            "name": stage["name"],
            "kind": "open",
            "sort": stage["order_nr"],
        }
    inbox = (
        ("inbox", "Inbox", "open"),
        ("archived", "Archived", "lost"),
        ("converted", "Converted", "won"),
    )
    for number, (place, name, kind) in enumerate(inbox):
        yield {
            "id": f"leads/{place}",
            "pipeline": "leads",
            "pipeline_name": "Leads",
            "stage": place,
            "name": name,
            "kind": kind,
            "sort": number,
        }


def contacts(company: Company, _: dict[str, str]) -> Iterator[Truth]:
    for row in company.persons.shown():
        if not row["is_deleted"]:
            yield {
                "id": str(row["id"]),
                "name": row["name"],
                "company": str(row["org_id"]) if row["org_id"] else None,
                "created_at": instant(row["add_time"]),
                "updated_at": instant(row["update_time"]),
            }


def leads(company: Company, query: dict[str, str]) -> Iterator[Truth]:
    qualified = set(query.get("qualified", "").split(","))
    for row in company.leads.shown():
        if row["is_deleted"]:
            continue
        gone, value = row["is_archived"], row["value"] or {}
        status = "qualified" if qualified & set(row["label_ids"]) else "open"
        yield {
            "id": row["id"],
            "title": row["title"],
            "stage": "archived" if gone else "inbox",
            "status_kind": "disqualified" if gone else status,
            "amount": _money(value.get("amount")),
            "currency": value.get("currency"),
            "source": row["source_name"],
            "owner": str(row["owner_id"]),
            "contacts": [str(row["person_id"])] if row["person_id"] else [],
            "created_at": instant(row["add_time"]),
            "updated_at": instant(row["update_time"]),
            "closed_at": instant(row["update_time"]) if gone else None,
        }
    for deal in _living(company):
        if deal["source_lead_id"] is not None:
            yield _converted(deal, company.leads.rows[deal["source_lead_id"]])


def _converted(deal: Row, lead: Row) -> Truth:
    """As the deal is, which has what the lead had."""
    return {
        "id": lead["id"],
        "title": deal["title"],
        "stage": "converted",
        "status_kind": "converted",
        "amount": _money(deal["value"]),
        "currency": deal["currency"],
        "source": deal["origin"],
        "owner": str(deal["owner_id"]),
        "contacts": [str(deal["person_id"])] if deal["person_id"] else [],
        "created_at": instant(lead["add_time"]),
        "updated_at": instant(deal["update_time"]),
        "closed_at": instant(deal["add_time"]),
    }


def deals(company: Company, _: dict[str, str]) -> Iterator[Truth]:
    for row in _living(company):
        yield {
            "id": str(row["id"]),
            "title": row["title"],
            "pipeline": str(row["pipeline_id"]),
            "stage": str(row["stage_id"]),
            "stage_kind": row["status"],
            "amount": _money(row["value"]),
            "currency": row["currency"],
            "source": row["origin"],
            "owner": str(row["owner_id"]),
            "contacts": [str(row["person_id"])] if row["person_id"] else [],
            "lead": row["source_lead_id"],
            "created_at": instant(row["add_time"]),
            "updated_at": instant(row["update_time"]),
            "closed_at": instant(row["won_time"] or row["lost_time"]),
        }


def stage_changes(company: Company, query: dict[str, str]) -> Iterator[Truth]:
    pipelines_of = {row["id"]: str(row["pipeline_id"]) for row in company.stages}
    for row in _living(company):
        log = [one for one in company.changelog.get(row["id"], []) if one[1] in FIELDS]
        moved = [one for one in log if one[1] == "stage_id"]
        stage = moved[0][2] if moved else row["stage_id"]
        moves = [(row["add_time"], str(stage), stage, "open")]
        for at, name, _, new in log:
            stage = new if name == "stage_id" else stage
            kind = "open" if name == "stage_id" else new
            moves.append((at, str(new), stage, kind))
        if query.get("history", "latest") == "latest":
            last = [move for move in moves if move[1].isdecimal()][-1:]
            ended = [move for move in moves if move[1] in ("won", "lost")][-1:]
            moves = last + (ended if row["status"] != "open" else [])
        for at, name, stage, kind in moves:
            yield {
                "id": f"{row['id']}:{name}:{int(at)}",
                "entity": "deals",
                "entity_id": str(row["id"]),
                "pipeline": pipelines_of[stage],
                "stage": str(stage),
                "stage_kind": kind,
                "closing": kind != "open",
                "at": instant(at),
            }


FIELDS = ("stage_id", "status")


def activities(company: Company, _: dict[str, str]) -> Iterator[Truth]:
    for row in company.activities.shown():
        bound = row["deal_id"] or row["lead_id"]
        if row["is_deleted"] or not bound or "[retro" in (row["note"] or ""):
            continue
        yield {
            "id": str(row["id"]),
            "entity": "deals" if row["deal_id"] else "leads",
            "entity_id": str(bound),
            "kind": row["type"] if row["type"] in KINDS else "other",
            "outbound": row["type"] in KINDS,
            "at": instant(row["marked_as_done_time"]) if row["done"] else None,
            "completed": row["done"],
            "owner": str(row["owner_id"]),
            "created_at": instant(row["add_time"]),
            "updated_at": instant(row["update_time"]),
        }


def tasks(company: Company, _: dict[str, str]) -> Iterator[Truth]:
    for row in company.activities.shown():
        mark = MARK.search(row["note"] or "")
        if row["is_deleted"] or mark is None:
            continue
        due = row["due_date"] and f"{row['due_date']}T{row['due_time'] or '23:59:00'}Z"
        yield {
            "id": str(row["id"]),
            "title": row["subject"],
            "status": "done" if row["done"] else "open",
            "owner": str(row["owner_id"]),
            "due_at": due or None,
            "closed_at": instant(row["marked_as_done_time"]),
            "created_at": instant(row["add_time"]),
            "updated_at": instant(row["update_time"]),
            "key": unescape(mark[1]),
        }


def _living(company: Company) -> Iterator[Row]:
    return (row for row in company.deals.shown() if not row["is_deleted"])


def _money(value: float | None) -> str | None:
    return None if value is None else f"{value:.2f}"


STREAMS: dict[str, Callable[[Company, dict[str, str]], Iterator[Truth]]] = {
    "people": people,
    "pipelines": pipelines,
    "contacts": contacts,
    "leads": leads,
    "deals": deals,
    "stage_changes": stage_changes,
    "activities": activities,
    "tasks": tasks,
}
