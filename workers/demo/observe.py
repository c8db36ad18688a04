"""What each step of the demo shows, read back from mirror, records and portal. Nothing here is
known beforehand: figures are named as in the story so that they can be compared with it."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from rules.lead_data import lead_data_warning
from rules.plan_json import plan_json
from rules.proportions import Proportion, wilson_interval
from rules.recheck import EvidenceGrade
from rules.recheck_words import EVIDENCE
from rules.retro_file import parse_retro
from rules.sample_size import needed_per_group
from rules.words import Hypothesis, Observation
from rules.yaml_document import Refused
from sync.store import hooks, mirror, outbox, past_runs, people, retros
from sync.tables.mirror import MIRROR
from sync.tables.outbox import Operation
from sync.tables.retros import Action, Decision, Target
from sync.tables.runs import Trigger
from workers import library
from workers.app import App
from workers.demo.stage import Stage
from workers.demo.words import LANGUAGES
from workers.errors import CannotRun
from workers.planning import Planned
from workers.retros import Imported
from workers.target_forms import form_json, forms_of

Report = dict[str, Any]
DELIVERED_WITHIN = 15.0


def mirror_state(app: App) -> dict[str, Any]:
    """Every row's hash by stream, and how many changes were noted: two pulls can be compared."""
    with app.database.reading() as session:
        state: dict[str, Any] = {stream.value: mirror.hashes(session, stream) for stream in MIRROR}
        state["changes"] = mirror.count_changes(session)
    return state


def retro(app: App, held: Imported, text: str) -> dict[str, Any]:
    """S02: what the meeting cost, what it opened with, and what it would not take."""
    with app.database.reading() as session:
        known = [person.id for person in people.all_people(session)]
        observations = retros.observations_of(session, held.retro.id)
    kpis = library.catalogue(app.settings).by_code()
    linked = "kpis: [click_rate, form_completion, lead_rate_per_impression]"
    refused = _is_refused(text.replace(f"    {linked}\n", ""), known, kpis)
    return {
        "meeting_cost_eur": float(held.cost.total.amount) if held.cost.total else None,
        "observation_without_kpi_link": "refused" if refused else "accepted",
        "open_actions_of_previous_retros_shown_first": bool(held.carried_over),
        "carried_over": [vars_of(each) for each in held.carried_over],
        "observations": [
            {"id": each.id, "outcome": each.outcome, "reason": each.reason} for each in observations
        ],
    }


def _is_refused(text: str, known_people: list[str], kpis: dict[str, Any]) -> bool:
    """Whether the same file without its link to KPIs is refused for that."""
    try:
        parse_retro(text, "retro", people=known_people, kpis=kpis)
    except Refused as error:
        return any("names no KPI" in problem for problem in error.problems)
    return False


def vars_of(value: Any) -> dict[str, Any]:
    return {name: getattr(value, name) for name in type(value).__dataclass_fields__}


def hypothesis(app: App, retro_id: str) -> dict[str, Any]:
    """S03: the hypothesis with the warning that came with it."""
    with app.database.reading() as session:
        (row,) = retros.hypotheses_of(session, retro_id)
        seen = [
            Observation.model_validate(each.details)
            for each in retros.observations_of(session, retro_id)
        ]
    details = row.details
    stated = Hypothesis.model_validate(details)
    return {
        "testable": bool(details["cause"] and details["change"] and details["kpi"]),
        "guardrail": details["guardrail"],
        "guardrail_margin_points": details["guardrail_margin_points"],
        "warning": " ".join(row.warnings) or None,
        "warnings": {each: lead_data_warning(stated, seen, each) for each in LANGUAGES},
    }


def decision(
    app: App, planned: Planned, decision_id: str, portal_tasks: Sequence[dict[str, Any]]
) -> dict[str, Any]:
    """S10: the plan, and the tasks as they are read back from the portal."""
    with app.database.reading() as session:
        row = session.get_one(Decision, decision_id)
        actions = retros.actions(session, decision_id)
        (target,) = retros.targets(session, decision_id)
        owners = _by_account(session, planned.connection.id)
    there = {task["key"]: task for task in portal_tasks if task["key"]}
    document = plan_json(
        planned.plan,
        connection=planned.connection.name,
        api_calls=planned.api_calls,
        becomes={key: form_json(form) for key, form in forms_of(app, planned).items()},
    )
    read_back = [there[action.key] for action in actions if action.key in there]
    before = target.baseline_numerator / target.baseline_denominator
    return {
        "rule_fired": target.because[0]["rule"],
        "parent_owner": row.accountable,
        "child_tasks": [
            {
                "role": action.role,
                "owner": owners.get(there[action.key]["owner"]),
                "due": _day(app, there[action.key]["due_at"]),
            }
            for action in actions
            if action.key in there
        ],
        "kpi_target_row": {
            "kpi": target.kpi,
            "baseline": _counts(target.baseline_numerator, target.baseline_denominator),
            "target_value": target.target_value,
        },
        "n_per_period_to_see_15_percent": needed_per_group(before, before * (1 + target.relative)),
        "pushed_to_tools": len(read_back) == len(actions),
        "task_payloads": read_back,
        "plan": document,
    }


def _by_account(session: Session, connection_id: int | None) -> dict[str, str]:
    assert connection_id is not None
    return {
        account: person
        for person, account in people.accounts_of_people(session, connection_id).items()
    }


def _counts(numerator: int, denominator: int) -> dict[str, Any]:
    sample = Proportion(numerator, denominator)
    interval = wilson_interval(sample)
    return {
        "numerator": numerator,
        "denominator": denominator,
        "value": sample.value,
        "wilson95": [interval.low, interval.high],
    }


