"""Moves of deals: what the deals tell from pull to pull, and what their changelogs tell."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from connectors.errors import BadResponse
from connectors.models import Stream
from connectors.port import Window
from tests.connectors.pipedrive.kit import Sandbox, Script, bad, like, sandbox
from tests.connectors.running import everything

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DEALS = [
    {
        "id": number,
        "status": "open",
        "stage_id": 7,
        "pipeline_id": 1,
        "add_time": "2026-11-20T10:00:00Z",
    }
    for number in (1, 2)
]


def by_path(answers: Mapping[str, Any]) -> Script:
    """All other lists are empty."""
    return Script(lambda request: answers.get(request.url.path.removeprefix("/api/"), []))


def test_the_whole_history_comes_from_changelogs(company: Sandbox) -> None:
    connector = company.connector(stage_history="all")
    truth = company.truth("stage_changes", "?history=all")
    found = {one.id: one for one in everything(connector, Stream.STAGE_CHANGES)}
    assert found.keys() == truth.keys()
    assert len(truth) > len(company.truth("stage_changes"))
    for key, told in truth.items():
        assert like(found[key], told) == told


def test_a_deal_that_is_deleted_before_its_changelog_is_read_has_no_moves() -> None:
    stages = [{"id": 7, "pipeline_id": 1}]
    script = by_path({"v2/deals": DEALS, "v2/stages": stages, "v1/deals/1/changelog": bad(404)})
    found = everything(script.connector(stage_history="all"), Stream.STAGE_CHANGES)
    assert [one.id.partition(":")[0] for one in found] == ["2"]


def test_a_changelog_that_cannot_be_read_is_no_empty_one() -> None:
    change = {"field_key": "stage_id", "old_value": "7", "new_value": "8", "time": "yesterday"}
    script = by_path({"v2/deals": DEALS, "v1/deals/1/changelog": [change]})
    with pytest.raises(BadResponse, match="time"):
        everything(script.connector(stage_history="all"), Stream.STAGE_CHANGES)


def test_moves_add_up_from_pull_to_pull() -> None:
    """Each of them is seen once, though a deal tells only its last one."""
    with sandbox(records=5, start_at=NOW, frozen=True) as company:
        connector = company.connector()
        seen: set[str] = set()
        for number, stage in enumerate((7, 8, 9), 1):
            now = NOW + timedelta(hours=number)
            company.at(now.isoformat())
            company.edit("deals", "1", {"set": {"stage_id": stage}})
            found = everything(connector, Stream.STAGE_CHANGES, Window(now))
            seen |= {one.id for one in found if re.match(r"1:\d+:", one.id)}
        assert len(seen) == 3
        assert seen <= company.truth("stage_changes", "?history=all").keys()
