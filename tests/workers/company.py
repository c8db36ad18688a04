"""A small company on a database of its own: people with accounts, figures, a decision under way.

Nothing is pulled or sent: figures stand in the mirror, and writes stay in the outbox.
"""

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from config.settings import load_settings
from connectors.bitrix24.config import Bitrix24Config
from connectors.models import Group, Stream
from sync.store import connections, outbox, retros
from sync.tables.connections import WHOLE_STREAM, Cursor
from sync.tables.mirror import CampaignStatsRow, EmailStatsRow, FormStatsRow
from sync.tables.outbox import Operation, Outbox
from sync.tables.people import Person, PersonId
from sync.tables.retros import Action, Check, Decision, Target
from sync.vault import new_key
from workers.app import App, open_app
from workers.clock import FixedClock
from workers.planning import apply_plan, plan_decisions
from workers.retros import import_retro

HELD = datetime(2026, 11, 23, 9, 45, tzinfo=UTC)
DUE = date(2026, 12, 14)
ROLES = {"p_mkt": "Marketer CRM", "p_des": "Designer", "p_cmo": "CMO"}
DECISION = "D-email-ctr"
RETRO = """\
retro: R-2026-11-23
held_at: 2026-11-23T10:00:00+01:00
observations:
  - {id: O-1, text: trop peu de clics, kpis: [transactional_email_click_rate]}
decisions:
  - id: D-email-ctr
    from: O-1
    type: improve_kpi
    text: nouveau gabarit du bouton
    kpi: transactional_email_click_rate
    target_relative: 0.15
    accountable: p_mkt
    helpers: [p_des, p_mkt]
    due_business_days: 15
"""


@dataclass
class Company:
    app: App

    def at(self, moment: datetime) -> App:
        """The service at this business time."""
        return replace(self.app, clock=FixedClock(moment))

    def connect(self, name: str, people: dict[str, str] | None = None) -> int:
        """A portal that takes tasks, in which these people have these accounts; its id."""
        config = Bitrix24Config(webhook=SecretStr("https://portal.example/rest/1/a1b2c3d4e5f6/"))
        with self.app.database.writing() as session:
            row = connections.save_connection(
                session,
                self.app.vault,
                kind="bitrix24",
                name=name,
                config=config,
                account=name,
                sandbox=True,
                at=HELD,
            )
            assert row.id is not None
            for person, account in (people or {}).items():
                session.add(PersonId(person_id=person, connection_id=row.id, remote_id=account))
            return row.id

    def hire(self, **roles: str) -> None:
        with self.app.database.writing() as session:
            for id_, role in roles.items():
                session.merge(Person(id=id_, name=id_.removeprefix("p_").title(), role=role))

    def write_rules(self, *rules: str) -> None:
        """These in place of the shipped ones."""
        text = "version: 1\nrules:\n" + "\n".join(rules)
        (self.app.settings.home / "rules.yaml").write_text(text)

    def mails(
        self,
        connection_id: int,
        first: date,
        days: int,
        clicked: int,
        group: Group = Group.TREATED,
        delivered: int = 1000,
    ) -> None:
        """1,000 mails a day, of which so many were clicked."""
        with self.app.database.writing() as session:
            for day in (first + timedelta(days=n) for n in range(days)):
                session.merge(
                    daily(
                        EmailStatsRow,
                        connection_id,
                        "Transactionnels",
                        day,
                        group,
                        delivered=delivered,
                        clicked=clicked,
                    )
                )

    def weak_form(self, connection_id: int, campaign: str, day: date) -> None:
        """A campaign of one day whose form was started 556 times; leads were pulled."""
        with self.app.database.writing() as session:
            session.add(daily(FormStatsRow, connection_id, campaign, day, starts=556))
            session.add(daily(CampaignStatsRow, connection_id, campaign, day, clicks=2100))
            session.add(
                Cursor(
                    connection_id=connection_id,
                    stream=Stream.LEADS.value,
                    partition=WHOLE_STREAM,
                    watermark=HELD,
                )
            )

    def decide(self, name: str = "portal", text: str = RETRO) -> None:
        """The retro is imported, its decision planned into this connection."""
        app = self.at(HELD)
        import_retro(app, text, "retro.yaml")
        planned = plan_decisions(app, name)
        assert planned.plan.refused == ()
        with app.database.writing() as session:
            apply_plan(session, planned, HELD)

    def finish(self, *keys: str, at: datetime) -> None:
        with self.app.database.writing() as session:
            for key in keys:
                action = session.get_one(Action, key)
                action.status, action.done_at = "done", at
                session.add(action)

    def comments(self) -> list[Outbox]:
        return [row for row in self.writes() if row.operation is Operation.COMMENT]

    def writes(self) -> list[Outbox]:
        with self.app.database.reading() as session:
            return list(outbox.outbox_rows(session))

    def decision(self) -> Decision:
        with self.app.database.reading() as session:
            return session.get_one(Decision, DECISION)

    def target(self) -> Target:
        with self.app.database.reading() as session:
            (found,) = retros.targets(session, DECISION)
            return found

    def checks(self) -> list[Check]:
        with self.app.database.reading() as session:
            return list(retros.checks_of(session, self.target().key))


def daily(
    model: type[Any],
    connection_id: int,
    campaign: str,
    day: date,
    group: Group = Group.TREATED,
    **counts: Any,
) -> Any:
    """Figures of one day, as they stand in the mirror."""
    return model(
        connection_id=connection_id,
        id=f"{day}|{campaign}|{group}",
        hash=b"",
        extra={},
        day=day,
        campaign=campaign,
        group=group.value,
        **counts,
    )


def found(home: Path) -> Company:
    app = open_app(load_settings({"RETRO_HOME": str(home), "RETRO_SECRET_KEYS": new_key()}))
    company = Company(app)
    company.hire(**ROLES)
    return company
