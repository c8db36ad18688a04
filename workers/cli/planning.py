"""retro plan, apply."""

import sys
from typing import Any

import click

from rules.plan_json import plan_json
from sync.store import audit
from workers.cli.context import json_option, opened
from workers.cli.output import Output, Status
from workers.doorbell import ring_for_pushes
from workers.hand import this_hand
from workers.planning import Planned, apply_plan, plan_decisions

# More writes than this at once are asked about first.
BLAST_LIMIT = 50


@click.command("plan")
@click.option("--connection", "name", help="Where tasks go, when several connections take them.")
@json_option
def plan_command(name: str | None, as_json: bool) -> Status:
    """What the rules would create, where, and because of what. Writes nothing."""
    output = Output(as_json)
    with opened() as app:
        planned = plan_decisions(app, name)
    _show(output, planned)
    return Status.WAITS_FOR_A_PERSON if planned.plan.refused else Status.DONE


@click.command("apply")
@click.option("--connection", "name", help="Where tasks go, when several connections take them.")
@click.option("--yes", is_flag=True, help="Do not ask, however many writes there are.")
@json_option
def apply_command(name: str | None, yes: bool, as_json: bool) -> Status:
    """Write the plan to the outbox, from where it is pushed."""
    output = Output(as_json)
    with opened() as app:
        planned = plan_decisions(app, name)
        writes = len(planned.intentions)
        if writes > BLAST_LIMIT and not yes:
            waits = (
                f"This would write {writes} times into {planned.connection.name}, more than "
                f"{BLAST_LIMIT} at once; look at it with retro plan, then: retro apply --yes"
            )
            sys.stderr.write(f"retro: {waits}\n")
            if as_json:
                output.document({**_document(planned), "applied": False, "waits": waits})
            return Status.WAITS_FOR_A_PERSON
        with app.database.writing() as session:
            new = apply_plan(session, planned, app.clock.now())
            after = {"writes": new, "keys": [each.key for each in planned.intentions]}
            audit.note(session, this_hand(), "apply", planned.connection.name, after=after)
        ring_for_pushes(app)
    if as_json:
        output.document({**_document(planned), "applied": True})
    else:
        _show(output, planned)
    return Status.WAITS_FOR_A_PERSON if planned.plan.refused else Status.DONE


def _document(planned: Planned) -> dict[str, Any]:
    return plan_json(planned.plan, connection=planned.connection.name, api_calls=planned.api_calls)


def _show(output: Output, planned: Planned) -> None:
    if output.json:
        output.document(_document(planned))
        return
    for action in planned.plan.actions:
        output.text(f"task    {action.owner:<8} {action.due_at:%Y-%m-%d}  {action.title}")
        for because in action.because:
            output.text(f"        because of rule {because.rule}: {dict(because.facts)}")
    for planned_target in planned.plan.targets:
        target = planned_target.target
        output.text(
            f"target  {target.baseline.kpi}: {target.baseline.sample.value:.4f} → "
            f"{target.target_value:.4f}, checked on {planned_target.recheck_on}"
        )
    for refusal in planned.plan.refused:
        output.text(f"refused {refusal.about}: {refusal.reason}")
    for connection, calls in planned.api_calls.items():
        output.text(f"about {calls} calls to {connection}")
    if not (planned.plan.actions or planned.plan.targets or planned.plan.refused):
        output.text("Nothing is waiting to be planned.")
