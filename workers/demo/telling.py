"""The demo's report for people."""

from typing import Any

from workers.cli.output import Output
from workers.demo.observe import Report


def tell_report(report: Report, output: Output) -> None:
    _came_in(report["S01"], output)
    _figures(report["S01"], output)
    _retro(report["S02"], report["S03"], output)
    _decision(report["S10"], output)
    _follow_up(report, output)
    _check(report["S15"], output)


def _came_in(step: dict[str, Any], output: Output) -> None:
    counted = ", ".join(f"{count:,} {name}" for name, count in step["came_in"].items() if count)
    output.text(f"\nWhat came in: {counted}.")


def _figures(step: dict[str, Any], output: Output) -> None:
    rows = [
        (
            code,
            _percent(value["value"]),
            " – ".join(_percent(bound) for bound in value["wilson95"] or ()),
            f"{value['numerator']:,} / {value['denominator']:,}",
        )
        for code, value in step["kpis"].items()
    ]
    output.table("\nKPIs of the campaign", ("KPI", "value", "95 % interval", "counts"), rows)
    if step["cpql_eur"] is not None:
        output.text(f"Cost per qualified lead: {step['cpql_eur']:.2f} €.")
    for flag in step["flags"]:
        output.text(f"{flag['rule_fired']}: {flag['kpi']}, {flag['rule']} ({flag['certainty']}).")
    output.text(f"Weakest stage: {step['weakest_stage']}.")


def _retro(retro: dict[str, Any], hypothesis: dict[str, Any], output: Output) -> None:
    output.text(f"\nThe retro of September cost {retro['meeting_cost_eur']:.2f} €.")
    for each in retro["carried_over"]:
        output.text(f"Still open, {each['age_days']} days old: {each['title']}")
    for each in retro["observations"]:
        output.text(f"{each['id']}: {each['outcome']}, {each['reason']}")
    if hypothesis["warning"]:
        output.text(f"Warning: {hypothesis['warning']}.")


def _decision(step: dict[str, Any], output: Output) -> None:
    row = step["kpi_target_row"]
    output.text(
        f"\nDecision by rule {step['rule_fired']}, accountable {step['parent_owner']}: "
        f"{_percent(row['baseline']['value'], 2)} → {_percent(row['target_value'], 2)}, to be seen "
        f"with {step['n_per_period_to_see_15_percent']:,} e-mails a period."
    )
    for action in step["plan"]["actions"]:
        because = ", ".join(each["rule"] for each in action["because"])
        output.text(f"planned because of {because}: {action['key']} for {action['owner']}")
    columns = ("task in the portal", "owner", "due")
    tasks = zip(step["task_payloads"], step["child_tasks"], strict=True)
    rows = [
        (f"{task['id']}  {task['title']}", child["owner"], child["due"]) for task, child in tasks
    ]
    output.table("", columns, rows)


def _follow_up(report: Report, output: Output) -> None:
    reminder, late, measure = report["S11"], report["S13"], report["S14"]
    output.text(f"\nReminded ({reminder['because']}): {', '.join(reminder['reminders'])}.")
    for name in ("S12", "S12b", "S14"):
        step = report[name]
        output.text(f"{step['at'][:10]}: {step['progress_done']} of {step['progress_total']} done.")
    output.text(
        f"Escalated to {late['escalated_to']}, {late['overdue_business_days']} business days late; "
        f"reminder to {late['reminder_to']}; the decision is {late['decision_status']}."
    )
    window = " to ".join(measure["measure_window"])
    output.text(f"Measured from {window}, checked on {measure['recheck_on']}.")


def _check(step: dict[str, Any], output: Output) -> None:
    output.text(f"\nRe-check: {step['verdict']}.")
    if step.get("message"):
        output.text(f"{step['message']}. Evidence: {step['evidence_grade']}.")


def _percent(share: float | None, digits: int = 1) -> str:
    return "–" if share is None else f"{share * 100:.{digits}f} %"
