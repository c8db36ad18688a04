"""What a right connector must hold, as canonical documents, straight from the stores."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

from connectors.salesforce.portal import company
from connectors.salesforce.portal.org import Org
from connectors.salesforce.portal.schema import KEY
from connectors.salesforce.portal.store import Values

Document = dict[str, Any]
STATUSES = {
    "Not Started": "open",
    "In Progress": "in_progress",
    "Waiting on someone else": "in_progress",
    "Deferred": "deferred",
    "Completed": "done",
}
SUBJECT_KEY = re.compile(r"^(.*) \[rr:([^\]]+)\]$", flags=re.DOTALL)


def truth(org: Org, stream: str, query: dict[str, str]) -> Iterator[Document]:
    """`days` of the query is how many of campaign figures. Raises KeyError."""
    if stream == "campaign_stats":
        return _campaign_stats(org, int(query.get("days", 30)))
    makers = {
        "people": _people,
        "pipelines": _pipelines,
        "leads": _leads,
        "deals": _deals,
        "stage_changes": _stage_changes,
        "tasks": _tasks,
    }
    return makers[stream](org)


def _alive(org: Org, kind: str) -> Iterator[Values]:
    for entry in org.store(kind).entries.values():
        if not entry.values["IsDeleted"]:
            yield entry.values


def _people(org: Org) -> Iterator[Document]:
    for values in _alive(org, "User"):
        if values["UserType"] != company.STANDARD:
            continue
        yield {
            "id": values["Id"],
            "name": values["Name"],
            "email": values["Email"],
            "active": values["IsActive"],
        }


def _pipelines(_org: Org) -> Iterator[Document]:
    for number, (value, label, closed, won, *_rest) in enumerate(company.STAGES):
        kind = "won" if won else "lost" if closed else "open"
        yield _stage("opportunities", "Opportunities", value, label, kind, number)
    for number, (value, converted) in enumerate(company.LEAD_STATUSES):
        lost = value == "Closed - Not Converted"
        kind = "won" if converted else "lost" if lost else "open"
        yield _stage("leads", "Leads", value, value, kind, number)


def _stage(pipeline: str, named: str, value: str, label: str, kind: str, sort: int) -> Document:
    return {
        "id": f"{pipeline}/{value}",
        "pipeline": pipeline,
        "pipeline_name": named,
        "stage": value,
        "name": label,
        "kind": kind,
        "sort": sort,
    }


def _leads(org: Org) -> Iterator[Document]:
    for values in _alive(org, "Lead"):
        lost = values["Status"] == "Closed - Not Converted"
        status = "converted" if values["IsConverted"] else "disqualified" if lost else "open"
        day = values["ConvertedDate"]
        yield {
            "id": values["Id"],
            "updated_at": at(values["SystemModstamp"]),
            "title": values["Name"],
            "stage": values["Status"],
            "status_kind": status,
            "source": values["LeadSource"],
            "owner": values["OwnerId"],
            "created_at": at(values["CreatedDate"]),
            "closed_at": f"{day}T00:00:00Z" if values["IsConverted"] else None,
        }


def _deals(org: Org) -> Iterator[Document]:
    from_leads = {one["ConvertedOpportunityId"]: one["Id"] for one in _alive(org, "Lead")}
    campaigns = {one["Id"]: one["Name"] for one in _alive(org, "Campaign")}
    for values in _alive(org, "Opportunity"):
        amount = values["Amount"]
        yield {
            "id": values["Id"],
            "updated_at": at(values["SystemModstamp"]),
            "title": values["Name"],
            "pipeline": "opportunities",
            "stage": values["StageName"],
            "stage_kind": _kind(values["StageName"]),
            "amount": None if amount is None else str(amount),
            "currency": None if amount is None else values.get("CurrencyIsoCode", "EUR"),
            "source": values["LeadSource"],
            "utm": {
                **dict.fromkeys(("source", "medium", "content", "term")),
                "campaign": campaigns.get(values["CampaignId"]),
            },
            "owner": values["OwnerId"],
            "lead": from_leads.get(values["Id"]),
            "created_at": at(values["CreatedDate"]),
            "closed_at": f"{values['CloseDate']}T00:00:00Z" if values["IsClosed"] else None,
        }


def _stage_changes(org: Org) -> Iterator[Document]:
    alive = {values["Id"] for values in _alive(org, "Opportunity")}
    before: dict[str, str] = {}
    rows = sorted(
        _alive(org, "OpportunityHistory"), key=lambda one: (one["CreatedDate"], one["Id"])
    )
    for row in rows:
        of, stage = row["OpportunityId"], row["StageName"]
        if of not in alive or before.get(of) == stage:
            continue
        was_open = of not in before or _kind(before[of]) == "open"
        before[of] = stage
        yield {
            "id": row["Id"],
            "entity": "deals",
            "entity_id": of,
            "pipeline": "opportunities",
            "stage": stage,
            "stage_kind": _kind(stage),
            "closing": was_open and _kind(stage) != "open",
            "at": at(row["CreatedDate"]),
        }


def _tasks(org: Org) -> Iterator[Document]:
    for values in _alive(org, "Task"):
        marked = SUBJECT_KEY.match(values["Subject"] or "")
        key = values.get(KEY) or (marked[2] if marked else None)
        if key is None:
            continue
        yield {
            "id": values["Id"],
            "title": marked[1] if marked else values["Subject"],
            "status": STATUSES[values["Status"]],
            "owner": values["OwnerId"],
            "key": key,
        }


def _campaign_stats(org: Org, days: int) -> Iterator[Document]:
    today = org.clock.now().date()
    since = today - timedelta(days=days - 1)
    for campaign in _alive(org, "Campaign"):
        begun = campaign["StartDate"] or campaign["CreatedDate"][:10]
        figures: dict[str, Document] = {}
        if campaign["ActualCost"] is not None:
            figures[begun] = {"spend": str(campaign["ActualCost"])}
        for member in _alive(org, "CampaignMember"):
            if member["CampaignId"] != campaign["Id"]:
                continue
            for day in (member["CreatedDate"][:10], member["FirstRespondedDate"]):
                if day is not None and date.fromisoformat(day) >= since:
                    figures.setdefault(day, {})
        for day in sorted(figures):
            yield {
                "id": f"{day}:{campaign['Id']}",
                "day": day,
                "campaign": campaign["Name"],
                "spend": figures[day].get("spend"),
            }


def _kind(stage: str) -> str:
    closed, won, *_ = company.stage(stage)
    return "won" if won else "lost" if closed else "open"


def at(text: str) -> str:
    return text.replace(".000+0000", "Z")
