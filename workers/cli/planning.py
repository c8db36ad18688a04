"""retro plan, apply."""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click

from connectors.models import TargetForm
from rules.condition_text import facts_in_words
from rules.figure_words import percent
from rules.language import Language, day
from rules.plan_json import plan_json
from sync.store import audit, connections, elsewhere
from sync.tables.outbox import Operation
from workers.app import App
from workers.cli import words
from workers.cli.context import json_option, opened
from workers.cli.output import Output, Status
from workers.doorbell import ring_for_pushes
from workers.hand import this_hand
from workers.planning import Planned, apply_plan, plan_decisions
from workers.rehearsing import calls_of
from workers.target_forms import form_json, forms_of, in_words

# More writes than this at once are asked about first.
BLAST_LIMIT = 50


@dataclass(frozen=True)
class Shown:
    """A plan, with the calls it takes by connection, and what its targets become by their key;
    `unread` are the connections of which no tasks were ever read."""

    planned: Planned
    calls: Mapping[str, int]
    forms: Mapping[str, TargetForm | None]
    unread: Sequence[str]

    def document(self) -> dict[str, Any]:
        return plan_json(
            self.planned.plan,
            connection=self.planned.connection.name,
            api_calls=self.calls,
            becomes={key: form_json(form) for key, form in self.forms.items()},
        )


@click.command("plan")
@click.option("--connection", "name", help="Where tasks go, when several connections take them.")
@json_option
def plan_command(name: str | None, as_json: bool) -> Status:
    """What the rules would create, where, and because of what. Writes nothing."""
    output = Output(as_json)
    with opened() as app:
        language = app.settings.lang
        planned = plan_decisions(app, name)
        shown = _shown(app, planned)
    _show(output, shown, language)
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
        shown = _shown(app, planned)
        writes = len(planned.intentions)
        if writes > BLAST_LIMIT and not yes:
            waits = (
                f"This would write {writes} times into {planned.connection.name}, more than "
                f"{BLAST_LIMIT} at once; look at it with retro plan, then: retro apply --yes"
            )
            sys.stderr.write(f"retro: {waits}\n")
            if as_json:
                output.document({**shown.document(), "applied": False, "waits": waits})
            return Status.WAITS_FOR_A_PERSON
        with app.database.writing() as session:
            new = apply_plan(session, planned, app.clock.now())
            after = {"writes": new, "keys": [each.key for each in planned.intentions]}
            audit.note(session, this_hand(), "apply", planned.connection.name, after=after)
        ring_for_pushes(app)
        language = app.settings.lang
    if as_json:
        output.document({**shown.document(), "applied": True})
    else:
        _show(output, shown, language)
    return Status.WAITS_FOR_A_PERSON if planned.plan.refused else Status.DONE


def _shown(app: App, planned: Planned) -> Shown:
    makes = {
        each.connection_id for each in planned.intentions if each.operation is Operation.CREATE_TASK
    }
    with app.database.reading() as session:
        places = connections.all_connections(session)
        unread = [
            row.name for row in places if row.id in makes and elsewhere.never_read(session, row.id)
        ]
    return Shown(planned, calls_of(app, planned), forms_of(app, planned), unread)


def _show(output: Output, shown: Shown, language: Language) -> None:
    if output.json:
        output.document(shown.document())
        return
    planned = shown.planned
    names = {rule.id: rule.name for rule in planned.rules}
    for action in planned.plan.actions:
        head = f"{words.TASK[language]:<7} {action.owner:<8}"
        output.text(f"{head} {day(action.due_at.date(), language)}  {action.title}")
        for because in action.because:
            facts = facts_in_words(because.facts, language)
            told = {"id": because.rule, "name": names[because.rule], "facts": facts}
            output.text(f"        {words.RULE[language].format(**told)}")
    for planned_target in planned.plan.targets:
        target = planned_target.target
        output.text(
            f"{words.TARGET[language]:<7} {target.baseline.kpi}: "
            f"{percent(target.baseline.sample.value, language, digits=2)} → "
            f"{percent(target.target_value, language, digits=2)}, "
            f"{words.CHECKED_ON[language].format(day=day(planned_target.recheck_on, language))}"
        )
        if form := shown.forms.get(planned_target.key):
            place = planned.places.of(planned_target.decision) or planned.connection
            told = {"place": place.name, "form": in_words(form, language)}
            output.text(f"        {words.IN[language].format(**told)}")
    for refusal in planned.plan.refused:
        output.text(f"{words.REFUSED[language]:<7} {refusal.about}: {refusal.reason}")
    for name in shown.unread:
        output.text(words.UNREAD[language].format(place=name))
    for connection, count in shown.calls.items():
        output.text(words.api_calls(count, connection, language))
    if not (planned.plan.actions or planned.plan.targets or planned.plan.refused):
        output.text(words.NOTHING_TO_PLAN[language])
