"""KPI targets out: as goals copied from one of the account's, or as tasks.

What a goal measures is set by fields whose least set is not documented, so new ones are copies of a
goal that people made (`goal_template`, one for each KPI that a goal measures). The target of any
other KPI, and of a segment, which a copy would not know, is a task that is due on the day of the
re-check: people see it, with its figures.
"""

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from connectors.errors import NotFound, NotPermitted, Rejected
from connectors.figures import plain
from connectors.hubspot.keys import from_html
from connectors.hubspot.mapping import moment
from connectors.hubspot.reading import END, ids_of, in_order, moved
from connectors.hubspot.rows import Values
from connectors.hubspot.tasks import BODY, DONE, DUE, STATUS, TARGET_KEY, Tasks, moment_text
from connectors.hubspot.wire import LIST_PAGE, Envelope, Hub
from connectors.models import KpiTarget, TargetForm, Words
from connectors.target_text import planned, text_of, title, with_results

GOALS = "goal_targets"
TASK, GOAL = "task:", "goal:"
FAMILY, GROUP = "hs_group_correlation_uuid", "hs_goal_target_group_id"
AMOUNT, START, END_AT = "hs_target_amount", "hs_start_datetime", "hs_end_datetime"
# What is measured, and how: as in the goal that is copied.
COPIED = (
    *("hs_goal_type", "hs_milestone", "hs_pipeline_ids", "hs_assignee_team_id"),
    *("hs_kpi_unit_type", "hs_kpi_metric_type", "hs_kpi_object_type_id"),
    *("hs_kpi_property_name", "hs_template_id"),
)
AS_GOAL = TargetForm(Words("goal", "objectif"))
AS_TASK = TargetForm(
    Words("task due on the day of the re-check", "tâche à échéance du jour de la vérification"),
    why=Words(
        "goal_template names no goal to copy for it",
        "goal_template n'indique aucun objectif à copier pour elle",
    ),
)
FORMS = (AS_GOAL, AS_TASK)
OURS = uuid.UUID("6a0c8f0e-6f0b-4c2b-9a53-6f1f4f7f2a10")
LAST_INSTANT = time(23, 59, 59, 999000)


class Goal(Struct, frozen=True):
    id: str
    properties: Values


class GoalsAnswer(Struct, frozen=True):
    results: list[Goal]


