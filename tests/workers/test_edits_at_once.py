"""Two people change one action at once: what each of them wrote is kept (G6)."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path

import pytest
from sqlmodel import Session

from sync.store.database import Database
from sync.tables.retros import Action
from tests.faults.push_case import DESIGNER
from tests.postgres import Postgres
from tests.sync.test_many_workers import PATIENCE, waits_or_is_done
from tests.waiting import eventually
from tests.workers.two_way import two_way
from workers.actions import Edit, edit_action

# Planned here; its task has still to be made.
UNTIED = "D-email-ctr:later"


class Met(Database):
    """`meet` is called when a unit of work has done its part and is about to commit it."""

    def __init__(self, url: str, meet: Callable[[], None]) -> None:
        super().__init__(url)
        self._meet = meet

    def commit(self, session: Session) -> None:
        session.flush()
        self._meet()
        super().commit(session)


@pytest.mark.promise("G6")
def test_two_edits_at_once_of_an_action_without_a_task_are_both_kept(
    home: Path, postgres_server: Postgres
) -> None:
    """On PostgreSQL, where two of them can be under way."""
    with ExitStack() as stack:
        lent = stack.enter_context(postgres_server.lent_database())
        sides = stack.enter_context(two_way(home, RETRO_DATABASE_URL=lent.url))
        like = sides.action(DESIGNER)
        with sides.app.database.writing() as session:
            session.add(Action(**{**like.model_dump(), "key": UNTIED}))
        sides.pass_time()
        others: list[Future[Action]] = []

        def meet() -> None:
            others.append(pool.submit(edit_action, sides.app, UNTIED, Edit(description="Le leur")))
            eventually(lambda: waits_or_is_done(lent, others[0]), within=PATIENCE)

        with ThreadPoolExecutor(1) as pool:
            slow = stack.enter_context(closing(Met(lent.url, meet)))
            edit_action(replace(sides.app, database=slow), UNTIED, Edit(title="Le sien"))
            others[0].result(PATIENCE)
        action = sides.action(UNTIED)
        assert (action.title, action.description) == ("Le sien", "Le leur")
        # When each was changed tells which side's change is the later one.
        assert {*(action.edited or {})} == {"title", "description"}
