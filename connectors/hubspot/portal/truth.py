"""What a right connector must hold, as canonical documents, straight from the stores."""

import html
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from connectors.hubspot.portal import company
from connectors.hubspot.portal.account import Account
from connectors.hubspot.portal.store import Entry, iso

Document = dict[str, Any]
KEY_LINE = re.compile(r"(?:^|<br>)retro-key: ([^<]+)")
NO_UTM = dict.fromkeys(("source", "medium", "campaign", "content", "term"))
STATUSES = {
    "NOT_STARTED": "open",
    "IN_PROGRESS": "in_progress",
    "WAITING": "in_progress",
    "DEFERRED": "deferred",
    "COMPLETED": "done",
}


def truth(account: Account, stream: str, query: dict[str, str]) -> Iterator[Document]:
    """`days` of the query is how many of campaign figures. Raises KeyError."""
    makers = {
        "people": _people,
        "pipelines": _pipelines,
        "contacts": _contacts,
        "leads": _leads,
        "deals": _deals,
        "stage_changes": _stage_changes,
        "tasks": _tasks,
    }
    if stream == "campaign_stats":
        return _campaign_stats(account, int(query.get("days", 30)))
    return makers[stream](account)


def _alive(account: Account, kind: str) -> Iterator[Entry]:
    return (one for one in account.stores[kind].entries.values() if one.archived is None)


def _people(_account: Account) -> Iterator[Document]:
    for id_, first, last in company.OWNERS:
        email = f"user{id_}@portal.example"
        yield {
            "id": id_,
            "name": f"{first} {last}",
            "email": email,
            "active": id_ != company.LEFT,
        }


def _pipelines(_account: Account) -> Iterator[Document]:
    for kind, pipelines in company.PIPELINES.items():
        for pipeline, stages in pipelines.items():
            shown = f"leads:{pipeline}" if kind == "leads" else pipeline
            for number, (stage, label, *_rest) in enumerate(stages):
                yield {
                    "id": f"{shown}/{stage}",
                    "pipeline": shown,
                    "pipeline_name": company.PIPELINE_NAMES[pipeline],
                    "stage": stage,
                    "name": label,
                    "kind": _kind(kind, stage),
                    "sort": number,
                }


def _contacts(account: Account) -> Iterator[Document]:
    for entry in _alive(account, "contacts"):
        values = entry.values
        named = " ".join(p for p in (values.get("firstname"), values.get("lastname")) if p)
        told = dict(parse_qsl(urlsplit(values.get("hs_analytics_first_url") or "").query))
        yield {
            "id": str(entry.id),
            "updated_at": _at(values["lastmodifieddate"]),
            "name": named or values.get("email") or "",
            "company": values.get("company"),
            "source": values.get("hs_analytics_source"),
            "utm": {part: told.get(f"utm_{part}") for part in NO_UTM},
            "created_at": _at(values["createdate"]),
        }


def _leads(account: Account) -> Iterator[Document]:
    status = {"open": "open", "won": "converted", "lost": "disqualified"}
    for entry in _alive(account, "leads"):
        values = entry.values
        stage = str(values["hs_pipeline_stage"])
        kind = _kind("leads", stage)
        entered = values.get(f"hs_v2_date_entered_{stage}")
        yield {
            "id": str(entry.id),
            "updated_at": _at(values["hs_lastmodifieddate"]),
            "title": values.get("hs_lead_name") or "",
            "stage": stage,
            "status_kind": status[kind],
            "owner": values.get("hubspot_owner_id"),
            "source": values.get("hs_analytics_source"),
            "contacts": _linked(account, "leads", entry, "contacts"),
            "created_at": _at(values["hs_createdate"]),
            "closed_at": _at(entered) if kind != "open" else None,
        }


def _deals(account: Account) -> Iterator[Document]:
    for entry in _alive(account, "deals"):
        values = entry.values
        kind = _kind("deals", str(values["dealstage"]))
        amount = values.get("amount")
        currency = values.get("deal_currency_code") or account.options.currency
        yield {
            "id": str(entry.id),
            "updated_at": _at(values["hs_lastmodifieddate"]),
            "title": values.get("dealname") or "",
            "pipeline": values["pipeline"],
            "stage": values["dealstage"],
            "stage_kind": kind,
            "amount": amount,
            "currency": currency if amount else None,
            "source": values.get("hs_analytics_source"),
            "owner": values.get("hubspot_owner_id"),
            "contacts": _linked(account, "deals", entry, "contacts"),
            "lead": next(iter(_linked(account, "deals", entry, "leads")), None),
            "created_at": _at(values["createdate"]),
            "closed_at": _at(values["closedate"]) if kind != "open" else None,
        }


def _stage_changes(account: Account) -> Iterator[Document]:
    for kind, name in company.STAGE_PROPERTY.items():
        for entry in _alive(account, kind):
            was_open, before = True, None
            for at, stage in entry.versions(name):
                if stage is None or stage == before:
                    continue
                now = _kind(kind, stage)
                yield {
                    "id": f"{kind}:{entry.id}:{_milliseconds(at)}",
                    "entity": kind,
                    "entity_id": str(entry.id),
                    "pipeline": company.pipeline_of(kind, stage) if kind == "deals" else None,
                    "stage": stage,
                    "stage_kind": now,
                    "closing": was_open and now != "open",
                    "at": _at(iso(at)),
                }
                was_open, before = now == "open", stage


def _tasks(account: Account) -> Iterator[Document]:
    for entry in _alive(account, "tasks"):
        values = entry.values
        body = values.get("hs_task_body") or ""
        line = KEY_LINE.search(body)
        key = values.get("retro_key") or (html.unescape(line[1]) if line else None)
        if key is None or key.startswith("target:"):
            continue
        yield {
            "id": str(entry.id),
            "title": values.get("hs_task_subject") or "",
            "status": STATUSES[str(values["hs_task_status"])],
            "owner": values.get("hubspot_owner_id"),
            "key": key,
        }


def _campaign_stats(account: Account, days: int) -> Iterator[Document]:
    today = account.clock.now().date()
    first, last = account.campaign_span()
    for guid, name, utm in company.CAMPAIGNS:
        spent = account.spend.get(guid, [])
        for number in range(days - 1, -1, -1):
            day = today - timedelta(days=number)
            if first <= day <= last:
                amounts = [float(amount) for at, amount in spent if at == day]
                yield {
                    "id": f"{day.isoformat()}:{guid}",
                    "day": day.isoformat(),
                    "campaign": utm or name,
                    "sessions": account.sessions(guid, day),
                    "spend": sum(amounts) if amounts else None,
                }


def _linked(account: Account, kind: str, entry: Entry, other: str) -> list[str]:
    return list(dict.fromkeys(str(id_) for id_, _ in account.linked(kind, entry.id, other)))


def _kind(entity: str, stage: str) -> str:
    closed, won = company.is_closed(entity, stage)
    return "won" if won else "lost" if closed else "open"


def _milliseconds(seconds: float) -> int:
    """As the moment is told, which leaves out parts of a millisecond."""
    return round(datetime.fromisoformat(iso(seconds)).timestamp() * 1000)


def _at(text: str | None) -> str | None:
    """As canonical documents write a moment: milliseconds as microseconds, none left out."""
    if text is None:
        return None
    whole, _, fraction = text.removesuffix("Z").partition(".")
    return f"{whole}Z" if not int(fraction or 0) else f"{whole}.{fraction.ljust(6, '0')}Z"
