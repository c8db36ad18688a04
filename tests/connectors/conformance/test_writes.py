"""Tasks out: each once, whatever becomes of the answers, and none comes back as a change."""

import re
from collections.abc import Collection, Iterator
from typing import Any

import httpx

from connectors.models import Stream
from sync.tables.runs import RunStatus
from tests.connectors.conformance.bench import GOOD, Bench
from tests.connectors.conformance.case import Json
from tests.connectors.conformance.plans import (
    TITLE,
    action,
    plan,
    push,
    remote_id,
    states,
    tasks_of,
)
from tests.connectors.conformance.rows import WRITING, row
from tests.connectors.conformance.tampering import Forward, read, rewriting

ONE, TWO, THREE = "D-1:designer", "D-1:copywriter", "D-1:marketer"
ROUNDS = 5
# More than any tool takes to make one task.
MOST_REQUESTS = 12
# Of an id or a key in a path.
NUMBER = re.compile(r"\d+|before|after")


@row("lost-answer", WRITING, "A create whose answer is lost after its effect makes no second task.")
def test_a_lost_answer_makes_no_second_task(bench: Bench) -> None:
    plan(bench, ONE)
    lost = []

    def tamper(request: httpx.Request, forward: Forward) -> httpx.Response:
        before = len(every_task(bench))
        response = read(forward(request))
        if not lost and len(every_task(bench)) > before:
            lost.append(request)
            raise httpx.ReadTimeout("nothing came back", request=request)
        return response

    bench.tamper(tamper)
    assert push(bench).status is RunStatus.SUCCEEDED
    assert lost, "nothing was created"
    assert [task["id"] for task in tasks_of(bench, ONE)] == [remote_id(bench, ONE)]
    assert len(every_task(bench)) == 1


@row(
    "lost-request",
    WRITING,
    "Each write of a push, lost before it reaches the tool or after its effect, is made once.",
)
def test_each_request_that_is_lost_is_made_once(bench: Bench) -> None:
    for reaches in (False, True):
        lost = list(lost_in_turn(bench, reaches))
        assert any(each.was_create for each in lost), "no create was among what was lost"


def lost_in_turn(bench: Bench, reaches: bool) -> Iterator["Losing"]:
    """A push for each kind of request but reads by GET; a push loses the first that none before it
    has lost."""
    known: set[str] = set()
    for number in range(MOST_REQUESTS):
        key = f"D-1:{'after' if reaches else 'before'}-{number}"
        plan(bench, key)
        losing = Losing(bench, known, reaches)
        bench.tamper(losing)
        assert push(bench).status is RunStatus.SUCCEEDED, key
        assert [task["id"] for task in tasks_of(bench, key)] == [remote_id(bench, key)]
        if losing.lost is None:
            # Also what bears no key: each push made one task.
            made = [row for row in every_task(bench) if row.get("title") == TITLE]
            assert len(made) == len(states(bench))
            return
        known.add(losing.lost)
        yield losing
    raise AssertionError("a push of one task does not end")


class Losing:
    """Loses one request whose name is not known: before it `reaches` the tool, or the answer that
    comes back."""

    def __init__(self, bench: Bench, known: Collection[str], reaches: bool) -> None:
        self._bench, self._known, self._reaches = bench, known, reaches
        self.lost: str | None = None
        self._created: str | None = None

    def __call__(self, request: httpx.Request, forward: Forward) -> httpx.Response:
        name = f"{request.method} {NUMBER.sub('#', request.url.path)}"
        loses = request.method != "GET" and self.lost is None and name not in self._known
        if loses:
            self.lost = name
        if loses and not self._reaches:
            raise httpx.ReadTimeout("nothing came back", request=request)
        before = len(every_task(self._bench))
        response = read(forward(request))
        if self._created is None and len(every_task(self._bench)) > before:
            self._created = name
        if loses:
            raise httpx.ReadTimeout("nothing came back", request=request)
        return response

    @property
    def was_create(self) -> bool:
        return self.lost is not None and self.lost == self._created


