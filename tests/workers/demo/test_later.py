"""What happens in the demo's portal after the first step, tried on the sandbox itself."""

from datetime import datetime
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from connectors.bitrix24.portal.backstage import Backstage
from connectors.bitrix24.portal.build import build_portal
from connectors.bitrix24.portal.options import SandboxOptions
from connectors.sandbox.clock import Clock
from connectors.sandbox.delivery import Courier
from tests.workers.demo.conftest import STORY, Made
from workers.demo.later import later_events

PARIS = ZoneInfo("Europe/Paris")
NOW = datetime(2026, 9, 21, 6, 0, tzinfo=PARIS)
STEPS = [
    NOW,
    datetime(2026, 11, 23, 10, 0, tzinfo=PARIS),
    datetime(2026, 12, 10, 9, 0, tzinfo=PARIS),
    datetime(2026, 12, 11, 15, 0, tzinfo=PARIS),
    datetime(2026, 12, 14, 11, 0, tzinfo=PARIS),
    datetime(2026, 12, 16, 9, 0, tzinfo=PARIS),
    datetime(2026, 12, 17, 16, 0, tzinfo=PARIS),
    datetime(2027, 1, 15, 8, 0, tzinfo=PARIS),
]


@pytest.fixture
def sandbox() -> Backstage:
    options = SandboxOptions(data=STORY.portal, start_at=NOW, frozen=True)
    return Backstage(build_portal(options, Clock(NOW, running=False), Courier()))


def truth(sandbox: Backstage, stream: str) -> list[dict[str, Any]]:
    return list(sandbox.records(stream, {"qualified": "QUALIFIE"}))


def test_the_sandbox_holds_the_story_as_a_connector_would_see_it(sandbox: Backstage) -> None:
    leads, deals = truth(sandbox, "leads"), truth(sandbox, "deals")
    assert (len(leads), len(deals)) == (3000, 1200)
    first, end = datetime(2026, 9, 1, tzinfo=PARIS), datetime(2026, 9, 21, tzinfo=PARIS)
    own = [
        lead
        for lead in leads
        if lead["utm"]["campaign"] == "C-2026-09-acquisition"
        and first <= datetime.fromisoformat(lead["created_at"]) < end
    ]
    qualified = [lead for lead in own if lead["status_kind"] in {"qualified", "converted"}]
    assert (len(own), len(qualified)) == (200, 100)
    assert len({stage["pipeline"] for stage in truth(sandbox, "pipelines")}) == 1 + 4
    assert len(truth(sandbox, "people")) == 11
    for deal in deals:
        assert (deal["closed_at"] is None) == (deal["stage_kind"] == "open")


def test_something_happens_before_every_next_step(made: Made) -> None:
    moments = [event.at for event in later_events(made.counts, made.seed)]
    assert moments == sorted(moments)
    assert STEPS[0] < moments[0]
    assert moments[-1] < STEPS[-1]
    for earlier, later in pairwise(STEPS):
        assert any(earlier < moment <= later for moment in moments), later


def test_the_sandbox_takes_every_event_and_the_story_stays_as_it_was(sandbox: Backstage) -> None:
    before = {stream: truth(sandbox, stream) for stream in ("leads", "deals")}
    events = later_events(STORY.counts, STORY.seed)
    created = {"leads": 0, "deals": 0}
    for event in events:
        sandbox.clock.set(event.at, running=False)
        sandbox.edit(event.stream, event.record, event.body)
        created[event.stream] += event.record == "new"
    assert min(created.values()) > 10
    for stream, rows in before.items():
        now = {row["id"]: row for row in truth(sandbox, stream)}
        assert len(now) == len(rows) + created[stream]
        changed = [row for row in rows if now[row["id"]] != row]
        edited = {e.record for e in events if e.stream == stream and e.record != "new"}
        assert {row["id"] for row in changed} == edited
        assert len(edited) > 10
        told = {"C-2026-09-acquisition", "C-2026-06-acquisition"}
        assert not [row for row in changed if row["utm"]["campaign"] in told]


def test_the_same_seed_brings_the_same_events(made: Made) -> None:
    assert later_events(made.counts, made.seed) == later_events(made.counts, made.seed)
