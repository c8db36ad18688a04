"""All the portal holds."""

from dataclasses import dataclass, field

from connectors.bitrix24.portal.data import Row
from connectors.bitrix24.portal.entity import Entity, ItemEntity
from connectors.bitrix24.portal.events import Events
from connectors.bitrix24.portal.options import SandboxOptions
from connectors.bitrix24.portal.taskstore import TaskStore
from connectors.bitrix24.portal.zone import PortalZone
from connectors.sandbox.clock import Clock


@dataclass
class Portal:
    """`items` by entityTypeId, `history` by that of leads and deals."""

    options: SandboxOptions
    clock: Clock
    zone: PortalZone
    items: dict[int, ItemEntity]
    history: dict[int, Entity]
    activities: Entity
    users: list[Row]
    categories: dict[int, list[Row]]
    statuses: list[Row]
    currencies: list[Row]
    field_configs: list[Row]
    events: Events
    types: list[Row] = field(default_factory=list)
    comments: list[Row] = field(default_factory=list)
    messages: list[Row] = field(default_factory=list)
    last_number: int = 6000

    def __post_init__(self) -> None:
        self.tasks = TaskStore(self)

    def now(self) -> int:
        """Unix seconds of the portal's clock."""
        return int(self.clock.seconds())

    def text_now(self) -> str:
        return self.zone.text(self.now())

    def number(self) -> int:
        """A fresh id for things that have no table of their own."""
        self.last_number += 1
        return self.last_number

    def user(self, user_id: int) -> Row | None:
        return next((user for user in self.users if user["ID"] == str(user_id)), None)

    def semantics(self, entity_type_id: int, stage: str) -> str:
        """P, S or F of a stage id of leads or deals; P where it is unknown."""
        for row in self.statuses:
            if row["STATUS_ID"] == stage and stage_owner(row["ENTITY_ID"]) == entity_type_id:
                return str(row["SEMANTICS"] or "P")
        return "P"

    def stages(self, entity_id: str) -> list[Row]:
        rows = [row for row in self.statuses if row["ENTITY_ID"] == entity_id]
        return sorted(rows, key=lambda row: int(row["SORT"]))


def stage_owner(entity_id: str) -> int | None:
    """entityTypeId whose stages an ENTITY_ID of `crm.status.list` holds."""
    if entity_id == "STATUS":
        return 1
    if entity_id.startswith("DEAL_STAGE"):
        return 2
    if entity_id.startswith("DYNAMIC_"):
        return int(entity_id.split("_")[1])
    return None


def stage_entity(entity_type_id: int, category: int | None) -> str:
    """ENTITY_ID of the stages of one pipeline."""
    if entity_type_id == 1:
        return "STATUS"
    if entity_type_id == 2:
        return f"DEAL_STAGE_{category}" if category else "DEAL_STAGE"
    return f"DYNAMIC_{entity_type_id}_STAGE_{category}"
