"""KPI targets out, as tasks: Tryton has no object for them.

A target is a task that is due on the day of the re-check: people see it, with its figures.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time

from connectors.errors import Rejected
from connectors.models import KpiTarget, TargetForm, Words
from connectors.target_text import planned, text_of, title, with_results
from connectors.tryton.mapping import marked, parted
from connectors.tryton.rows import WorkRow
from connectors.tryton.tasks import DUE, Tasks
from connectors.tryton.wire import moment

MARK = "[retro-roi-target:"
EVENING = time(17, 0)
FORMS = (
    TargetForm(
        Words("task due on the day of the re-check", "tâche à échéance du jour de la vérification"),
        why=Words(
            "Tryton has no object for KPI targets", "Tryton n'a pas d'objet pour les cibles KPI"
        ),
    ),
)


class Targets:
    def __init__(self, tasks: Tasks) -> None:
        self._tasks = tasks

    def create(self, target: KpiTarget) -> str:
        due_at = datetime.combine(target.recheck_on, EVENING, UTC)
        text = marked(text_of(target), target.key, MARK)
        return self._tasks.make(title(target), text, target.owner, due_at, self._tasks.parent)

    def find(self, key: str) -> Sequence[str]:
        return self._tasks.find([key], MARK)[key]

    def check(self, remote_id: str, target: KpiTarget) -> None:
        """People may rename it, hand it over or move its date; the figures must be as planned."""
        lines = parted(self._tasks.row(remote_id).comment, MARK)[0].splitlines()
        if any(line not in lines for line in planned(target)):
            raise Rejected(
                f"The KPI target {remote_id} in Tryton does not hold the planned figures.",
                next_step="Set it to the planned figures or delete it, then retry the write.",
            )

    def update(self, remote_id: str, target: KpiTarget) -> date | None:
        """The actual value, and that it is over; all other words belong to people."""
        row = self._tasks.row(remote_id)
        if target.moved_from is not None:
            return self._move(row, target.moved_from, target.recheck_on)
        held = parted(row.comment, MARK)[0]
        text = marked(with_results(held, target), target.key, MARK)
        self._tasks.write(remote_id, {"comment": text})
        if target.outcome is not None:
            self._tasks.complete(remote_id)
        return None

    def _move(self, row: WorkRow, before: date, after: date) -> date | None:
        """The hour stays: people may have set another one."""
        due = row.constraint_finish_time.utc() if row.constraint_finish_time else None
        if due is not None and due.date() == before:
            self._tasks.write(str(row.id), {DUE: moment(due + (after - before))})
        return due and due.date()

    def form(self, _target: KpiTarget, _remote_id: str | None) -> TargetForm:
        return FORMS[0]
