"""The people and business of the demo's company, before they become rows of a portal."""

from dataclasses import dataclass
from datetime import datetime

from workers.demo.world import Campaign, Pipeline


@dataclass(frozen=True)
class Client:
    number: int
    first_name: str
    last_name: str
    firm: str

    @property
    def lead_title(self) -> str:
        return f"Demande de {self.first_name} {self.last_name}, {self.firm}"


@dataclass(frozen=True)
class Step:
    """A stage and when it was entered. The first one is the creation."""

    stage: str
    at: datetime


@dataclass(frozen=True)
class Lead:
    """`sale` says whether its deals must be won, or must not; None where that is open.

    `updated` is the last edit, at or after the last step.
    """

    id: int
    client: Client
    campaign: Campaign | None
    content: str | None
    source: str
    owner: int
    steps: tuple[Step, ...]
    updated: datetime
    sale: bool | None = None
    hidden: bool = False

    @property
    def created(self) -> datetime:
        return self.steps[0].at

    @property
    def last(self) -> Step:
        return self.steps[-1]


@dataclass(frozen=True)
class Deal:
    """`template` is the pattern of a recurring deal, which is no deal and has no history."""

    id: int
    title: str
    client: Client
    pipeline: Pipeline
    lead: Lead | None
    source: str
    owner: int
    amount: str
    currency: str
    steps: tuple[Step, ...]
    updated: datetime
    template: bool = False
    hidden: bool = False

    @property
    def created(self) -> datetime:
        return self.steps[0].at

    @property
    def last(self) -> Step:
        return self.steps[-1]
