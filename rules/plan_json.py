"""A plan as the document that `retro plan --json` prints."""

from collections.abc import Mapping

from rules.plan import Action, Because, Notice, Plan, PlannedRecheck, PlannedTarget, Refusal

TARGET_DIGITS = 6


def plan_json(
    plan: Plan,
    *,
    connection: str,
    api_calls: Mapping[str, int],
    becomes: Mapping[str, object] | None = None,
) -> dict[str, object]:
    """`connection` is where actions go; `api_calls`, by connection, is for who knows the tool, and
    so is what its targets become there, by their key.

    Actions, targets, refusals and calls are always there, other parts only where there are any.
    """
    others = {
        "notices": [_notice(notice) for notice in plan.notices],
        "status_changes": [
            {
                "decision": change.decision,
                "status": change.status.value,
                "because": _because(change.because),
            }
            for change in plan.status_changes
        ],
        "rechecks": [_recheck(recheck) for recheck in plan.rechecks],
        "micro_retros": [
            {
                "key": retro.key,
                "owner": retro.owner,
                "due": retro.due_at.date().isoformat(),
                "because": _because(retro.because),
            }
            for retro in plan.micro_retros
        ],
        "approvals": [
            {
                "decision": approval.decision,
                "by": approval.by,
                "because": _because(approval.because),
            }
            for approval in plan.approvals
        ],
        "requests": [
            {
                "about": request.about,
                **request.outcome.model_dump(mode="json"),
                "because": _because(request.because),
            }
            for request in plan.requests
        ],
    }
    return {
        "actions": [_action(action, connection) for action in plan.actions],
        "targets": [
            _target(each, connection, (becomes or {}).get(each.key)) for each in plan.targets
        ],
        "refused": [_refusal(refusal) for refusal in plan.refused],
        "api_calls": dict(api_calls),
        **{part: entries for part, entries in others.items() if entries},
    }


def _action(action: Action, connection: str) -> dict[str, object]:
    return {
        "key": action.key,
        "decision": action.decision,
        "title": action.title,
        "owner": action.owner,
        "due": action.due_at.date().isoformat(),
        "connection": connection,
        "because": _because(action.because),
    }


def _target(planned: PlannedTarget, connection: str, becomes: object) -> dict[str, object]:
    baseline = planned.target.baseline
    return {
        "key": planned.key,
        "kpi": baseline.kpi,
        "baseline": {
            "numerator": baseline.sample.successes,
            "denominator": baseline.sample.trials,
        },
        "target_value": round(planned.target.target_value, TARGET_DIGITS),
        "recheck_on": planned.recheck_on.isoformat(),
        "connection": connection,
        "becomes": becomes,
        "because": _because(planned.because),
    }


def _refusal(refusal: Refusal) -> dict[str, object]:
    return {
        "decision": refusal.about,
        "missing": list(refusal.missing),
        "reason": refusal.reason,
    }


def _notice(notice: Notice) -> dict[str, object]:
    return {
        "key": notice.key,
        "kind": notice.kind.value,
        "to": notice.to,
        "about": notice.about,
        "text": notice.text,
        "because": _because(notice.because),
    }


def _recheck(recheck: PlannedRecheck) -> dict[str, object]:
    return {
        "target": recheck.target,
        "measure_window": [recheck.window.start.isoformat(), recheck.window.end.isoformat()],
        "recheck_on": recheck.recheck_on.isoformat(),
        "because": _because(recheck.because),
    }


def _because(because: tuple[Because, ...]) -> list[dict[str, object]]:
    return [
        {"rule": each.rule, "version": each.version, "facts": dict(each.facts)} for each in because
    ]
