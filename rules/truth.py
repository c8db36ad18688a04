"""A condition judged against facts: true, false, or unknown because a fact was not told.

A null is told: it says that there is none. It satisfies `missing` and nothing else.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal, TypeVar

from rules.conditions import All, AnyOf, Comparison, Condition, Expression, Not
from rules.fields import FIELDS, Facts, FieldType, Op, lookup

Comparable = TypeVar("Comparable", Decimal, datetime)


class Truth(StrEnum):
    TRUE = "true"
    FALSE = "false"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Leaf:
    """One comparison of the trace, to be stored: `condition` is as in the file, `facts` those it
    read. `why` says what made it unknown.
    """

    condition: Mapping[str, object]
    facts: tuple[tuple[str, object], ...]
    truth: Truth
    why: str | None = None


@dataclass(frozen=True, slots=True)
class Judgement:
    """`trace` holds every leaf, also those that could not change the outcome."""

    truth: Truth
    trace: tuple[Leaf, ...]


def judge(condition: Condition, facts: Facts, now: datetime) -> Judgement:
    match condition:
        case All():
            parts = [judge(part, facts, now) for part in condition.all]
            return _together(parts, decided_by=Truth.FALSE, otherwise=Truth.TRUE)
        case AnyOf():
            parts = [judge(part, facts, now) for part in condition.any]
            return _together(parts, decided_by=Truth.TRUE, otherwise=Truth.FALSE)
        case Not():
            inner = judge(condition.condition, facts, now)
            return Judgement(_negated(inner.truth), inner.trace)
        case Comparison():
            leaf = _compare(condition, facts)
        case Expression():
            leaf = _ask(condition, facts, now)
    return Judgement(leaf.truth, (leaf,))


def _together(
    parts: Iterable[Judgement],
    *,
    decided_by: Literal[Truth.TRUE, Truth.FALSE],
    otherwise: Literal[Truth.TRUE, Truth.FALSE],
) -> Judgement:
    parts = list(parts)
    truths = {part.truth for part in parts}
    trace = tuple(leaf for part in parts for leaf in part.trace)
    if decided_by in truths:
        return Judgement(decided_by, trace)
    return Judgement(Truth.UNKNOWN if Truth.UNKNOWN in truths else otherwise, trace)


def _negated(truth: Truth) -> Truth:
    return {Truth.TRUE: Truth.FALSE, Truth.FALSE: Truth.TRUE}.get(truth, Truth.UNKNOWN)


def _truth(holds: bool) -> Truth:
    return Truth.TRUE if holds else Truth.FALSE


def _compare(leaf: Comparison, facts: Facts) -> Leaf:
    told, value = lookup(facts, leaf.field)
    if not told:
        return Leaf(_stored(leaf), (), Truth.UNKNOWN, f"{leaf.field} missing")
    read = ((leaf.field, value),)
    if leaf.op in (Op.EXISTS, Op.MISSING):
        return Leaf(_stored(leaf), read, _truth((value is None) == (leaf.op is Op.MISSING)))
    if value is None:
        return Leaf(_stored(leaf), read, Truth.FALSE)
    try:
        return Leaf(_stored(leaf), read, _truth(_holds(leaf, value)))
    except TypeError:
        kind = FIELDS[leaf.field].type
        return Leaf(_stored(leaf), read, Truth.UNKNOWN, f"{leaf.field} is not a {kind}: {value!r}")


def _ask(leaf: Expression, facts: Facts, now: datetime) -> Leaf:
    # As in `conditions`: few installations have an expression at all.
    from rules.expressions import NotTold, Unsafe, answer, names_in

    read = [(name, *lookup(facts, name)) for name in names_in(leaf.expr)]
    told = tuple((name, value) for name, is_told, value in read if is_told)
    try:
        return Leaf(_stored(leaf), told, _truth(answer(leaf.expr, facts, now)))
    except NotTold as error:
        return Leaf(_stored(leaf), told, Truth.UNKNOWN, f"{error} missing")
    except Unsafe as error:
        return Leaf(_stored(leaf), told, Truth.UNKNOWN, str(error))


def _stored(leaf: Comparison | Expression) -> dict[str, object]:
    return leaf.model_dump(mode="json", exclude_none=True)


def _holds(leaf: Comparison, value: object) -> bool:
    """Raises TypeError when the fact is not of its field's type."""
    match FIELDS[leaf.field].type:
        case FieldType.NUMBER:
            return _ordered(leaf.op, _number(value), [_number(v) for v in leaf.values])
        case FieldType.MOMENT:
            return _ordered(leaf.op, _moment(value), [_moment(v) for v in leaf.values])
        case FieldType.TEXTS:
            return leaf.values[0] in _texts(value)
        case FieldType.TEXT:
            return _equal(leaf.op, _typed(value, str), leaf.values)
        case FieldType.BOOLEAN:
            return _equal(leaf.op, _typed(value, bool), leaf.values)


def _equal(op: Op, value: object, wanted: tuple[object, ...]) -> bool:
    return (value in wanted) == (op in (Op.EQ, Op.IN))


def _ordered(op: Op, value: Comparable, wanted: list[Comparable]) -> bool:
    match op:
        case Op.LT:
            return value < wanted[0]
        case Op.LTE:
            return value <= wanted[0]
        case Op.GT:
            return value > wanted[0]
        case Op.GTE:
            return value >= wanted[0]
        case _:
            return _equal(op, value, tuple(wanted))


def _number(value: object) -> Decimal:
    """Floats by their shortest digits: a fact of 0.4 is not under a floor of 0.4."""
    if isinstance(value, bool) or not isinstance(value, int | float | Decimal):
        raise TypeError
    return Decimal(str(value))


def _moment(value: object) -> datetime:
    try:
        moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    except ValueError as error:
        raise TypeError from error
    if not isinstance(moment, datetime) or moment.tzinfo is None:
        raise TypeError
    return moment


def _texts(value: object) -> list[object] | tuple[object, ...]:
    if not isinstance(value, list | tuple):
        raise TypeError
    return value


def _typed(value: object, kind: type) -> object:
    if not isinstance(value, kind):
        raise TypeError
    return value