def _day(app: App, moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(app.settings.tz).date().isoformat()


def reminders(stage: Stage, decision_id: str) -> dict[str, Any]:
    """S11: who was reminded today, by the comments that were sent."""
    told = _notices_today(stage, "reminder")
    rule, subject_due = told[0]["because"] if told else None, None
    with stage.app.database.reading() as session:
        due = {action.due_at for action in retros.actions(session, decision_id)}
    subject_due = min(due).astimezone(stage.app.settings.tz).date()
    left = rule["facts"].get("task.business_days_to_due") if rule else None
    return {
        "rule_fired": rule["rule"] if rule else None,
        "reminders": [each["to"] for each in told],
        "because": f"{left} business days before {subject_due}",
        "business_days_to_due": left,
        "due": subject_due.isoformat(),
        "comments": [each["text"] for each in told],
    }


def _notices_today(stage: Stage, kind: str) -> list[dict[str, Any]]:
    """Comments of a kind that were delivered since the day began, in the order of their tasks."""
    app = stage.app
    today = app.clock.now().astimezone(app.settings.tz).date()
    with app.database.reading() as session:
        rows = [
            row
            for row in outbox.outbox_rows(session)
            if row.operation is Operation.COMMENT
            and row.payload["kind"] == kind
            and row.done_at is not None
            and row.key.endswith(today.isoformat())
        ]
    return [
        {
            "to": row.payload["to"],
            "about": row.subject,
            "text": row.payload["text"],
            "because": row.because[0],
        }
        for row in rows
    ]


def wait_for_deliveries(app: App, wanted: int) -> None:
    """Raises CannotRun when the portal's events do not arrive."""
    deadline = time.monotonic() + DELIVERED_WITHIN
    while time.monotonic() < deadline:
        with app.database.reading() as session:
            if sum(event.deliveries for event in hooks.all_hints(session)) >= wanted:
                return
        time.sleep(0.05)
    raise CannotRun("The portal's events did not arrive at the service.")


def after_hook(app: App, action_key: str) -> dict[str, Any]:
    """S12: one event, however often it was delivered, and a task that was read again."""
    with app.database.reading() as session:
        events = hooks.all_hints(session)
        read_again = [
            run
            for run in past_runs.recent_runs(session)
            if run.trigger is Trigger.HOOK and run.read
        ]
    return {
        **task_state(app, action_key),
        "events_recorded": len(events),
        "deliveries": sum(event.deliveries for event in events),
        "refetched_before_applied": bool(read_again),
    }


def task_state(app: App, action_key: str) -> dict[str, Any]:
    with app.database.reading() as session:
        action = session.get_one(Action, action_key)
        siblings = retros.actions(session, action.decision_id)
    return {
        "task_status": action.status,
        "progress_done": sum(each.status == "done" for each in siblings),
        "progress_total": len(siblings),
    }


def escalation(stage: Stage, decision_id: str) -> dict[str, Any]:
    """S13: who learnt that the task is late."""
    above = _notices_today(stage, "escalation")
    reminded = _notices_today(stage, "reminder")
    with stage.app.database.reading() as session:
        row = session.get_one(Decision, decision_id)
    because = above[0]["because"] if above else {"rule": None, "facts": {}}
    return {
        "rule_fired": because["rule"],
        "overdue_business_days": because["facts"].get("task.business_days_overdue"),
        "escalated_to": above[0]["to"] if above else None,
        "reminder_to": reminded[0]["to"] if reminded else None,
        "decision_status": row.status,
        "comments": [each["text"] for each in (*reminded, *above)],
    }


def measure_window(app: App, decision_id: str) -> dict[str, Any]:
    """S14: when the target is measured. The last day is shown as the last one that counts."""
    with app.database.reading() as session:
        row = session.get_one(Decision, decision_id)
        (target,) = retros.targets(session, decision_id)
        rule = [each.rule_id for each in retros.evaluations(session) if each.subject == decision_id]
    return {
        "rule_fired": rule[-1] if rule else None,
        "decision_status": row.status,
        "measure_window": _window(target),
        "recheck_on": target.recheck_on.isoformat() if target.recheck_on else None,
    }


def _window(target: Target) -> list[str]:
    if target.measure_start is None or target.measure_end is None:
        return []
    last = target.measure_end - timedelta(days=1)
    return [target.measure_start.isoformat(), last.isoformat()]


def recheck(stage: Stage, decision_id: str) -> dict[str, Any]:
    """S15: the check as it was kept, and the target as the portal shows it."""
    with stage.app.database.reading() as session:
        (target,) = retros.targets(session, decision_id)
        checks = retros.checks_of(session, target.key)
        row = session.get_one(Decision, decision_id)
    if not checks:
        return {"verdict": None}
    figures = checks[-1].figures
    return {
        **{name: figures[name] for name in figures if name not in ("verdicts", "messages")},
        "verdict": figures["verdicts"]["en"],
        "message": figures["messages"]["fr"],
        "verdicts": figures["verdicts"],
        "messages": figures["messages"],
        "evidence_grades": _evidence(figures["evidence_grade"]),
        "decision_status": row.status,
    }


def _evidence(shown: str) -> dict[str, str]:
    """A grade as it was kept, in English, in every language."""
    grade = next(each for each in EvidenceGrade if EVIDENCE["en", each] == shown)
    return {each: EVIDENCE[each, grade] for each in LANGUAGES}
