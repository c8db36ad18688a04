"""Shapes of seeded deals, leads and contacts: what many rows have in common."""

from dataclasses import dataclass
from random import Random
from typing import Any

from connectors.bitrix24.portal import company
from connectors.bitrix24.portal.company import stage_id
from connectors.bitrix24.portal.data import Row

HOUR = 3600
DAY = 24 * HOUR
CREATED, MOVED, FINAL, PIPELINE = 1, 2, 3, 5
TITLES = (
    "Website redesign",
    "Audit « Été »",
    "CRM roll-out 100%",
    'Licence "Pro"',
    "Support & training",
    "Équipement a+b=c",
    "Renewal",
    "Формуляр",
)
MOST, FEWEST = 2048, 16


@dataclass(frozen=True)
class Move:
    """One row of stage history; `after` seconds since the item was created."""

    type_id: int
    category: int
    stage: str
    semantics: str
    after: int


@dataclass(frozen=True)
class Shape:
    row: Row
    moves: tuple[Move, ...]


# Ways through the pipeline: a stage name, or a change of pipeline (">" and the stage there).
DEAL_WAYS = (
    ["NEW"],
    ["NEW", "PREPARATION"],
    ["NEW", "PREPARATION", "EXECUTING"],
    ["NEW", "PREPARATION", "EXECUTING", "WON"],
    ["NEW", "PREPARATION", "EXECUTING", "WON"],
    ["NEW", "EXECUTING", "WON"],
    ["NEW", "PREPARATION", "LOSE"],
    ["NEW", "LOSE"],
    ["NEW", "EXECUTING", "WON", "EXECUTING", "WON"],
    ["NEW", "EXECUTING", "WON", "EXECUTING"],
    ["NEW", ">NEW", "PREPARATION", "WON"],
    ["NEW", ">PREPARATION", "EXECUTING"],
)
# A deal that moves on after it ended has a movedTime later than its close.
LATE_WAYS = (
    ["NEW", "PREPARATION", "EXECUTING", "WON", ">WON"],
    ["NEW", "EXECUTING", "LOSE", ">LOSE"],
    ["NEW", "PREPARATION", "LOSE", "APOLOGY"],
)
LEAD_WAYS = (
    ["NEW"],
    ["NEW", "IN_PROCESS"],
    ["NEW", "IN_PROCESS", "PROCESSED"],
    ["NEW", "IN_PROCESS", "PROCESSED", "CONVERTED"],
    ["NEW", "IN_PROCESS", "CONVERTED"],
    ["NEW", "JUNK"],
    ["NEW", "IN_PROCESS", "JUNK"],
)
SEMANTICS = {"WON": "S", "LOSE": "F", "APOLOGY": "F", "CONVERTED": "S", "JUNK": "F"}


def shape_count(records: int) -> int:
    """How many shapes are worth making for so many rows."""
    return min(MOST, FEWEST + records)


def deal_shapes(blank: Row, count: int, random: Random, *, late_moves: bool) -> list[Shape]:
    ways = (*DEAL_WAYS, *LATE_WAYS) if late_moves else DEAL_WAYS
    shapes = []
    for _ in range(count):
        moves = _walk(random.choice(ways), random, random.choice(company.PIPELINES)[0])
        last = moves[-1]
        row = _item(blank, moves, random) | {
            "categoryId": last.category,
            "stageId": stage_id(last.category, last.stage),
            "previousStageId": _previous(moves),
            "closed": "N" if last.semantics == "P" else "Y",
            "probability": random.choice([None, 10, 50, 90]),
            "isRecurring": "N",
            "isNew": "Y" if len(moves) == 1 else "N",
            "typeId": "SALE",
            "ufCrm_1747309879": "CT-",
            "ufCrm_1747309912": random.choice([None, random.randint(0, 9999) / 100]),
        }
        shapes.append(Shape(row, moves))
    return shapes


def template_of(shape: Shape) -> Shape:
    """The same deal as the template of a recurring one: no deal, and no history."""
    return Shape(shape.row | {"isRecurring": "Y"}, ())


def lead_shapes(blank: Row, count: int, random: Random) -> list[Shape]:
    shapes = []
    for _ in range(count):
        moves = _walk(random.choice(LEAD_WAYS), random, 0)
        row = _item(blank, moves, random) | {
            "stageId": moves[-1].stage,
            "previousStageId": _previous(moves),
            "name": random.choice(company.FIRST_NAMES),
            "lastName": random.choice(company.LAST_NAMES),
            "dateClosed": None,
        }
        shapes.append(Shape(row, moves))
    return shapes


def contact_shapes(blank: Row, count: int, random: Random) -> list[Row]:
    return [
        blank
        | _campaign(random)
        | {
            "name": random.choice([*company.FIRST_NAMES, None]),
            "lastName": random.choice(company.LAST_NAMES) + " ",
            "companyId": random.choice([0, 12, 13]),
            "assignedById": random.randint(1, 11),
            "createdBy": 1,
            "updatedBy": 1,
        }
        for _ in range(count)
    ]


def _item(blank: Row, moves: tuple[Move, ...], random: Random) -> Row:
    owner = random.randint(1, len(company.FIRST_NAMES))
    return (
        blank
        | _campaign(random)
        | {
            "title": f"{random.choice(TITLES)} ",
            "stageSemanticId": moves[-1].semantics,
            "currencyId": random.choice(company.CURRENCIES),
            "isManualOpportunity": random.choice("NY"),
            "isReturnCustomer": random.choice("NNNY"),
            "assignedById": owner,
            "createdBy": 1,
            "updatedBy": owner,
            "movedBy": owner,
            "lastActivityBy": owner,
        }
    )


def _campaign(random: Random) -> dict[str, Any]:
    source, medium, campaign, content, term = random.choice(company.CAMPAIGNS)
    return {
        "utmSource": source,
        "utmMedium": medium,
        "utmCampaign": campaign,
        "utmContent": content,
        "utmTerm": term,
        "sourceId": random.choice([*company.SOURCES, (None, "")])[0],
        "sourceDescription": random.choice([None, "", "fair, hall 3"]),
        "webformId": random.choice([0, 0, 4]),
    }


def _walk(way: list[str], random: Random, pipeline: int) -> tuple[Move, ...]:
    """Moves over at most 70 days."""
    moves = []
    after = 0
    for number, step in enumerate(way):
        stage = step.removeprefix(">")
        type_id = CREATED if number == 0 else FINAL if stage in SEMANTICS else MOVED
        if step.startswith(">"):
            type_id = PIPELINE
            pipeline = random.choice([id_ for id_, _ in company.PIPELINES if id_ != pipeline])
        moves.append(Move(type_id, pipeline, stage, SEMANTICS.get(stage, "P"), after))
        after += random.randint(HOUR, 14 * DAY)
    return tuple(moves)


def _previous(moves: tuple[Move, ...]) -> str:
    if len(moves) < 2:
        return ""
    return stage_id(moves[-2].category, moves[-2].stage)
