"""Reference data of a seeded portal: users, pipelines, stages, sources, currencies, campaigns."""

from typing import Any

from connectors.bitrix24.portal.data import Row

FIRST_NAMES = [
    "Ada",
    "Bruno",
    "Chloé",
    "Dmitri",
    "Elena",
    "Farid",
    "Mia",
    "Gaëlle",
    "Hugo",
    "Inès",
    "Jonas",
]
LAST_NAMES = [
    "Admin",
    "Bell",
    "Caron",
    "Dorn",
    "Esposito",
    "Fares",
    "Marketer",
    "Garnier",
    "Hill",
    "Ibarra",
    "Jansen",
]
EXTRA_SEMANTICS = {"S": "success", "F": "failure"}

LEAD_STATUSES = (
    ("NEW", "Unassigned", None),
    ("IN_PROCESS", "In progress", None),
    ("PROCESSED", "Qualified", None),
    ("CONVERTED", "Good lead", "S"),
    ("JUNK", "Junk lead", "F"),
)
DEAL_STAGES = (
    ("NEW", "New", None),
    ("PREPARATION", "Preparation", None),
    ("EXECUTING", "In work", None),
    ("WON", "Won", "S"),
    ("LOSE", "Lost", "F"),
    ("APOLOGY", "Lost, analysed", "F"),
)
PIPELINES = ((0, "General"), (3, "Partners"), (5, "Réseau «B2B»"), (9, "Renewals"))
SOURCES = (
    ("WEB", "Web site"),
    ("CALL", "Call"),
    ("ADVERTISING", "Advertising"),
    ("EMAIL", "E-mail"),
    ("RECOMMENDATION", "Recommendation"),
)
CAMPAIGNS: tuple[tuple[str | None, ...], ...] = (
    ("google", "cpc", "brand_q3", None, None),
    ("google", "cpc", "C-2026-09-acquisition", "ad 1", "crm + roi"),
    ("Google", "CPC", "brand_q3", None, None),
    ("facebook", "paid_social", "rentrée", "vidéo & démo", None),
    ("newsletter", "email", "nov=100%", "button", None),
    ("bing", "cpc", "brand_q3", None, "50% off"),
    ("", "", "", "", ""),
    (None, None, None, None, None),
)
CURRENCIES = ("EUR", "EUR", "EUR", "USD")


def users() -> list[Row]:
    names = zip(FIRST_NAMES, LAST_NAMES, strict=True)
    return [
        {
            "ID": str(number),
            "ACTIVE": number != 9,
            "NAME": first,
            "LAST_NAME": last,
            "EMAIL": f"user{number}@portal.example",
            "UF_DEPARTMENT": [1 + number % 4],
            "USER_TYPE": "employee",
            "WORK_POSITION": "Marketer" if number == 7 else "",
            "IS_ONLINE": "N",
        }
        for number, (first, last) in enumerate(names, 1)
    ]


def categories() -> list[Row]:
    return [
        {"id": id_, "name": name, "sort": 100 * n, "entityTypeId": 2, "isDefault": "Y"}
        if id_ == 0
        else {
            "id": id_,
            "name": name,
            "sort": 100 * n,
            "entityTypeId": 2,
            "isDefault": "N",
            "originId": "",
            "originatorId": "",
        }
        for n, (id_, name) in enumerate(PIPELINES, 1)
    ]


def statuses() -> list[Row]:
    rows = [status_row("STATUS", *entry, sort=10 * n) for n, entry in enumerate(LEAD_STATUSES, 1)]
    for pipeline, _ in PIPELINES:
        rows += deal_stage_rows(pipeline)
    rows += [status_row("SOURCE", *entry, None, sort=10 * n) for n, entry in enumerate(SOURCES, 1)]
    for number, row in enumerate(rows, 1):
        row["ID"] = str(number)
    return rows


def deal_stage_rows(pipeline: int) -> list[Row]:
    entity = "DEAL_STAGE" if pipeline == 0 else f"DEAL_STAGE_{pipeline}"
    return [
        status_row(
            entity, stage_id(pipeline, stage), name, semantics, sort=10 * n, pipeline=pipeline
        )
        for n, (stage, name, semantics) in enumerate(DEAL_STAGES, 1)
    ]


def stage_id(pipeline: int, stage: str) -> str:
    return stage if pipeline == 0 else f"C{pipeline}:{stage}"


def status_row(
    entity: str,
    status: str,
    name: str,
    semantics: str | None,
    sort: int,
    pipeline: int | None = None,
) -> Row:
    """A row of `crm.status.list` without its ID. Only stages of leads and deals carry EXTRA."""
    row: dict[str, Any] = {
        "ID": "0",
        "ENTITY_ID": entity,
        "STATUS_ID": status,
        "NAME": name,
        "NAME_INIT": "",
        "SORT": str(sort),
        "SYSTEM": "Y" if semantics or sort == 10 else "N",
        "CATEGORY_ID": str(pipeline) if pipeline else None,
        "COLOR": "#39A8EF",
        "SEMANTICS": semantics,
    }
    if entity == "STATUS" or entity.startswith("DEAL_STAGE"):
        extra = EXTRA_SEMANTICS.get(semantics or "", "process")
        row["EXTRA"] = {"SEMANTICS": extra, "COLOR": "#39A8EF"}
    return row


def currencies() -> list[Row]:
    return [
        _currency("EUR", "1.0000", "Y", "Euro", "# €", " "),
        _currency("USD", "0.9100", "N", "US dollar", "$#", None),
    ]


def _currency(
    code: str, amount: str, base: str, name: str, pattern: str, separator: str | None
) -> Row:
    return {
        "CURRENCY": code,
        "AMOUNT_CNT": "1",
        "AMOUNT": amount,
        "SORT": "100" if base == "Y" else "200",
        "BASE": base,
        "FULL_NAME": name,
        "LID": "en",
        "FORMAT_STRING": pattern,
        "DEC_POINT": ".",
        "THOUSANDS_SEP": separator,
        "DECIMALS": "2",
        "DATE_UPDATE": "2026-01-10T09:00:00+03:00",
    }


DEAL_FIELDS: tuple[Row, ...] = (
    {
        "id": "701",
        "entityId": "CRM_DEAL",
        "fieldName": "UF_CRM_1747309879",
        "userTypeId": "string",
        "editFormLabel": {"en": "Contract number"},
    },
    {
        "id": "702",
        "entityId": "CRM_DEAL",
        "fieldName": "UF_CRM_1747309912",
        "userTypeId": "double",
        "editFormLabel": {"en": "Margin, %"},
        "settings": {"PRECISION": 2},
    },
)
