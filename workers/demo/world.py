"""The shipped description of the demo's company: `config/demo/company.yaml`."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import cached_property
from typing import Literal

import yaml
from pydantic import AwareDatetime, Field

from config.shipped import shipped_text
from rules.people import Person
from rules.yaml_file import Entry
from workers.demo.counts import StoryCounts
from workers.demo.moments import Days

FILE = "demo/company.yaml"
CENT = Decimal("0.01")


class Colleague(Entry):
    """`user` is the account in the portal."""

    id: str
    user: int
    first_name: str
    last_name: str
    role: str
    team: str
    email: str

    def person(self) -> Person:
        return Person(
            id=self.id,
            name=f"{self.first_name} {self.last_name}",
            role=self.role,
            email=self.email,
            team=self.team,
        )


class NamedStage(Entry):
    id: str
    name: str
    kind: Literal["P", "S", "F"] = "P"


class Pipeline(Entry):
    """`amount` is the usual range of its deals."""

    id: int
    name: str
    amount: tuple[int, int]
    stages: tuple[NamedStage, ...]

    def of_kind(self, kind: str) -> tuple[str, ...]:
        return tuple(stage.id for stage in self.stages if stage.kind == kind)


class Source(Entry):
    id: str
    name: str


class Portal(Entry):
    """`leads` and `deals` are those the webhook's user can read."""

    leads: int
    deals: int
    leads_since: date
    qualified_stages: list[str]
    lead_stages: tuple[NamedStage, ...]
    pipelines: tuple[Pipeline, ...]
    sources: tuple[Source, ...]


class Daily(Entry):
    """Figures of an average day; a fraction comes out as a chance of one more."""

    impressions: float
    clicks: float
    sessions: float
    spend: float
    views: float = 0
    starts: float = 0
    leads: float = 0


class Campaign(Entry):
    name: str
    source: str
    medium: str
    runs: Days
    share: int = 0
    contents: tuple[str, ...] = ()
    daily: Daily | None = None

    @property
    def has_form(self) -> bool:
        return self.daily is not None and self.daily.views > 0


class Correction(Entry):
    """`clicks` more on a day, in the file from the evening before `known_on`."""

    campaign: str
    day: date
    clicks: int
    known_on: date


class Newsletter(Entry):
    name: str
    weekday: int = Field(ge=0, le=6)
    delivered: int
    opened: int
    clicked: int


class Mailings(Entry):
    excel_since: date
    newsletters: tuple[Newsletter, ...]


class EarlierTask(Entry):
    title: str
    user: int
    created: AwareDatetime
    status: int
    deadline: AwareDatetime | None = None
    closed: AwareDatetime | None = None
    tags: tuple[str, ...] = ()
    xml_id: str | None = None


class World(Entry):
    version: Literal[1]
    name: str
    now: AwareDatetime
    story: StoryCounts
    people: tuple[Colleague, ...]
    portal: Portal
    outside: tuple[AwareDatetime, ...]
    figures_since: date
    campaigns: tuple[Campaign, ...]
    share_without_campaign: int
    corrections: tuple[Correction, ...]
    mailings: Mailings
    tasks: tuple[EarlierTask, ...]
    first_names: tuple[str, ...]
    last_names: tuple[str, ...]
    trades: tuple[str, ...]

    @cached_property
    def latest(self) -> datetime:
        """The last moment that anything in the portal may have when the demo starts."""
        return self.now.astimezone(UTC)

    def users(self, *teams: str) -> list[int]:
        return [colleague.user for colleague in self.people if colleague.team in teams]

    def story_campaign(self, name: str) -> Campaign:
        """The story's campaigns are Google ads; their figures are counts, not averages."""
        return Campaign(
            name=name,
            source="google",
            medium="cpc",
            runs=self.story.period,
            contents=("annonce 8 champs A", "annonce 8 champs B"),
        )


def load_world() -> World:
    return World.model_validate(yaml.safe_load(shipped_text(FILE)))


def story_counts() -> StoryCounts:
    return load_world().story


def people() -> tuple[Person, ...]:
    """Everybody of the company, as `retro people` holds them."""
    return tuple(colleague.person() for colleague in load_world().people)


def money(amount: float) -> Decimal:
    return Decimal(str(round(amount, 2))).quantize(CENT)
