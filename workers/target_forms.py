"""What the KPI targets of a plan become in the tools they go to: objects of the tool's own, or a
fallback, and why. Nothing is asked of a tool for it."""

from collections.abc import Mapping
from contextlib import ExitStack, closing
from typing import Any

import msgspec
from sqlmodel import Session

from connectors.capabilities import ForetellsTargets
from connectors.models import KpiTarget, TargetForm, Words
from connectors.port import Connector
from connectors.registry import UnknownTool
from rules.language import Language
from sync.store import links
from sync.store.connections import SettingsOutdated
from sync.tables.connections import Connection
from sync.tables.outbox import LinkKind, Operation, Outbox
from sync.tables.retros import Target
from sync.vault import SecretsUnreadable
from workers.app import App
from workers.intentions import target_write
from workers.planning import Planned

KEPT_HERE = TargetForm(
    Words("kept in Retro ROI", "gardée dans Retro ROI"),
    why=Words("the tool takes no KPI targets", "l'outil ne prend pas de cibles KPI"),
)
AS_FALLBACK: Mapping[Language, str] = {
    "en": "{name} (fallback: {why})",
    "fr": "{name} (solution de repli : {why})",
}


class TargetForms(ExitStack):
    """Of many targets, with one connector a connection."""

    def __init__(self, app: App) -> None:
        super().__init__()
        self._app = app
        self._connectors: dict[int | None, Connector[Any] | None] = {}

    def of(
        self, connection: Connection, payload: Mapping[str, Any], remote_id: str | None = None
    ) -> TargetForm | None:
        """None where the tool does not tell, or its settings cannot be used."""
        if connection.id not in self._connectors:
            self._connectors[connection.id] = self._connector(connection)
        connector = self._connectors[connection.id]
        if connector is None or not isinstance(connector, ForetellsTargets):
            return None
        return connector.target_as(msgspec.convert(payload, KpiTarget, strict=False), remote_id)

    def of_row(self, session: Session, row: Target) -> TargetForm | None:
        """Of one that was planned before."""
        write = session.get(Outbox, target_write(row.key))
        if write is None or row.connection_id is None:
            return None
        there = links.linked_id(session, row.connection_id, LinkKind.TARGET, row.key)
        return self.of(session.get_one(Connection, row.connection_id), write.payload, there)

    def _connector(self, connection: Connection) -> Connector[Any] | None:
        try:
            return self.enter_context(closing(self._app.connector(connection)))
        except (SecretsUnreadable, SettingsOutdated, UnknownTool):
            return None


def forms_of(app: App, planned: Planned) -> Mapping[str, TargetForm | None]:
    """By the key of a target."""
    # One that no write was intended for goes to a tool that takes none.
    found: dict[str, TargetForm | None] = {each.key: KEPT_HERE for each in planned.plan.targets}
    with TargetForms(app) as forms:
        for each in planned.intentions:
            if each.operation is Operation.CREATE_TARGET:
                connection = planned.places.connections[each.connection_id]
                found[each.subject] = forms.of(connection, each.payload)
    return found


def in_words(form: TargetForm, language: Language) -> str:
    name = getattr(form.name, language)
    if form.why is None:
        return str(name)
    return AS_FALLBACK[language].format(name=name, why=getattr(form.why, language))


def form_json(form: TargetForm | None) -> dict[str, Any] | None:
    """In both languages, as programs choose theirs."""
    if form is None:
        return None
    told: dict[str, Any] = {"fallback": form.is_fallback, **msgspec.to_builtins(form)}
    return told