@row(
    "partial-success", WRITING, "Of three tasks the one that the tool refuses is marked; two go in."
)
def test_one_refused_task_keeps_no_other_back(bench: Bench) -> None:
    assert bench.case.tasks is not None
    plan(bench, ONE, TWO, THREE, **bench.case.tasks.refused)
    run = push(bench)
    assert run.status is RunStatus.INCOMPLETE
    assert run.error is not None
    assert states(bench) == {ONE: "refused", TWO: "done", THREE: "done"}
    assert [len(tasks_of(bench, key)) for key in (ONE, TWO, THREE)] == [0, 1, 1]


@row(
    "whole-batch-refused", WRITING, "A batch that is refused whole for one row goes in without it."
)
def test_a_batch_that_is_refused_whole(bench: Bench) -> None:
    tasks = bench.case.tasks
    assert tasks is not None
    assert tasks.whole_batch is not None
    plan(bench, ONE, TWO, THREE, **tasks.refused_in_batch)
    run = push(bench)
    assert run.status is RunStatus.INCOMPLETE
    assert any(tasks.whole_batch in one["path"] for one in bench.account.log())
    assert states(bench) == {ONE: "refused", TWO: "done", THREE: "done"}
    assert [len(tasks_of(bench, key)) for key in (TWO, THREE)] == [1, 1]


@row("normalised", WRITING, "A value that the tool writes in its own way is not written for ever.")
def test_a_normalised_value_is_not_written_for_ever(bench: Bench) -> None:
    tasks = bench.case.tasks
    assert tasks is not None
    shown = []

    def change(document: Any) -> None:
        for task in tasks.shape.found(document):
            title = task.get(tasks.shape.title)
            if isinstance(title, str):
                task[tasks.shape.title] = title.upper()
                shown.append(title)

    plan(bench, ONE)
    bench.tamper(rewriting(change))
    push(bench)
    counted = []
    for _ in range(ROUNDS):
        bench.go_on(hours=1)
        read_tasks(bench)
        push(bench)
        counted.append((bench.writes(), bench.count_changes()))
    assert TITLE in shown
    # Both sides hold the same now, so there is nothing left to bring together.
    assert bench.held(Stream.TASKS)[remote_id(bench, ONE)]["title"] == action(bench, ONE).title
    assert counted[1:] == [counted[1]] * (ROUNDS - 1), counted
    assert len(every_task(bench)) == 1


@row("echo-by-poll", WRITING, "Our own write that a pull brings back changes nothing.")
def test_an_echo_by_poll(bench: Bench) -> None:
    pushed(bench)
    before = looks(bench)
    for _ in range(2):
        read_tasks(bench)
        assert remote_id(bench, ONE) in bench.held(Stream.TASKS)
        assert looks(bench) == before
        changes = bench.count_changes()
        bench.go_on(hours=1)
    read_tasks(bench)
    assert bench.count_changes() == changes
    assert push(bench).status is RunStatus.SUCCEEDED
    assert len(tasks_of(bench, ONE)) == 1


def pushed(bench: Bench) -> str:
    """A task of ours in the tool; its id there."""
    plan(bench, ONE)
    assert push(bench).status is RunStatus.SUCCEEDED
    bench.settle()
    return remote_id(bench, ONE)


def read_tasks(bench: Bench) -> None:
    """As a scheduled pull does."""
    bench.settle()
    run = bench.pull(Stream.TASKS)
    assert run.status in GOOD, run.error
    bench.reconcile()


def looks(bench: Bench) -> tuple[Any, ...]:
    """What an echo must leave as it is."""
    ours = action(bench, ONE)
    values = (ours.title, ours.description, ours.owner, ours.due_at, ours.status)
    return (*values, bench.writes())


def every_task(bench: Bench) -> list[Json]:
    return bench.account.truth(Stream.TASKS)