class Targets:
    """`goals` is KPI → id of the goal that measures it."""

    def __init__(self, hub: Hub, tasks: Tasks, goals: Mapping[str, str]) -> None:
        self._hub = hub
        self._tasks = tasks
        self._ids = goals
        self._templates: dict[str, Values] = {}

    def prepare(self) -> None:
        """Raises NotPermitted when a goal to copy is not there, or goals are not allowed."""
        for kpi, id_ in self._ids.items():
            if kpi not in self._templates:
                self._templates[kpi] = self._template(kpi, id_)

    def _template(self, kpi: str, id_: str) -> Values:
        path = self._hub.objects(GOALS, id_)
        try:
            answer = self._hub.api.get(path, {"properties": list(COPIED)})
        except NotFound as error:
            raise NotPermitted(
                f"The goal {id_} that targets of {kpi} are copied from is not there.",
                next_step=f"Set goal_template.{kpi} to the id of a goal target of the account, or "
                "leave it out: then its targets are tasks.",
            ) from error
        return answer.decode(Goal).properties

    def create(self, target: KpiTarget) -> str:
        self.prepare()
        template = None if target.segment else self._templates.get(target.kpi)
        if template is None:
            owner = {} if target.owner is None else {"hubspot_owner_id": target.owner}
            due = {DUE: moment_text(_at(target.recheck_on, time(17, 0)))}
            made = self._tasks.make(_key(target.key), {**self._words(target), **owner, **due})
            return f"{TASK}{made}"
        return self._create_goal(target, template)

    def find(self, key: str) -> list[str]:
        found = [f"{TASK}{one}" for one in self._tasks.find([_key(key)])[_key(key)]]
        if not self._ids:
            return found
        family = _family(key)
        goals = (goal for goal in self._goals() if goal.properties.get(FAMILY) == family)
        return found + [f"{GOAL}{goal.id}" for goal in goals]

    def check(self, remote_id: str, target: KpiTarget) -> None:
        """People may rename it, hand it over or move its date; the figures must be as planned."""
        if remote_id.startswith(GOAL):
            path = self._hub.objects(GOALS, remote_id.removeprefix(GOAL))
            held = self._hub.api.get(path, {"properties": [AMOUNT]}).decode(Goal).properties
            amount = held.get(AMOUNT)
            same = bool(amount) and Decimal(amount or "0") == Decimal(plain(target.target))
        else:
            number = remote_id.removeprefix(TASK)
            body = self._tasks.values(number, [BODY]).get(BODY)
            lines = from_html(body)[0].splitlines()
            same = all(line in lines for line in planned(target))
        if not same:
            raise Rejected(
                f"The KPI target {remote_id} in HubSpot does not hold the planned figures.",
                next_step="Set it to the planned figures or delete it, then retry the write.",
            )

    def update(self, remote_id: str, target: KpiTarget) -> date | None:
        """The actual value, and that it is over; all other words belong to people. A goal measures
        itself, over its own days, and closes itself."""
        if remote_id.startswith(GOAL):
            return None
        number = remote_id.removeprefix(TASK)
        if target.moved_from is not None:
            return self._move(number, target.moved_from, target.recheck_on)
        held = self._tasks.values(number, [BODY]).get(BODY)
        text, key = with_results(from_html(held)[0], target), _key(target.key)
        words = {BODY: self._tasks.body(text, key, held), **self._tasks.key_field(key)}
        ended = {} if target.outcome is None else {STATUS: DONE}
        self._tasks.write(number, {**words, **ended})
        return None

    def _move(self, number: str, before: date, after: date) -> date | None:
        """The hour stays: people may have set another one."""
        due = moment(self._tasks.values(number, [DUE]).get(DUE))
        if due is not None and due.date() == before:
            self._tasks.write(number, {DUE: moment_text(due + (after - before))})
        return due and due.date()

    def form(self, target: KpiTarget, remote_id: str | None) -> TargetForm:
        if remote_id is not None:
            return AS_GOAL if remote_id.startswith(GOAL) else AS_TASK
        return AS_GOAL if target.kpi in self._ids and not target.segment else AS_TASK

    def _words(self, target: KpiTarget) -> Mapping[str, Any]:
        return {
            "hs_task_subject": title(target),
            BODY: self._tasks.body(text_of(target), _key(target.key)),
        }

    def _create_goal(self, target: KpiTarget, template: Values) -> str:
        """One family of one slice, in the one call that makes a family."""
        family = _family(target.key)
        owner = {} if target.owner is None else {"hubspot_owner_id": target.owner}
        properties = {
            **{name: value for name in COPIED if (value := template.get(name))},
            **owner,
            "hs_goal_name": target.title,
            AMOUNT: plain(target.target),
            START: moment_text(_at(target.starts_on, time())),
            END_AT: moment_text(_at(target.recheck_on - timedelta(days=1), LAST_INSTANT)),
            FAMILY: family,
            GROUP: str(uuid.uuid5(OURS, family)),
        }
        answer = self._hub.api.post(
            self._hub.objects(GOALS, "batch", "create"),
            {"inputs": [{"properties": properties, "associations": []}]},
        )
        made = answer.decode(GoalsAnswer).results
        if not made:
            raise Rejected("HubSpot did not make the goal of a KPI target.")
        return f"{GOAL}{made[0].id}"

    def _goals(self) -> Iterator[Goal]:
        """The listing, not the search: a goal of a moment ago is in it."""
        after, last = "", 0
        while after != END:
            answer = self._hub.api.get(
                self._hub.objects(GOALS),
                {"limit": LIST_PAGE, "after": after or None, "properties": [FAMILY]},
            )
            envelope = answer.decode(Envelope)
            last = in_order(ids_of(envelope.results), last, GOALS)
            yield from msgspec.json.decode(envelope.results, type=list[Goal])
            after = moved(envelope.after, after, GOALS)


def _key(key: str) -> str:
    return f"{TARGET_KEY}{key}"


def _family(key: str) -> str:
    """The same for the same key: what was sent and lost is found by it."""
    return str(uuid.uuid5(OURS, key))


def _at(day: date, at: time) -> datetime:
    return datetime.combine(day, at, UTC)
