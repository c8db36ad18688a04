"""One event against the rules: what fires, what is held back, what is unknown."""

from datetime import datetime, timedelta

import msgspec
import pytest

from rules.engine import Evaluation, Event, Firing, Held, evaluate
from rules.fields import Facts
from rules.rule_file import Rule
from rules.truth import Truth
from tests.rules.plan_cases import paris

NOW = paris("2026-11-23T09:00:00+01:00")
LOW: Facts = {"kpi": {"code": "form_completion", "value": 0.3}, "campaign": {"id": "C-1"}}


def rule(**given: object) -> Rule:
    return Rule.model_validate(
        {
            "id": "R1",
            "name": "low",
            "trigger": "kpi.updated",
            "when": {"field": "kpi.value", "op": "lt", "value": 0.4},
            "then": [{"do": "notify", "to": "role:CMO"}],
            **given,
        }
    )


def event(name: str = "e1", *, at: datetime = NOW, depth: int = 0, subject: str = "k") -> Event:
    return Event(name, "kpi.updated", subject, at, depth)


def run(
    *rules: Rule,
    on: Event | None = None,
    facts: Facts = LOW,
    now: datetime = NOW,
    history: tuple[Firing, ...] = (),
) -> list[Evaluation]:
    return evaluate(rules, on or event(), facts, now=now, history=history)


def held(
    given: Rule, *before: Firing, on: Event | None = None, facts: Facts = LOW, now: datetime = NOW
) -> Held | None:
    (evaluation,) = run(given, on=on, facts=facts, now=now, history=before)
    assert evaluation.fired is (evaluation.held is None)
    assert bool(evaluation.outcomes) is evaluation.fired
    return evaluation.held


def fired(given: Rule, on: Event, facts: Facts = LOW, now: datetime = NOW) -> Firing:
    (evaluation,) = run(given, on=on, facts=facts, now=now)
    assert evaluation.fired
    return evaluation.firing()


def test_what_fires_says_its_rule_version_and_the_facts_it_read() -> None:
    (evaluation,) = run(rule(version=3))
    assert (evaluation.rule, evaluation.version, evaluation.truth) == ("R1", 3, Truth.TRUE)
    assert evaluation.facts == {"kpi.value": 0.3}
    assert [outcome.do for outcome in evaluation.outcomes] == ["notify"]


def test_an_unknown_never_fires_and_says_why() -> None:
    (evaluation,) = run(rule(), facts={"kpi": {}})
    assert (evaluation.truth, evaluation.fired, evaluation.outcomes) == (Truth.UNKNOWN, False, ())
    assert evaluation.unknown == ("kpi.value missing",)


def test_a_trace_can_be_stored() -> None:
    (evaluation,) = run(rule(when={"all": [{"expr": "kpi.value < 0.4"}, rule().when.model_dump()]}))
    assert msgspec.json.decode(msgspec.json.encode(evaluation.trace)) == [
        {
            "condition": {"expr": "kpi.value < 0.4"},
            "facts": [["kpi.value", 0.3]],
            "truth": "true",
            "why": None,
        },
        {
            "condition": {"field": "kpi.value", "op": "lt", "value": 0.4},
            "facts": [["kpi.value", 0.3]],
            "truth": "true",
            "why": None,
        },
    ]


def test_rules_run_by_order_then_id_however_they_are_given() -> None:
    rules = [rule(id="R3"), rule(id="R2"), rule(id="R1", order=5)]
    assert [each.rule for each in run(*rules)] == ["R2", "R3", "R1"]
    assert [each.rule for each in run(*reversed(rules))] == ["R2", "R3", "R1"]


def test_a_rule_given_twice_runs_once_on_an_event() -> None:
    assert len(run(rule(), rule())) == 1


def test_only_rules_that_listen_are_judged() -> None:
    yesterday, today, tomorrow = (NOW.date() + timedelta(days=n) for n in (-1, 0, 1))
    assert run(rule(trigger="clock.daily")) == []
    assert run(rule(enabled=False)) == []
    assert run(rule(valid_from=tomorrow)) == []
    assert run(rule(valid_to=yesterday)) == []
    assert len(run(rule(valid_from=today, valid_to=today))) == 1


def test_a_new_rule_does_not_reach_back_to_old_events() -> None:
    old = event(at=NOW - timedelta(days=3))
    assert run(rule(valid_from=NOW.date()), on=old) == []


def test_an_event_told_twice_fires_once() -> None:
    assert held(rule(), fired(rule(), event("e1")), on=event("e1")) is Held.SAME_EVENT
    assert held(rule(), fired(rule(), event("e1")), on=event("e2")) is None


def test_a_new_version_does_not_fire_again_on_what_the_old_one_saw() -> None:
    assert held(rule(version=2), fired(rule(), event("e1")), on=event("e1")) is Held.SAME_EVENT


def test_another_rules_history_holds_nothing_back() -> None:
    assert held(rule(), fired(rule(id="R2"), event("e1")), on=event("e1")) is None


PER_CAMPAIGN = rule(once_per=["kpi.code", "campaign.id"])


def test_once_per_facts_is_once() -> None:
    before = fired(PER_CAMPAIGN, event("e1"))
    assert held(PER_CAMPAIGN, before, on=event("e2"), now=NOW + timedelta(days=999)) is Held.ONCE


def test_other_facts_fire_again() -> None:
    before = fired(PER_CAMPAIGN, event("e1"))
    other: Facts = {**LOW, "campaign": {"id": "C-2"}}
    assert held(PER_CAMPAIGN, before, on=event("e2"), facts=other) is None


def test_facts_nobody_told_do_not_make_unlike_subjects_alike() -> None:
    bare: Facts = {"kpi": {"value": 0.3}}
    before = fired(PER_CAMPAIGN, event("e1", subject="a"), facts=bare)
    again = event("e2", subject="a")
    assert held(PER_CAMPAIGN, before, on=again, facts=bare) is Held.ONCE
    assert held(PER_CAMPAIGN, before, on=event("e2", subject="b"), facts=bare) is None


@pytest.mark.parametrize(("days", "expected"), [(13, Held.COOLDOWN), (14, None)])
def test_a_cooldown_ends(days: int, expected: Held | None) -> None:
    cooling = rule(once_per=["kpi.code"], cooldown_days=14)
    before = fired(cooling, event("e1"))
    assert held(cooling, before, on=event("e2"), now=NOW + timedelta(days=days)) is expected


def test_a_cooldown_alone_is_per_subject() -> None:
    cooling = rule(cooldown_days=7)
    before = fired(cooling, event("e1", subject="a"))
    assert held(cooling, before, on=event("e2", subject="a")) is Held.COOLDOWN
    assert held(cooling, before, on=event("e2", subject="b")) is None


def test_a_limit_counts_the_local_day() -> None:
    limited = rule(limit_per_day=2)
    midnight = paris("2026-11-23T00:00:00+01:00")
    firings = [
        fired(limited, event(name), now=midnight + timedelta(minutes=minute))
        for name, minute in (("e1", -1), ("e2", 0), ("e3", 1))
    ]
    assert held(limited, *firings, on=event("e4")) is Held.DAILY_LIMIT
    assert held(limited, *firings[:2], on=event("e4")) is None


@pytest.mark.parametrize(("depth", "expected"), [(0, None), (2, None), (3, Held.DEPTH)])
def test_a_chain_of_rules_stops_at_three(depth: int, expected: Held | None) -> None:
    assert held(rule(), on=event(depth=depth)) is expected
