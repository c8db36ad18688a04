"""One event against the rules: which fire, which are held back, and why.

Nothing here knows the clock or the database: the moment, and what fired before, are arguments.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rules.fields import Facts, lookup
from rules.outcomes import Outcome
from rules.rule_file import Rule
from rules.truth import Leaf, Truth, judge

# Events made by a rule carry depth 1, theirs 2: rules that wake each other end here.
DEEPEST_EVENT = 3


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to `subject` (the id of a decision, an action, a lead, a KPI).

    `id` is the same each time the event is delivered. `at` is when it happened, in the workspace's
    zone. `depth` counts the rules behind it: 0 for what people, tools and the clock did.
    """

    id: str
    trigger: str
    subject: str
    at: datetime
    depth: int = 0


@dataclass(frozen=True, slots=True)
class Firing:
    """One time a rule fired before."""

    rule: str
    event: str
    subject: str
    once_key: str
    at: datetime


class Held(StrEnum):
    """Why a rule whose condition holds does not fire."""

    SAME_EVENT = "it already ran for this event"
    ONCE = "it fires once for these facts, and did"
    COOLDOWN = "it fired too recently"
    DAILY_LIMIT = "it reached its limit for the day"
    DEPTH = "the event was made by a chain of rules"


@dataclass(frozen=True, slots=True)
class Evaluation:
    """A rule judged on an event. `outcomes` are empty unless it fired.

    `facts` are the ones its condition read, `unknown` the reasons why it could not tell.
    """

    rule: str
    version: int
    name: str
    event: Event
    once_key: str
    truth: Truth
    held: Held | None
    facts: Mapping[str, object]
    trace: tuple[Leaf, ...]
    outcomes: tuple[Outcome, ...]
    at: datetime

    @property
    def fired(self) -> bool:
        return self.truth is Truth.TRUE and self.held is None

    @property
    def unknown(self) -> tuple[str, ...]:
        return tuple(leaf.why for leaf in self.trace if leaf.why)

    def firing(self) -> Firing:
        return Firing(self.rule, self.event.id, self.event.subject, self.once_key, self.at)


def evaluate(
    rules: Iterable[Rule],
    event: Event,
    facts: Facts,
    *,
    now: datetime,
    history: Sequence[Firing],
) -> list[Evaluation]:
    """The rules that listen to the event, in their order, each judged once.

    `now` is in the workspace's zone. A rule is not run on an event from before its `valid_from`,
    so that a new version does not reach back.
    """
    listening = {rule.id: rule for rule in rules if _listens(rule, event)}
    ordered = sorted(listening.values(), key=lambda rule: (rule.order, rule.id))
    return [_evaluate(rule, event, facts, now, history) for rule in ordered]


def _listens(rule: Rule, event: Event) -> bool:
    day = event.at.date()
    return (
        rule.enabled
        and rule.trigger == event.trigger
        and (rule.valid_from is None or rule.valid_from <= day)
        and (rule.valid_to is None or day <= rule.valid_to)
    )


def _evaluate(
    rule: Rule, event: Event, facts: Facts, now: datetime, history: Sequence[Firing]
) -> Evaluation:
    judgement = judge(rule.when, facts, now)
    once_key = _once_key(rule, event, facts)
    held = None
    if judgement.truth is Truth.TRUE:
        mine = [firing for firing in history if firing.rule == rule.id]
        held = _held(rule, event, once_key, mine, now)
    fires = judgement.truth is Truth.TRUE and held is None
    return Evaluation(
        rule=rule.id,
        version=rule.version,
        name=rule.name,
        event=event,
        once_key=once_key,
        truth=judgement.truth,
        held=held,
        facts=dict(fact for leaf in judgement.trace for fact in leaf.facts),
        trace=judgement.trace,
        outcomes=rule.then if fires else (),
        at=now,
    )


def _once_key(rule: Rule, event: Event, facts: Facts) -> str:
    """The subject stands in for a fact nobody told, or unlike subjects would share a key."""
    if not rule.once_per:
        return event.subject
    asked = [lookup(facts, name) for name in rule.once_per]
    return json.dumps([value if told else event.subject for told, value in asked], default=str)


def _held(
    rule: Rule, event: Event, once_key: str, fired: Sequence[Firing], now: datetime
) -> Held | None:
    if event.depth >= DEEPEST_EVENT:
        return Held.DEPTH
    if any(firing.event == event.id and firing.subject == event.subject for firing in fired):
        return Held.SAME_EVENT
    alike = [firing for firing in fired if firing.once_key == once_key]
    if rule.cooldown_days is not None:
        if any(now - firing.at < timedelta(days=rule.cooldown_days) for firing in alike):
            return Held.COOLDOWN
    elif rule.once_per and alike:
        return Held.ONCE
    today = [firing for firing in fired if firing.at.astimezone(now.tzinfo).date() == now.date()]
    if rule.limit_per_day is not None and len(today) >= rule.limit_per_day:
        return Held.DAILY_LIMIT
    return None
