"""A pull while a large push uses all of its account's limit, on a portal that has that limit."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from sync.store import outbox
from sync.tables.runs import RunStatus
from tests.bench.measures import FastLimiters, intend_tasks
from tests.bench.measuring import NAME, installed
from tests.bench.plan import Sizes, Wanted
from tests.bench.portals import served
from workers.pulling import pull_now, push_now

FASTER = 15.0
TASKS = 300


@pytest.mark.promise("G8")
def test_a_pull_ends_long_before_a_large_push_that_began_earlier() -> None:
    with (
        served(Wanted("bitrix24", lambda _: 100, faster=FASTER), Sizes()) as described,
        installed(described) as own,
    ):
        app = replace(own.app, limits=FastLimiters(FASTER))
        connection_id = intend_tasks(app, TASKS)

        def unsent() -> int:
            with app.database.reading() as session:
                rows = outbox.outbox_rows(session, connection_id)
                return sum(row.remote_id is None for row in rows)

        with ThreadPoolExecutor(1) as other:
            pushing = other.submit(push_now, app, connection_id)
            while unsent() > TASKS - 100:
                assert not pushing.done()
            runs = pull_now(app, NAME)
            left = unsent()
            pushed = pushing.result()
        assert {run.status for run in (*runs, pushed)} == {RunStatus.SUCCEEDED}
        assert left > TASKS / 4
        _, refused = own.portal.counted()
        assert refused == 0
