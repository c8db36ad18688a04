"""Rows as the documents that commands and pages show. The shapes are a promise to programs."""

from dataclasses import asdict
from datetime import datetime
from typing import Any

from sync.progress import estimate
from sync.store.past_runs import Away
from sync.tables.outbox import Outbox
from sync.tables.retros import Action
from sync.tables.runs import ACTIVE_STATUSES, PUSH, Run, RunStatus


def run_report(run: Run) -> dict[str, Any]:
    """One element of `retro pull --json`."""
    seconds = round(run.seconds, 3)
    certificate = run.certificate or {}
    return {
        "run": run.id,
        "stream": run.stream,
        "mode": run.mode.value,
        "status": run.status.value,
        "read": run.read,
        "created": run.created,
        "updated": run.updated,
        "unchanged": run.unchanged,
        "deleted": run.deleted,
        "set_aside": run.set_aside,
        "requests": run.requests,
        "seconds": seconds,
        "records_per_second": round(run.read / seconds) if seconds else None,
        "complete": run.complete,
        "certificate": certificate or None,
        "waiting_until": run.waiting_until,
        "error": run.error,
    }


def found_words(run: Run) -> str:
    """What the mirror holds after a pull, in a word or two."""
    if run.stream == PUSH or run.ended_at is None or run.error:
        return ""
    # What changed since the last pull proves nothing about the rest.
    words = ["changes" if run.complete is None else "complete" if run.complete else "incomplete"]
    if run.set_aside:
        words.append(f"{run.set_aside} set aside")
    if held_back := (run.certificate or {}).get("held_back"):
        words.append(f"{held_back} deletes held back")
    return ", ".join(words)


def run_history(run: Run, connection: str, now: datetime) -> dict[str, Any]:
    """One element of `retro runs --json`. `progress` is null once the run has ended, and for a
    push; `now` is machine time."""
    progress = estimate(run, now)
    waits = run.status is RunStatus.QUEUED
    return {
        "connection": connection,
        **run_report(run),
        "trigger": run.trigger.value,
        "progress": asdict(progress) if progress else None,
        "cancelling": run.cancel and run.status in ACTIVE_STATUSES,
        # One that is queued again is nobody's, whoever worked on it before.
        "worker": {"host": run.host, "pid": run.pid} if run.pid and not waits else None,
        "queued_at": run.queued_at,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
    }


def not_reached(name: str, gone: Away) -> str:
    return (
        f"not reached since {gone.since:%F %H:%M} UTC. {gone.error['message']} "
        f"retro check {name} tries again."
    )


def write_report(row: Outbox, connection: str) -> dict[str, Any]:
    """One element of `retro outbox --json`."""
    return {
        "key": row.key,
        "connection": connection,
        "operation": row.operation.value,
        "subject": row.subject,
        "state": row.state.value,
        "remote_id": row.remote_id,
        "superseded_by": row.superseded_by,
        "before": row.before,
        "attempts": row.attempts,
        "not_before": row.not_before,
        "error": row.error,
        "because": row.because,
        "planned_at": row.planned_at,
        "done_at": row.done_at,
    }


def action_report(action: Action) -> dict[str, Any]:
    """What `retro action --json` shows."""
    return {
        "key": action.key,
        "decision": action.decision_id,
        "title": action.title,
        "description": action.description,
        "owner": action.owner,
        "due_at": action.due_at,
        "status": action.status,
        "done_at": action.done_at,
        "edited": action.edited or {},
    }
