"""Retros and what comes of them: decisions, actions, targets, checks, evaluations."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime

from sqlmodel import Session, SQLModel, col, select

from connectors.models import ActionStatus
from sync.tables.retros import (
    Action,
    Check,
    Decision,
    Evaluation,
    Hypothesis,
    Observation,
    Retro,
    RuleVersion,
    Target,
)

UNFINISHED = (ActionStatus.OPEN.value, ActionStatus.IN_PROGRESS.value)


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


def actions(session: Session, decision_id: str | None = None) -> Sequence[Action]:
    statement = select(Action).order_by(col(Action.key))
    if decision_id is not None:
        statement = statement.where(Action.decision_id == decision_id)
    return session.exec(statement).all()


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
    """Targets whose day has come and that were not checked since their window ended."""
    due = session.exec(
        select(Target)
        .where(col(Target.recheck_on) <= today, col(Target.measure_end).is_not(None))
        .order_by(col(Target.key))
    ).all()
    return [target for target in due if not _checked(session, target)]


def _checked(session: Session, target: Target) -> bool:
    checks = checks_of(session, target.key)
    return any(check.checked_at.date() >= (target.measure_end or date.max) for check in checks)


def checks_of(session: Session, target_key: str) -> Sequence[Check]:
    return session.exec(
        select(Check).where(Check.target_key == target_key).order_by(col(Check.id))
    ).all()


def evaluations(session: Session, since: datetime | None = None) -> Sequence[Evaluation]:
    statement = select(Evaluation).order_by(col(Evaluation.id))
    if since is not None:
        statement = statement.where(col(Evaluation.at) >= since)
    return session.exec(statement).all()


def keep_rule_versions(session: Session, versions: Iterable[RuleVersion]) -> None:
    """A version that was kept once is not rewritten: what fired then stays explainable."""
    for version in versions:
        if session.get(RuleVersion, (version.rule_id, version.version)) is None:
            session.add(version)
