"""Takes retros in: a file becomes rows, or is refused with everything that is wrong with it."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session

from rules.calendars import Calendar, add_business_days
from rules.costs import Attendance, Cost, cost_of_hours
from rules.lead_data import lead_data_warning
from rules.people import role_key
from rules.retro_file import parse_retro
from rules.words import Decision, DecisionStatus, Hypothesis, Observation, Retro
from sync.store import audit, people, retros
from sync.tables import retros as rows
from workers import library
from workers.app import App
from workers.hand import this_hand


@dataclass(frozen=True)
class CarriedOver:
    """An unfinished action of an earlier retro, shown before anything new (F46)."""

    action: str
    title: str
    owner: str
    retro: str
    age_days: int


@dataclass(frozen=True)
class Imported:
    retro: Retro
    warnings: tuple[str, ...]
    carried_over: tuple[CarriedOver, ...]
    cost: Cost
    planned_before: tuple[str, ...]
    """Decisions of the retro that have tasks already, those that the file leaves out as well."""
    overdue: tuple[str, ...]
    """Those without tasks whose due date has passed since the retro: a file may come late."""


def import_retro(app: App, text: str, source: str) -> Imported:
    """Raises Refused with line and field of every problem; then nothing is stored."""
    known_kpis = library.catalogue(app.settings).by_code()
    now, calendar = app.clock.now(), library.calendar(app.settings)
    # Read and written as one: of two files with one id that come at once, the second is refused.
    with app.database.writing() as session:
        retros.plan_in_turn(session)
        retro = parse_retro(
            text,
            source,
            people=[person.id for person in people.all_people(session)],
            kpis=known_kpis,
            taken=retros.taken_ids(session),
        )
        carried = tuple(_carried_over(session, retro))
        known = [each.id for each in retros.decisions(session, retro.id)]
        planned = [each for each in known if retros.actions(session, each)]
        warnings = {
            hypothesis.id: warning
            for hypothesis in retro.hypotheses
            if (warning := lead_data_warning(hypothesis, retro.observations, app.settings.lang))
        }
        retros.save_rows(session, [_retro_row(retro, now)])
        retros.save_rows(session, (_observation_row(retro, each) for each in retro.observations))
        retros.save_rows(
            session, (_hypothesis_row(retro, each, warnings) for each in retro.hypotheses)
        )
        countries = {each.id: each.country for each in people.all_people(session)}
        overdue = []
        for each in retro.decisions:
            local = calendar.of(countries[each.accountable])
            row = _decision_row(session, retro, each, local, now)
            if row.due_on < local.day_of(now) and each.id not in planned:
                overdue.append(each.id)
            retros.save_rows(session, [row])
        told = {"decisions": [each.id for each in retro.decisions], "file": source}
        before = {"decisions": known} if known else None
        audit.note(session, this_hand(), "import", retro.id, before=before, after=told)
        cost = meeting_cost(app, session, retro)
        return Imported(
            retro, tuple(warnings.values()), carried, cost, tuple(planned), tuple(overdue)
        )


def meeting_cost(app: App, session: Session, retro: Retro) -> Cost:
    """What the hours of the meeting cost; a total, never somebody's rate."""
    roles = {person.id: role_key(person.role) for person in people.all_people(session)}
    table = library.pay_table(app.settings)
    attended = [
        Attendance(person=each.person, role=roles[each.person], hours=Decimal(each.hours))
        for each in retro.participants
    ]
    return cost_of_hours(attended, table, retro.held_at.astimezone(app.settings.tz).date())


def _carried_over(session: Session, retro: Retro) -> list[CarriedOver]:
    return [
        CarriedOver(
            action=action.key,
            title=action.title,
            owner=action.owner,
            retro=earlier.id,
            age_days=(retro.held_at - earlier.held_at).days,
        )
        for action, earlier in retros.open_actions_before(session, retro.held_at)
    ]


def _retro_row(retro: Retro, now: datetime) -> rows.Retro:
    return rows.Retro(
        id=retro.id,
        held_at=retro.held_at,
        status=retro.status,
        goal=retro.goal.model_dump(mode="json") if retro.goal else None,
        participants=[each.model_dump(mode="json") for each in retro.participants],
        imported_at=now,
    )


def _observation_row(retro: Retro, observation: Observation) -> rows.Observation:
    return rows.Observation(
        id=observation.id,
        retro_id=retro.id,
        text=observation.text,
        kpis=list(observation.linked_kpis),
        details=observation.model_dump(mode="json"),
        outcome=retro.outcome_of(observation),
        reason=observation.reason,
    )


def _hypothesis_row(
    retro: Retro, hypothesis: Hypothesis, warnings: dict[str, str]
) -> rows.Hypothesis:
    return rows.Hypothesis(
        id=hypothesis.id,
        retro_id=retro.id,
        details=hypothesis.model_dump(mode="json", by_alias=True),
        warnings=[warnings[hypothesis.id]] if hypothesis.id in warnings else [],
    )


def _decision_row(
    session: Session, retro: Retro, decision: Decision, calendar: Calendar, now: datetime
) -> rows.Decision:
    known = session.get(rows.Decision, decision.id)
    due_on = decision.due_on or add_business_days(
        calendar.day_of(retro.held_at), decision.due_business_days or 0, calendar
    )
    return rows.Decision(
        id=decision.id,
        retro_id=retro.id,
        observation_id=decision.observation,
        type=decision.type,
        text=decision.text,
        kpi=decision.kpi,
        accountable=decision.accountable,
        due_on=due_on,
        # A file that is read again corrects the words, not how far the work has come.
        status=known.status if known else DecisionStatus.ACCEPTED.value,
        details=decision.model_dump(mode="json", by_alias=True),
        created_at=known.created_at if known else now,
    )
