"""Rings for work that the database holds. A bell that is lost is rung again by the reconciler."""

from sync.store.pushes import queue_pushes
from sync.store.runs import get_run
from sync.tables.runs import PUSH, Run
from workers.app import App
from workers.queues import enqueue

PULL_JOB, PUSH_JOB = "workers.jobs.pull", "workers.jobs.push"
HOOK_JOB, RULES_JOB = "workers.jobs.apply_hook", "workers.jobs.evaluate_rules"


def ring_for_run(app: App, run: Run) -> None:
    if app.redis is None or run.id is None:
        return
    if run.stream == PUSH:
        enqueue(app.redis, "push", PUSH_JOB, run.id, job_id=f"run-{run.id}")
    else:
        enqueue(app.redis, "pull", PULL_JOB, run.id, job_id=f"run-{run.id}")


def ring_again(app: App, run_id: int) -> None:
    """For the next slice of a run."""
    with app.database.reading() as session:
        run = get_run(session, run_id)
    ring_for_run(app, run)


def ring_for_hook(app: App, event_id: int) -> None:
    if app.redis is not None:
        enqueue(app.redis, "hooks", HOOK_JOB, event_id, job_id=f"hook-{event_id}")


def ring_for_rules(app: App) -> None:
    """One evaluation looks at everything, so one waiting bell is enough. That it is wanted stands
    in the database (`sync.store.rules_due`)."""
    if app.redis is not None:
        enqueue(app.redis, "rules", RULES_JOB, job_id="rules")


def ring_for_pushes(app: App) -> None:
    """Queue a push for whatever waits in the outbox, and ring for it."""
    with app.database.writing() as session:
        queued = queue_pushes(session, app.database.now())
    for run in queued:
        ring_for_run(app, run)
