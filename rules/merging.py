"""Parts of a plan made one: the same thing asked for twice is there once, with both becauses."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TypeVar

from rules.plan import (
    Action,
    Approval,
    MicroRetro,
    Notice,
    Plan,
    PlannedRecheck,
    PlannedTarget,
    Refusal,
    Request,
    StatusChange,
)

Part = TypeVar(
    "Part",
    Action,
    PlannedTarget,
    Notice,
    StatusChange,
    PlannedRecheck,
    MicroRetro,
    Approval,
    Request,
    Refusal,
)


def merged(plans: Iterable[Plan]) -> Plan:
    """Every part sorted by its key. Of two with one key, the first says what it is."""
    parts = list(plans)
    return Plan(
        actions=_joined((each for p in parts for each in p.actions), lambda a: a.key),
        targets=_joined((each for p in parts for each in p.targets), lambda t: t.key),
        notices=_joined((each for p in parts for each in p.notices), lambda n: n.key),
        status_changes=_joined(
            (each for p in parts for each in p.status_changes),
            lambda change: f"{change.decision} {change.status}",
        ),
        rechecks=_joined((each for p in parts for each in p.rechecks), lambda r: r.target),
        micro_retros=_joined((each for p in parts for each in p.micro_retros), lambda m: m.key),
        approvals=_joined(
            (each for p in parts for each in p.approvals), lambda a: f"{a.decision} {a.by}"
        ),
        requests=_joined(
            (each for p in parts for each in p.requests),
            lambda request: f"{request.about} {request.outcome.model_dump_json()}",
        ),
        refused=_joined(
            (each for p in parts for each in p.refused),
            lambda refusal: f"{refusal.about} {refusal.missing} {refusal.reason}",
        ),
    )


def _joined(found: Iterable[Part], key: Callable[[Part], str]) -> tuple[Part, ...]:
    kept: dict[str, Part] = {}
    for part in found:
        name = key(part)
        if name in kept:
            first = kept[name]
            more = tuple(each for each in part.because if each not in first.because)
            kept[name] = replace(first, because=first.because + more)
        else:
            kept[name] = part
    return tuple(part for _, part in sorted(kept.items(), key=lambda item: item[0]))
