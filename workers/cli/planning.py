"""retro plan, apply."""

import sys
from collections.abc import Mapping
from typing import Any

import click

from rules.condition_text import facts_in_words
from rules.figure_words import percent
from rules.language import Language
from rules.plan_json import plan_json
from sync.store import audit
from workers.cli.context import json_option, opened
from workers.cli.output import Output, Status
from workers.doorbell import ring_for_pushes
from workers.hand import this_hand
from workers.planning import Planned, apply_plan, plan_decisions
from workers.rehearsing import calls_of

# More writes than this at once are asked about first.
BLAST_LIMIT = 50


@click.command("plan")
@click.option("--connection", "name", help="Where tasks go, when several connections take them.")
@json_option
def plan_command(name: str | None, as_json: bool) -> Status:
    """What the rules would create, where, and because of what. Writes nothing."""
    output = Output(as_json)
    with opened() as app:
        language = app.settings.lang
        planned = plan_decisions(app, name)
        calls = calls_of(app, planned)
    _show(output, planned, calls, language)
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
        calls = calls_of(app, planned)
        writes = len(planned.intentions)
        if writes > BLAST_LIMIT and not yes:
            waits = (
                f"This would write {writes} times into {planned.connection.name}, more than "
                f"{BLAST_LIMIT} at once; look at it with retro plan, then: retro apply --yes"
            )
            sys.stderr.write(f"retro: {waits}\n")
            if as_json:
                output.document({**_document(planned, calls), "applied": False, "waits": waits})
            return Status.WAITS_FOR_A_PERSON
        with app.database.writing() as session:
            new = apply_plan(session, planned, app.clock.now())
            after = {"writes": new, "keys": [each.key for each in planned.intentions]}
            audit.note(session, this_hand(), "apply", planned.connection.name, after=after)
        ring_for_pushes(app)
        language = app.settings.lang
    if as_json:
        output.document({**_document(planned, calls), "applied": True})
    else:
        _show(output, planned, calls, language)
    return Status.WAITS_FOR_A_PERSON if planned.plan.refused else Status.DONE


def _document(planned: Planned, calls: Mapping[str, int]) -> dict[str, Any]:
    return plan_json(planned.plan, connection=planned.connection.name, api_calls=calls)


def _show(output: Output, planned: Planned, calls: Mapping[str, int], language: Language) -> None:
    if output.json:
        output.document(_document(planned, calls))
        return
    names = {rule.id: rule.name for rule in planned.rules}
    for action in planned.plan.actions:
        output.text(f"task    {action.owner:<8} {action.due_at:%Y-%m-%d}  {action.title}")
        for because in action.because:
            facts = facts_in_words(because.facts, language)
            output.text(f"        rule {because.rule} ({names[because.rule]}) because {facts}")
    for planned_target in planned.plan.targets:
        target = planned_target.target
        output.text(
            f"target  {target.baseline.kpi}: "
            f"{percent(target.baseline.sample.value, language, digits=2)} → "
            f"{percent(target.target_value, language, digits=2)}, "
            f"checked on {planned_target.recheck_on}"
        )
    for refusal in planned.plan.refused:
        output.text(f"refused {refusal.about}: {refusal.reason}")
    for connection, count in calls.items():
        output.text(f"{count} API calls to {connection}")
    if not (planned.plan.actions or planned.plan.targets or planned.plan.refused):
        output.text("Nothing is waiting to be planned.")
