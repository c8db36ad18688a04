"""The story's own world and three others, made once."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest

from connectors.bitrix24.portal.data import PortalData
from workers.demo.company import portal_data
from workers.demo.counts import StoryCounts, perturbed
from workers.demo.world import story_counts

STORY_SEED = 1
PERTURBED = (3, 5, 11)


@dataclass(frozen=True)
class Made:
    counts: StoryCounts
    seed: int

    @cached_property
    def portal(self) -> PortalData:
        return portal_data(self.counts, self.seed)

    def readable(self, stream: str) -> list[dict[str, Any]]:
        """Rows that the webhook's user may read."""
        hidden = self.portal.hidden[stream]
        return [row for row in getattr(self.portal, stream) if row["id"] not in hidden]


STORY = Made(story_counts(), STORY_SEED)
WORLDS = [STORY, *(Made(perturbed(story_counts(), seed), seed) for seed in PERTURBED)]


@pytest.fixture(scope="session", params=WORLDS, ids=["story", *map(str, PERTURBED)])
def made(request: pytest.FixtureRequest) -> Made:
    world: Made = request.param
    return world
