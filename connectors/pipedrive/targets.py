"""KPI targets out: goals where Pipedrive has one for the KPI, else activities.

A goal counts by itself, and it can only count deals and activities; a share or a cost is no count,
whatever the settings say. Every other target becomes an activity at its recheck date, whose note
holds the figures. Ids of goals have 24 hexadecimal digits, those of activities are numbers.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime
from typing import Any

from msgspec import Struct

from connectors.errors import Rejected
from connectors.markers import marked
from connectors.models import KpiTarget, TargetForm, Words
from connectors.pipedrive.notes import TARGET, from_note, key_in, to_note
from connectors.pipedrive.tasks import GET, WRITE, Made, made_since
from connectors.pipedrive.wire import Company
from connectors.target_text import planned, text_of, title, with_results

FIND, CREATE = 20, 10
GOAL_ID = 24
LONGEST_TITLE = 180
WORD = "retro-target"
# The one unit that a goal has.
COUNT = "count"
# What a goal counts without more than a person and a span of time: moves need a stage.
KINDS = ("deals_won", "deals_started", "activities_added", "activities_completed")
AS_GOAL = TargetForm(Words("goal", "objectif"))
AS_ACTIVITY = TargetForm(
    Words(
        "activity due on the day of the re-check", "activité à échéance du jour de la vérification"
    ),
    why=Words(
        "Pipedrive's goals count deals or activities as a whole, and goals maps none to this KPI",
        "Pipedrive n'a d'objectifs que sur l'ensemble des affaires et des activités, et goals "
        "n'en associe aucun à ce KPI",
    ),
)
FORMS = (AS_GOAL, AS_ACTIVITY)


class Expected(Struct, frozen=True):
    target: float | None = None


class Goal(Struct, frozen=True):
    id: str
    title: str | None = None
    expected_outcome: Expected = Expected()


class Goals(Struct, frozen=True):
    goals: list[Goal] | None = None


class GoalMade(Struct, frozen=True):
    goal: Goal


class Noted(Struct, frozen=True):
    note: str | None = None


class Dated(Struct, frozen=True):
    due_date: str | None = None


class Targets:
    """`goals` is our KPI → type of goal; `me` the account we write as."""

    def __init__(
        self,
        company: Company,
        goals: Mapping[str, str],
        kind: str,
        me: Callable[[], int],
    ) -> None:
        self._company = company
        self._goals = goals
        self._kind = kind
        self._me = me

    def create(self, target: KpiTarget) -> str:
        if self._is_goal(target):
            made = self._company.post("v1/goals", self._goal(target), GoalMade, CREATE)
            return made.goal.id
        body = {
            "subject": title(target),
            "type": self._kind,
            "owner_id": self._owner(target),
            "due_date": target.recheck_on.isoformat(),
            "done": False,
            "note": to_note(text_of(target), target.key, WORD),
        }
        return str(self._company.post("v2/activities", body, Made, WRITE).id)

    def find(self, key: str, since: datetime | None) -> list[str]:
        """A list of goals shows only our user's own and only active ones, unless it is asked for
        something else: so it is asked by type, twice."""
        found = [
            goal.id
            for name in dict.fromkeys(self._goals.values())
            for goal in self._goals_of(name)
            if (goal.title or "").endswith((_suffix(key), f" [{key}]"))
        ]
        rows = made_since(self._company, since, lambda row: key_in(row.note, TARGET) == key)
        return list(dict.fromkeys([*found, *(str(row.id) for row in rows)]))

    def check(self, remote_id: str, target: KpiTarget) -> None:
        if _is_goal_id(remote_id):
            name = self._goals.get(target.kpi)
            goals = self._goals_of(name) if name else ()
            held = {goal.id: goal.expected_outcome.target for goal in goals}
            if held.get(remote_id) == target.target:
                return
        else:
            note = self._company.get(f"v2/activities/{int(remote_id)}", Noted, GET).note or ""
            lines = (from_note(note) or "").splitlines()
            if all(line in lines for line in planned(target)):
                return
        raise Rejected(
            f"The KPI target {remote_id} in Pipedrive does not hold the planned value.",
            next_step="Set it to the planned value there, or delete it, then retry the write.",
        )

    def update(self, remote_id: str, target: KpiTarget) -> date | None:
        """A goal counts by itself, over its own days. The actual value of an activity is ours, and
        so is its end; all other words belong to people."""
        if _is_goal_id(remote_id):
            return None
        path = f"v2/activities/{int(remote_id)}"
        if target.moved_from is not None:
            return self._move(path, target)
        held = self._company.get(path, Noted, GET).note or ""
        text = with_results(from_note(TARGET.sub("", held)) or "", target)
        body: dict[str, Any] = {"note": to_note(text, target.key, WORD, held)}
        if target.outcome is not None:
            body["done"] = True
        self._company.patch(path, body, WRITE)
        return None

    def _move(self, path: str, target: KpiTarget) -> date | None:
        shown = self._company.get(path, Dated, GET).due_date
        held = date.fromisoformat(shown) if shown else None
        if held == target.moved_from:
            self._company.patch(path, {"due_date": target.recheck_on.isoformat()}, WRITE)
        return held

    def form(self, target: KpiTarget, remote_id: str | None) -> TargetForm:
        is_goal = self._is_goal(target) if remote_id is None else _is_goal_id(remote_id)
        return AS_GOAL if is_goal else AS_ACTIVITY

    def _is_goal(self, target: KpiTarget) -> bool:
        return target.kpi in self._goals and target.segment is None and target.unit == COUNT

    def _goal(self, target: KpiTarget) -> dict[str, Any]:
        suffix = _suffix(target.key)
        return {
            "title": target.title[: LONGEST_TITLE - len(suffix)] + suffix,
            "type": {"name": self._goals[target.kpi], "params": {"pipeline_id": None}},
            "assignee": {"id": self._owner(target), "type": "person"},
            "expected_outcome": {"target": target.target, "tracking_metric": "quantity"},
            "duration": {
                "start": target.starts_on.isoformat(),
                "end": target.recheck_on.isoformat(),
            },
            "interval": _interval(target),
        }

    def _goals_of(self, name: str) -> Iterator[Goal]:
        """Those that are active, then those that are over."""
        for active in ("true", "false"):
            params = {"type.name": name, "is_active": active}
            yield from self._company.get("v1/goals/find", Goals, FIND, params).goals or ()

    def _owner(self, target: KpiTarget) -> int:
        return int(target.owner) if target.owner else self._me()


def _suffix(key: str) -> str:
    """Goals from before keys were written so end in the key itself."""
    return f" [{marked(key)}]"


def _is_goal_id(remote_id: str) -> bool:
    return len(remote_id) == GOAL_ID


def _interval(target: KpiTarget) -> str:
    """The shortest one that holds the whole duration: its target is for one interval."""
    days = (target.recheck_on - target.starts_on).days + 1
    spans = ((7, "weekly"), (31, "monthly"), (92, "quarterly"))
    return next((name for longest, name in spans if days <= longest), "yearly")
