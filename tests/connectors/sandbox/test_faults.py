from typing import Any

import pytest

from connectors.sandbox.faults import FaultPlan, parse_fault


def picks(plan: FaultPlan, method: str, count: int, nested: bool = False) -> list[str | None]:
    faults = [plan.pick(method, nested) for _ in range(count)]
    return [fault.do if fault else None for fault in faults]


def plan(*entries: dict[str, Any], seed: int = 1) -> FaultPlan:
    return FaultPlan(entries, seed)


def test_the_nth_occurrence_goes_wrong_once() -> None:
    faults = plan({"on": {"method": "tasks.task.add", "nth": 3}, "do": "timeout_after"})
    assert picks(faults, "tasks.task.add", 5) == [None, None, "timeout_after", None, None]


def test_other_methods_are_not_counted() -> None:
    faults = plan({"on": {"method": "tasks.task.add", "nth": 2}, "do": "503"})
    faults.pick("batch")
    assert picks(faults, "tasks.task.add", 2) == [None, "503"]


def test_every_takes_each_nth_request_of_any_method() -> None:
    faults = plan({"on": {"every": 2}, "do": "html"})
    assert picks(faults, "batch", 2) + picks(faults, "scope", 2) == [None, "html", None, "html"]


def test_a_probability_repeats_itself_under_the_same_seed() -> None:
    entry = {"on": {"probability": 0.3}, "do": "500"}
    first = picks(plan(entry, seed=5), "batch", 200)
    assert first == picks(plan(entry, seed=5), "batch", 200)
    assert first != picks(plan(entry, seed=6), "batch", 200)
    assert 30 < first.count("500") < 90


def test_faults_of_nested_commands_leave_requests_alone() -> None:
    faults = plan({"on": {"method": "crm.item.list"}, "do": "error", "nested": True})
    assert picks(faults, "crm.item.list", 2) == [None, None]
    assert picks(faults, "crm.item.list", 2, nested=True) == ["error", "error"]


def test_whether_a_fault_comes_after_the_effect_follows_from_its_kind() -> None:
    assert parse_fault({"do": "timeout_after"}).after
    assert not parse_fault({"do": "timeout_before"}).after
    assert not parse_fault({"do": "500"}).after
    assert parse_fault({"do": "500", "applied": True}).after


@pytest.mark.parametrize("entry", [{"do": "explode"}, {"do": "503", "onn": {}}, {}])
def test_a_misspelt_plan_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="unknown"):
        parse_fault(entry)
