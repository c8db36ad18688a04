"""Pipelines and stages, and those that are not shown."""

from collections.abc import Mapping
from typing import Any

import pytest

from connectors.port import Partition, Window
from tests.connectors.bitrix24.kit import Call, Script, batched


def portal(outside: list[dict[str, Any]]) -> Script:
    def answer(call: Call) -> Mapping[str, Any]:
        stage = {"ENTITY_ID": "X", "STATUS_ID": "NEW", "NAME": "New", "SORT": "10"}
        known: dict[str, Any] = {
            "categories": {"categories": [{"id": 0, "name": "General", "sort": 100}]},
            "outside": {"items": outside},
        }
        return batched({name: known.get(name, [stage]) for name in call.commands})

    return Script(answer)


@pytest.mark.quirk(16)
def test_deals_in_a_pipeline_that_is_not_listed_are_noticed() -> None:
    script = portal([{"id": 7, "categoryId": 12}, {"id": 8, "categoryId": 12}])
    (page,) = script.connector().pipelines(Window(), Partition())
    (refused,) = page.refused
    assert refused.id == "12"
    assert "may not see" in refused.reason
    assert "filter[%21%40categoryId][0]=0" in script.calls[1].commands["outside"]


@pytest.mark.quirk(17)
def test_stages_are_asked_for_by_pipeline_and_told_apart_by_it() -> None:
    script = portal([])
    (page,) = script.connector().pipelines(Window(), Partition())
    assert [stage.id for stage in page.records] == ["leads/NEW", "0/NEW"]
    assert (page.refused, page.requests) == ([], 2)
    commands = {**script.calls[0].commands, **script.calls[1].commands}
    assert "filter[ENTITY_ID]=STATUS&" in commands["leads"]
    assert "filter[ENTITY_ID]=DEAL_STAGE&" in commands["p0"]
