"""The decision of the story's step S10 with its people, for tests of plans."""

from collections.abc import Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from connectors.models import ActionStatus
from rules.calendars import Calendar
from rules.engine import Evaluation, Event, Firing, evaluate
from rules.facts import decision_facts
from rules.fields import Facts
from rules.language import Language
from rules.people import Person, Staff
from rules.plan import ActionState, Plan
from rules.planner import make_plan
from rules.retro_file import parse_retro
from rules.rule_file import Rule, parse_rules
from rules.targets import freeze_baseline
from rules.words import Decision, Retro
from rules.workspace import Workspace
from tests.rules.worked_cases import CONFIG, EMAIL, email_rate, shipped_catalogue

PARIS = ZoneInfo("Europe/Paris")

ROLES = {
    "p_cmo": "CMO",
    "p_acq": "Responsable acquisition",
    "p_sdr": "Responsable SDR",
    "p_des": "Designer",
    "p_cop": "Copywriter",
    "p_sup": "Responsable support",
    "p_mkt": "Marketer CRM",
}

EMAIL_RETRO = f"""\
retro: R-2026-11-23
held_at: 2026-11-23T10:00:00+01:00
goal: {{kpi: {EMAIL}, direction: increase}}
observations:
  - id: O-1
    text: taux de clic des e-mails transactionnels trop faible
    kpis: [{EMAIL}]
decisions:
  - id: D-email-ctr
    from: O-1
    type: improve_kpi
    text: "E-mails transactionnels : nouveau gabarit du bouton"
    kpi: {EMAIL}
    target_relative: 0.15
    accountable: p_mkt
    helpers: [p_des, p_cop, p_mkt]
    due_business_days: 15
    tags: [email]
"""

PROTOCOL = (
    "experiment\n    protocol: {hypothesis: h, variable: champs, kpi: form_completion,"
    " duration_days: 42, decision_after: standardiser}"
)


def paris(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(PARIS)


RETRO_DAY = paris("2026-11-23T10:45:00+01:00")


def person(name: str, role: str) -> Person:
    return Person(id=name, name=name.removeprefix("p_").capitalize(), role=role)


def storys_people() -> dict[str, Person]:
    return {name: person(name, role) for name, role in ROLES.items()}


def shipped_rules() -> tuple[Rule, ...]:
    return parse_rules((CONFIG / "rules.yaml").read_text(encoding="utf-8"), "rules.yaml")


def retro(text: str = EMAIL_RETRO) -> Retro:
    return parse_retro(text, "retro.yaml", people=ROLES, kpis=shipped_catalogue().by_code())


def space(
    *retros: Retro,
    people: dict[str, Person] | None = None,
    actions: Iterable[ActionState] = (),
    language: Language = "fr",
    on_duty: dict[str, dict[str, str]] | None = None,
    measured: bool = True,
) -> Workspace:
    """`measured` is whether there is a baseline to start from."""
    decisions = [decision for each in retros for decision in each.decisions]
    baseline = freeze_baseline(email_rate(1205, 48210))
    return Workspace(
        staff=Staff(people or storys_people()),
        calendar=Calendar(PARIS),
        kpis=shipped_catalogue().by_code(),
        url="https://retro.example/",
        language=language,
        retros=retros,
        actions=tuple(actions),
        baselines={each.id: baseline for each in decisions} if measured else {},
        on_duty=on_duty or {},
    )


def created(
    decision: Decision, more: Facts | None = None, at: datetime = RETRO_DAY
) -> list[Evaluation]:
    """The shipped rules on a decision just made; `more` are facts of its experiment."""
    event = Event(f"created:{decision.id}", "decision.created", decision.id, at)
    facts = {**decision_facts(decision), **(more or {})}
    return evaluate(shipped_rules(), event, facts, now=at, history=())


def planned(workspace: Workspace, now: datetime = RETRO_DAY) -> Plan:
    """The plan for every decision of the workspace."""
    decisions = [decision for each in workspace.retros for decision in each.decisions]
    evaluations = [each for decision in decisions for each in created(decision, at=now)]
    return make_plan(evaluations, workspace, now=now)


def happened(
    trigger: str, subject: str, facts: Facts, at: datetime, history: tuple[Firing, ...] = ()
) -> list[Evaluation]:
    event = Event(f"{trigger}:{subject}:{at.date()}", trigger, subject, at)
    return evaluate(shipped_rules(), event, facts, now=at, history=history)


def email_actions(**done: str) -> list[ActionState]:
    """The three actions of S10; `designer="2026-12-11T15:00:00+01:00"` says when one was done."""
    return [
        ActionState(
            key=action.key,
            decision=action.decision,
            role=action.role,
            title=action.title,
            owner=action.owner,
            status=ActionStatus.DONE if action.role in done else ActionStatus.OPEN,
            due_at=action.due_at,
            done_at=paris(done[action.role]) if action.role in done else None,
        )
        for action in planned(space(retro())).actions
    ]


def changed(*pairs: tuple[str, str]) -> Workspace:
    text = EMAIL_RETRO
    for before, after in pairs:
        assert before in text
        text = text.replace(before, after)
    return space(retro(text))
