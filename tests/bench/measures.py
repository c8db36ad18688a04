"""How each figure is measured. What is made ready first is not part of it.

What only one of them needs is imported there: the others would have it in their peak of memory.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta

import msgspec

from connectors.budget import Budget
from connectors.models import Stream, Task
from sync.store import connections, mirror, outbox
from sync.store.outbox import Intention
from sync.tables.outbox import Operation
from sync.tables.runs import Run
from tests.bench.measuring import NAME, Row, figures, installed, measured
from tests.bench.plan import BURST, FASTER, PAGES, RATES, Described, Sizes
from workers.app import App
from workers.clock import machine_now
from workers.limits import MemoryLimiter, MemoryLimiters
from workers.pulling import pull_now, push_now

Measure = Callable[[Described, Sizes], Row]


def pull(described: Described, _sizes: Sizes) -> Row:
    """A first pull of the deals into SQLite."""
    with installed(described) as own:
        return measured(own.portal, lambda: _deals(own.app))


def pull_postgresql(described: Described, _sizes: Sizes) -> Row:
    from tests.postgres import postgres

    with (
        postgres() as server,
        closing(server.new_database()) as database,
        installed(described, RETRO_DATABASE_URL=database.url) as own,
    ):
        return measured(own.portal, lambda: _deals(own.app))


def ceiling(described: Described, _sizes: Sizes) -> Row:
    from tests.bench.ceiling import answers, decode_and_save, empty_mirror

    with installed(described) as own:
        kept = answers(own.app)
        target, feed, run_id = empty_mirror(own.home)
        with closing(target):
            wall, cpu = time.perf_counter(), time.process_time()
            count = decode_and_save(kept, target, feed, run_id)
            seconds, cpu_seconds = time.perf_counter() - wall, time.process_time() - cpu
    return {"requests": 0, "refused": 0, **figures(count, seconds, cpu_seconds)}


def changes(described: Described, sizes: Sizes) -> Row:
    """A hundredth of the deals was edited since they were pulled."""
    with installed(described) as own:
        _deals(own.app)
        with own.app.database.reading() as session:
            found = mirror.iterate_rows(session, Stream.DEALS, limit=max(1, sizes.records // 100))
            titles = {row.id: row.title for row in found}
        for id_, title in titles.items():
            own.portal.edit("deals", id_, {"title": f"{title} (edited)"})
        return measured(own.portal, lambda: _deals(own.app))


def no_change(described: Described, _sizes: Sizes) -> Row:
    """All streams, some time after they were pulled. Seconds count from the start of the run."""
    with installed(described) as own:
        pull_now(own.app, NAME)
        return measured(own.portal, lambda: pull_now(own.app, NAME))


def push(described: Described, sizes: Sizes) -> Row:
    """New tasks at the published limit, in a time that goes faster for both sides. Records are the
    tasks, and what their push needs of the portal first is counted too."""
    with installed(described) as own:
        app = replace(own.app, limits=FastLimiters(FASTER))
        connection_id = intend_tasks(app, sizes.tasks)
        row = measured(own.portal, lambda: [push_now(app, connection_id)])
        with app.database.reading() as session:
            if outbox.has_unsent(session, connection_id):
                raise RuntimeError("Some tasks were not pushed.")
    return {**row, "records": sizes.tasks, "per_second": sizes.tasks / row["seconds"]}


class FastLimiters(MemoryLimiters):
    """Buckets that drain so many times faster, like those of `tests.bench.fast`."""

    def __init__(self, faster: float) -> None:
        super().__init__()
        self._faster = faster

    def limiter(self, budget: Budget) -> MemoryLimiter:
        return super().limiter(replace(budget, rate=budget.rate * self._faster))


def limited(described: Described, _sizes: Sizes) -> Row:
    """A first pull at the published limit, once the requests of connecting have drained. `share` is
    how much of the limit it used while the limit held it: the records that came from the first page
    to the last, of those that full pages at the published rate bring in that time.

    Bitrix24 takes 50 requests at once before its rate counts; so there it is from when as many full
    pages have come. HubSpot and Pipedrive count in windows of 10 and 2 seconds, which a steady pace
    fills. Salesforce counts the requests of a day alone, and what it can bring in a day is so many
    full pages: its share is that of the requests used, whatever the time. There the client is bound
    by its own speed.
    """
    kind, pages = described["kind"], list[tuple[float, int]]()
    with installed(described) as own:
        asked, _ = own.portal.counted()
        if kind in RATES:
            time.sleep(asked / RATES[kind])
        begun = time.perf_counter()

        def note(read: int) -> None:
            pages.append((time.perf_counter() - begun, read))

        row = measured(own.portal, lambda: _deals(own.app, note))
    return {**row, "share": share(kind, row, pages)}


def share(kind: str, row: Row, pages: Sequence[tuple[float, int]]) -> float | None:
    """None where the burst alone brought it all. `pages` are moments and the records until then."""
    page = PAGES[kind]
    if kind not in RATES:
        return float(row["records"] / (row["requests"] * page))
    at_once = BURST * page if kind == "bitrix24" else 0
    bound = [one for one in pages if one[1] >= at_once]
    if len(bound) < 2:
        return None
    seconds, records = (last - first for first, last in zip(bound[0], bound[-1], strict=True))
    return float(records / (seconds * RATES[kind] * page))


def _deals(app: App, on_page: Callable[[int], None] = lambda _read: None) -> Sequence[Run]:
    return pull_now(app, NAME, [Stream.DEALS], on_page=on_page)


def intend_tasks(app: App, count: int) -> int:
    with app.database.writing() as session:
        row = connections.connection_named(session, NAME)
        assert row.id is not None
        outbox.intend(session, [_task(row.id, number) for number in range(count)], machine_now())
        return row.id


def _task(connection_id: int, number: int) -> Intention:
    key = f"bench:{number}"
    task = Task(
        key=key,
        title=f"Task {number}",
        description="One of many.",
        owner="1",
        due_at=machine_now() + timedelta(days=7),
    )
    payload = msgspec.to_builtins(task)
    return Intention(f"task:{key}", connection_id, Operation.CREATE_TASK, key, payload, [])


MEASURES: Mapping[str, Measure] = {
    "ceiling": ceiling,
    "pull bitrix24": pull,
    "pull postgresql": pull_postgresql,
    "pull 50 ms": pull,
    "pull hubspot": pull,
    "pull pipedrive": pull,
    "pull salesforce": pull,
    "changes": changes,
    "no change": no_change,
    "push": push,
    "limit bitrix24": limited,
    "limit hubspot": limited,
    "limit pipedrive": limited,
    "limit salesforce": limited,
}
