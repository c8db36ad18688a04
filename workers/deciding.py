"""What the actions of a decision say of it."""

from sqlmodel import Session

from connectors.models import ActionStatus
from rules.words import DecisionStatus
from sync.store import retros
from sync.tables.retros import Decision
from workers.app import App

BEFORE_DONE = (
    DecisionStatus.ACCEPTED.value,
    DecisionStatus.IN_PROGRESS.value,
    DecisionStatus.AT_RISK.value,
)


def settle_decisions(app: App) -> None:
    """All done, or taken up again (T08)."""
    with app.database.reading() as session:
        if not _unsettled(session):
            return
    with app.database.writing() as session:
        retros.plan_in_turn(session)
        for decision, status in _unsettled(session):
            decision.status = status.value
            session.add(decision)
            if status is DecisionStatus.IN_PROGRESS:
                for target in retros.targets(session, decision.id):
                    target.measure_start = target.measure_end = None
                    session.add(target)


def _unsettled(session: Session) -> list[tuple[Decision, DecisionStatus]]:
    """Decisions with the status they should have."""
    done: dict[str, bool] = {}
    for action in retros.actions(session):
        finished = action.status == ActionStatus.DONE
        done[action.decision_id] = done.get(action.decision_id, True) and finished
    found = []
    for decision in retros.decisions(session):
        all_done = done.get(decision.id)
        if all_done and decision.status in BEFORE_DONE:
            found.append((decision, DecisionStatus.DONE_AWAITING_MEASURE))
        elif all_done is False and decision.status == DecisionStatus.DONE_AWAITING_MEASURE:
            found.append((decision, DecisionStatus.IN_PROGRESS))
    return found
