"""Retros and what comes of them: decisions, actions, targets, checks, evaluations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import select as select_columns
from sqlalchemy import union
from sqlmodel import Session, SQLModel, col, select

from sync.store.database import one_at_a_time
from sync.store.ids import listed
from sync.tables.retros import (
    UNFINISHED,
    Action,
    Check,
    Decision,
    Evaluation,
    Hypothesis,
    Observation,
    Problem,
    Retro,
    RuleVersion,
    Target,
)


def plan_in_turn(session: Session) -> None:
    """Before what is planned, imported or checked is compared with what there is and written."""
    one_at_a_time(session, "plans")


def save_rows(session: Session, rows: Iterable[SQLModel]) -> None:
    """Insert or replace, in the order given: what is pointed at comes before what points."""
    for row in rows:
        session.merge(row)
        session.flush()


def all_retros(session: Session) -> Sequence[Retro]:
    return session.exec(select(Retro).order_by(col(Retro.held_at))).all()


def observations_of(session: Session, retro_id: str) -> Sequence[Observation]:
    return session.exec(
        select(Observation).where(Observation.retro_id == retro_id).order_by(col(Observation.id))
    ).all()


def hypotheses_of(session: Session, retro_id: str) -> Sequence[Hypothesis]:
    return session.exec(
        select(Hypothesis).where(Hypothesis.retro_id == retro_id).order_by(col(Hypothesis.id))
    ).all()


def decisions(session: Session, retro_id: str | None = None) -> Sequence[Decision]:
    statement = select(Decision).order_by(col(Decision.created_at), col(Decision.id))
    if retro_id is not None:
        statement = statement.where(Decision.retro_id == retro_id)
    return session.exec(statement).all()


def decision(session: Session, decision_id: str) -> Decision | None:
    return session.get(Decision, decision_id)


def actions(session: Session, decision_id: str | None = None) -> Sequence[Action]:
    statement = select(Action).order_by(col(Action.key))
    if decision_id is not None:
        statement = statement.where(Action.decision_id == decision_id)
    return session.exec(statement).all()


def locked_actions(session: Session) -> Sequence[Action]:
    """All of them as they are now, until the unit of work ends."""
    return session.exec(select(Action).order_by(col(Action.key)).with_for_update()).all()


def open_actions_before(session: Session, moment: datetime) -> Sequence[tuple[Action, Retro]]:
    """Unfinished actions of earlier retros, oldest first: they open the next one (F46)."""
    return session.exec(
        select(Action, Retro)
        .join(Decision, col(Decision.id) == Action.decision_id)
        .join(Retro, col(Retro.id) == Decision.retro_id)
        .where(col(Retro.held_at) < moment, col(Action.status).in_(UNFINISHED))
        .order_by(col(Retro.held_at), col(Action.key))
    ).all()


def targets(session: Session, decision_id: str | None = None) -> Sequence[Target]:
    statement = select(Target).order_by(col(Target.key))
    if decision_id is not None:
        statement = statement.where(Target.decision_id == decision_id)
    return session.exec(statement).all()


def targets_to_check(session: Session, today: date) -> Sequence[Target]:
    """Targets whose day has come and that were not checked for the window they have now."""
    due = session.exec(
        select(Target)
        .where(col(Target.recheck_on) <= today, col(Target.measure_end).is_not(None))
        .order_by(col(Target.key))
    ).all()
    return [target for target in due if not was_checked(session, target)]


def was_checked(session: Session, target: Target) -> bool:
    checks = checks_of(session, target.key)
    return any(check.window_end == target.measure_end for check in checks)


def checks_of(session: Session, target_key: str) -> Sequence[Check]:
    return session.exec(
        select(Check).where(Check.target_key == target_key).order_by(col(Check.id))
    ).all()


def evaluations(session: Session, since: datetime | None = None) -> Sequence[Evaluation]:
    statement = select(Evaluation).order_by(col(Evaluation.id))
    if since is not None:
        statement = statement.where(col(Evaluation.at) >= since)
    return session.exec(statement).all()


@dataclass(frozen=True)
class Fired:
    """One time a rule fired, without what it saw and did."""

    rule: str
    event: str
    subject: str
    once_key: str
    at: datetime


def firings(
    session: Session, *, once: Sequence[str], events: Sequence[str], since: datetime
) -> list[Fired]:
    """What may keep rules from firing again: every time the rules `once` did, every one on one of
    these events, and all since a moment."""
    columns = (
        col(Evaluation.rule_id),
        col(Evaluation.event),
        col(Evaluation.subject),
        col(Evaluation.once_key),
        col(Evaluation.at),
    )
    wanted = (
        col(Evaluation.rule_id).in_(listed(session, once)),
        col(Evaluation.event).in_(listed(session, events)),
        col(Evaluation.at) >= since,
    )
    # Three look-ups by index; joined by OR they would be one walk over everything.
    found = union(*(select_columns(*columns).where(each) for each in wanted))
    return [Fired(*row) for row in session.execute(found)]


def keep_evaluations(session: Session, rows: Iterable[Evaluation]) -> None:
    """Of two evaluations that fired on one event at the same time, the first is kept."""
    for row in rows:
        known = session.exec(
            select(Evaluation.id).where(
                Evaluation.event == row.event,
                Evaluation.rule_id == row.rule_id,
                Evaluation.subject == row.subject,
            )
        ).first()
        if known is None:
            session.add(row)


def problems(session: Session) -> Sequence[Problem]:
    return session.exec(select(Problem).order_by(col(Problem.about))).all()


def keep_problems(session: Session, found: Iterable[Problem]) -> None:
    """These and no others stand; one that is told again keeps the moment it was first told."""
    now = {each.about: each for each in found}
    for row in problems(session):
        again = now.pop(row.about, None)
        if again is None:
            session.delete(row)
        else:
            row.rule, row.message = again.rule, again.message
            session.add(row)
    session.add_all(now.values())


def taken_ids(session: Session) -> dict[str, dict[str, str]]:
    """Which retro has an id, by `observations`, `hypotheses` and `decisions` and by id."""
    taken = {
        "observations": select(Observation.id, Observation.retro_id),
        "hypotheses": select(Hypothesis.id, Hypothesis.retro_id),
        "decisions": select(Decision.id, Decision.retro_id),
    }
    return {part: dict(session.exec(each).all()) for part, each in taken.items()}


def keep_rule_versions(session: Session, versions: Iterable[RuleVersion]) -> None:
    """A version that was kept once is not rewritten: what fired then stays explainable."""
    for version in versions:
        if session.get(RuleVersion, (version.rule_id, version.version)) is None:
            session.add(version)
