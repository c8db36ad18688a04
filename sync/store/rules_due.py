"""That the rules are wanted: true from the transaction that brought a change until they have looked
at it, whatever becomes of the bell (G10)."""

from collections.abc import Mapping
from secrets import token_hex

from sqlalchemy import delete, text
from sqlmodel import Session, col, select

from sync.tables.rules import RulesDue
from sync.tables.runs import PUSH, Run, RunStatus

CLOCK = "clock"
_ASKED = text(
    "INSERT INTO rules_due (subject, mark) VALUES (:subject, :mark) "
    "ON CONFLICT (subject) DO UPDATE SET mark = excluded.mark"
)


def ask_for_rules(session: Session, connection_id: int, stream: str) -> None:
    """Part of the transaction that changes what the rules listen to. Each stream has a mark of its
    own: its pages must not wait for those of others."""
    _ask(session, f"{connection_id}:{stream}")


def ask_by_clock(session: Session) -> None:
    _ask(session, CLOCK)


def _ask(session: Session, subject: str) -> None:
    session.connection().execute(_ASKED, {"subject": subject, "mark": token_hex(8)})


def asked_for(session: Session) -> Mapping[str, str]:
    """To be read before the rules look at anything, and given to `note_looked_at` afterwards."""
    return {row.subject: row.mark for row in session.exec(select(RulesDue)).all()}


def note_looked_at(session: Session, asked: Mapping[str, str]) -> None:
    """What was asked for again meanwhile stays asked for."""
    for subject, mark in sorted(asked.items()):
        session.connection().execute(
            delete(RulesDue).where(col(RulesDue.subject) == subject, col(RulesDue.mark) == mark)
        )


def rules_are_due(session: Session) -> bool:
    """Whether they are to look now: by the clock, or when no pull is about to bring more."""
    subjects = session.exec(select(RulesDue.subject)).all()
    if CLOCK in subjects:
        return True
    at_work = select(Run.id).where(
        col(Run.status).in_((RunStatus.QUEUED, RunStatus.RUNNING)), Run.stream != PUSH
    )
    return bool(subjects) and session.exec(at_work.limit(1)).first() is None
