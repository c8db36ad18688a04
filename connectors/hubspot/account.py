"""What is asked of an account once and then known: currency, zone, stages, properties."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from connectors.http import remote_now
from connectors.hubspot import mapping
from connectors.hubspot.config import HubSpotConfig
from connectors.hubspot.mapping import DEALS, LEADS, Known
from connectors.hubspot.rows import (
    PipelineRow,
    PipelinesAnswer,
    PropertiesAnswer,
    PropertyRow,
)
from connectors.hubspot.wire import Hub
from connectors.models import StageKind


class AccountFacts:
    def __init__(self, hub: Hub, config: HubSpotConfig) -> None:
        self._hub = hub
        self._config = config
        # The tool's clock when its pipelines were first asked for.
        self.asked_at: datetime | None = None
        self._pipelines: dict[str, Sequence[PipelineRow]] = {}
        self._properties: dict[str, Mapping[str, PropertyRow]] = {}

    @property
    def has_leads(self) -> bool:
        return self._config.leads

    def pipelines(self, entity: str) -> Sequence[PipelineRow]:
        if entity not in self._pipelines:
            answer = self._hub.api.get(self._hub.crm("pipelines", entity))
            self._pipelines[entity] = answer.decode(PipelinesAnswer).results
            self.asked_at = self.asked_at or remote_now(answer)
        return self._pipelines[entity]

    def properties(self, entity: str) -> Mapping[str, PropertyRow]:
        """By name. A name that is not among them would be read as nothing, in silence."""
        if entity not in self._properties:
            answer = self._hub.api.get(self._hub.crm("properties", entity))
            rows = answer.decode(PropertiesAnswer).results
            self._properties[entity] = {row.name: row for row in rows}
        return self._properties[entity]

    def final_stages(self, entity: str) -> list[str]:
        kinds = mapping.stage_kinds(entity, self.pipelines(entity))
        return [stage for (_, stage), (_, kind) in kinds.items() if kind is not StageKind.OPEN]

    def known(self, entity: str) -> Known:
        config = self._config
        is_sale = entity in (LEADS, DEALS)
        mapped = bool(config.utm or (config.fields and is_sale))
        there = self.properties(entity) if mapped else {}
        custom = config.fields if is_sale else {}
        return Known(
            currency=self._hub.details.company_currency if entity == DEALS else "",
            kinds=mapping.stage_kinds(entity, self.pipelines(entity)) if is_sale else {},
            qualified=frozenset(config.qualified_stages),
            utm={part: name for part, name in config.utm.items() if name in there},
            custom={ours: name for ours, name in custom.items() if name in there},
            types={name: row.type for name, row in there.items()},
        )
