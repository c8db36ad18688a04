"""The audit: written in the transaction of the change itself, never rewritten."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from sync.tables.audit import Audit
from sync.tables.connections import Connection, Schedule


@dataclass(frozen=True)
class Hand:
    """Whose hand a change is by, and when (machine time)."""

    who: str
    at: datetime


def note(
    session: Session,
    hand: Hand,
    action: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Part of the caller's transaction: a change and its line become true together."""
    session.add(
        Audit(
            at=hand.at,
            who=hand.who,
            action=action,
            subject=subject,
            before=None if before is None else dict(before),
            after=None if after is None else dict(after),
        )
    )


def audit_rows(session: Session, limit: int = 50) -> Sequence[Audit]:
    """Newest first."""
    return session.exec(select(Audit).order_by(col(Audit.id).desc()).limit(limit)).all()


def told_of_connection(row: Connection | None) -> dict[str, Any] | None:
    """A connection without its secrets."""
    if row is None:
        return None
    return {
        "kind": row.kind,
        "account": row.account,
        "settings": row.settings,
        "state": row.state.value,
        "sandbox": row.sandbox,
    }


def told_of_schedule(row: Schedule) -> dict[str, Any]:
    return {
        "every_seconds": row.every_seconds,
        "cron": row.cron,
        "tz": row.tz,
        "missed": row.missed.value,
        "jitter_seconds": row.jitter_seconds,
        "enabled": row.enabled,
    }
