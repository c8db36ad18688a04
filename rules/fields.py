"""The facts a rule may ask about: name, type and words for people.

A fact is known by the code that computes it, so this list is code. Facts arrive as two levels,
`{"kpi": {"value": 0.36}}`. A key that is absent was not told and makes a condition unknown; a null
says that there is none.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from pydantic import AfterValidator

from connectors.models import ActionStatus
from rules.nearest import did_you_mean
from rules.words import DecisionStatus, DecisionType

Facts = Mapping[str, Mapping[str, object]]


class FieldType(StrEnum):
    TEXT = "text"
    TEXTS = "texts"
    NUMBER = "number"
    BOOLEAN = "boolean"
    MOMENT = "moment"


class Op(StrEnum):
    EQ = "eq"
    NE = "ne"
    LT = "lt"
    LTE = "lte"
    GT = "gt"
    GTE = "gte"
    IN = "in"
    NOT_IN = "not_in"
    CONTAINS = "contains"
    EXISTS = "exists"
    MISSING = "missing"


PRESENCE = frozenset({Op.EXISTS, Op.MISSING})
MEMBERSHIP = frozenset({Op.IN, Op.NOT_IN})
ORDER = frozenset({Op.LT, Op.LTE, Op.GT, Op.GTE})
EQUALITY = frozenset({Op.EQ, Op.NE})

OPS: Mapping[FieldType, frozenset[Op]] = {
    FieldType.TEXT: EQUALITY | MEMBERSHIP | PRESENCE,
    FieldType.TEXTS: frozenset({Op.CONTAINS}) | PRESENCE,
    FieldType.NUMBER: EQUALITY | ORDER | MEMBERSHIP | PRESENCE,
    FieldType.BOOLEAN: EQUALITY | PRESENCE,
    FieldType.MOMENT: ORDER | PRESENCE,
}


@dataclass(frozen=True, slots=True)
class Field:
    """`choices` are all the values a text may have; empty where any may come."""

    type: FieldType
    en: str
    fr: str
    choices: tuple[str, ...] = ()


def _text(en: str, fr: str, choices: tuple[str, ...] = ()) -> Field:
    return Field(FieldType.TEXT, en, fr, choices)


def _texts(en: str, fr: str) -> Field:
    return Field(FieldType.TEXTS, en, fr)


def _number(en: str, fr: str) -> Field:
    return Field(FieldType.NUMBER, en, fr)


VERDICTS = ("a_wins", "b_wins", "no_difference", "not_enough_data", "invalid_sample_ratio")
GUARDRAIL_VERDICTS = ("non_inferior", "inferior", "unclear")

FIELDS: Mapping[str, Field] = {
    "anomaly.abs_score": _number("the anomaly score", "l'écart à la normale"),
    "anomaly.consecutive": _number(
        "the number of anomalous days in a row", "le nombre de jours anormaux de suite"
    ),
    "campaign.channel": _text("the channel", "le canal"),
    "campaign.id": _text("the campaign", "la campagne"),
    "campaign.tags": _texts(
        "the list of tags of the campaign", "la liste d'étiquettes de la campagne"
    ),
    "deal.amount_eur": _number("the amount of the deal (€)", "le montant de l'affaire (€)"),
    "deal.id": _text("the deal", "l'affaire"),
    "deal.owner": _text("the owner of the deal", "le responsable de l'affaire"),
    "decision.accountable": _text("the accountable person", "le responsable de la décision"),
    "decision.amount_eur": _number(
        "the budget of the decision (€)", "le budget de la décision (€)"
    ),
    "decision.experiment": _text("the test of the decision", "le test de la décision"),
    "decision.helpers": _texts("the list of helpers", "la liste des contributeurs"),
    "decision.id": _text("the decision", "la décision"),
    "decision.kpi": _text("the KPI of the decision", "le KPI de la décision"),
    "decision.status": _text(
        "the status of the decision", "le statut de la décision", tuple(DecisionStatus)
    ),
    "decision.tags": _texts(
        "the list of tags of the decision", "la liste d'étiquettes de la décision"
    ),
    "decision.target_relative": _number("the relative target", "la cible relative"),
    "decision.team": _text("the team", "l'équipe"),
    "decision.type": _text(
        "the type of the decision", "le type de la décision", tuple(DecisionType)
    ),
    "experiment.evidence_grade": _text(
        "the evidence grade", "le niveau de preuve", ("A", "B", "C", "D")
    ),
    "experiment.guardrail_verdict": _text(
        "the verdict on the guardrail", "le verdict du garde-fou", GUARDRAIL_VERDICTS
    ),
    "experiment.id": _text("the test", "le test"),
    "experiment.verdict": _text("the verdict of the test", "le verdict du test", VERDICTS),
    "kpi.code": _text("the KPI", "le KPI"),
    "kpi.complete": Field(
        FieldType.BOOLEAN, "the completeness of the data", "la complétude des données"
    ),
    "kpi.denominator": _number("the denominator of the KPI", "le dénominateur du KPI"),
    "kpi.numerator": _number("the numerator of the KPI", "le numérateur du KPI"),
    "kpi.value": _number("the value of the KPI", "la valeur du KPI"),
    "lead.first_contact_at": Field(
        FieldType.MOMENT, "the first contact with the lead", "le premier contact avec le lead"
    ),
    "lead.id": _text("the lead", "le lead"),
    "lead.open_age_business_minutes": _number(
        "the lead's wait in minutes of opening time",
        "l'attente du lead en minutes d'ouverture",
    ),
    "lead.owner": _text("the owner of the lead", "le responsable du lead"),
    "lead.source": _text("the source of the lead", "la source du lead"),
    "playbook.days_to_revalidation": _number(
        "the number of days until the sheet must be revalidated",
        "le nombre de jours avant la revalidation de la fiche",
    ),
    "playbook.id": _text("the playbook sheet", "la fiche du playbook"),
    "playbook.status": _text(
        "the status of the sheet",
        "le statut de la fiche",
        ("proposed", "active", "to_revalidate", "retired"),
    ),
    "target.kpi": _text("the KPI of the target", "le KPI de la cible"),
    "task.business_days_overdue": _number(
        "the number of business days the task is late",
        "le nombre de jours ouvrés de retard de la tâche",
    ),
    "task.business_days_to_due": _number(
        "the number of business days until the task is due",
        "le nombre de jours ouvrés avant l'échéance de la tâche",
    ),
    "task.id": _text("the task", "la tâche"),
    "task.owner": _text("the owner of the task", "le responsable de la tâche"),
    "task.role": _text("the role of the task", "le rôle de la tâche"),
    "task.status": _text("the status of the task", "le statut de la tâche", tuple(ActionStatus)),
}


def known_field(name: str) -> str:
    if name not in FIELDS:
        raise ValueError(f"{name} is not a known field{did_you_mean(name, FIELDS)}")
    return name


FieldName = Annotated[str, AfterValidator(known_field)]


def lookup(facts: Facts, name: str) -> tuple[bool, object]:
    """Whether the fact was told, and its value."""
    group, _, key = name.partition(".")
    told = facts.get(group, {})
    return key in told, told.get(key)
