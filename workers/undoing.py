"""Takes back a push, as far as nobody has changed its records since."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from sync.store import by_hand, outbox, past_runs, undone
from sync.store.database import again_after_conflict
from sync.store.outbox import Intention
from sync.tables.outbox import Operation, Outbox, OutboxState
from sync.tables.runs import ACTIVE_STATUSES, PUSH
from sync.undoing import Left, plan_undo, withhold_edits
from workers.app import App
from workers.errors import CannotRun, NotThere
from workers.pulling import OnWait, push_now

NOT_SENT = "it was not taken back yet: the push that does it has not ended"
AGAIN = "run {run} wrote to its task since; take that back first: retro undo {run}"


@dataclass(frozen=True)
class Undone:
    """`keys` are the writes that were taken back, `creates` those of them that made a task. Of what
    is `left`, the `refused` ones are tried anew when somebody asks again."""

    run_id: int
    keys: Sequence[str]
    creates: Sequence[str]
    left: Sequence[Left]
    refused: Sequence[str]

    @property
    def document(self) -> dict[str, Any]:
        left = [asdict(each) for each in self.left]
        return {"run": self.run_id, "undone": list(self.keys), "left": left}


def undo_now(app: App, run_id: int, on_wait: OnWait = lambda _run: None) -> Undone:
    """Doing it again tries anew what was refused, since somebody may have settled it; what was
    taken back stays so. Raises NotThere, CannotRun when the run is no push."""
    wanted, left, place, unsent = again_after_conflict(partial(_plan, app, run_id))
    if wanted and unsent:
        push_now(app, place, on_wait)
    with app.database.reading() as session:
        rows = [session.get_one(Outbox, each.key) for each in wanted]
    done = [row for row in rows if row.state is OutboxState.DONE]
    taken = [row.payload["of"] for row in done]
    creates = [row.payload["of"] for row in done if row.operation is Operation.DELETE_TASK]
    left += [_left(row) for row in rows if row.state is not OutboxState.DONE]
    refused = [row.payload["of"] for row in rows if row.state in outbox.FAILED]
    return Undone(run_id, taken, creates, left, refused)


def _plan(app: App, run_id: int) -> tuple[Sequence[Intention], list[Left], int, bool]:
    """What takes it back is in the outbox then; what is left, of which connection, and whether
    anything is to be sent."""
    with app.database.writing() as session:
        run = past_runs.find_run(session, run_id)
        if run is None:
            raise NotThere(f"There is no run {run_id}.")
        if run.stream != PUSH:
            raise CannotRun(f"Run {run_id} is a pull: only a push can be taken back.")
        if run.status in ACTIVE_STATUSES:
            raise CannotRun(f"Run {run_id} has not ended yet.")
        writes = undone.done_in(session, run_id)
        again = {row.key: undone.written_again(session, row) for row in writes}
        wanted, left = plan_undo([row for row in writes if again[row.key] is None], run_id)
        left += [Left(key, AGAIN.format(run=run)) for key, run in again.items() if run is not None]
        withhold_edits(session, wanted)
        outbox.intend(session, wanted, app.database.now())
        for each in wanted:
            by_hand.retry(session, each.key)
        return wanted, left, run.connection_id, outbox.has_unsent(session, run.connection_id)


def _left(row: Outbox) -> Left:
    return Left(row.payload["of"], row.error["message"] if row.error else NOT_SENT)
