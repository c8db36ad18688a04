"""Random schedules of edits, faults and crashes; when the faults stop and clean runs follow, both
sides agree, and no write took effect twice.

RETRO_LAB_SCHEDULES says how many, RETRO_LAB_SEED from which seed on. A seed plays the same
schedules each time, and a failure prints the steps that led to it.
"""

import os
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from connectors.models import Stream
from sync.merge import Contract, TaskField
from sync.tables.runs import PUSH, Mode
from tests.faults.lab import WorldInProcess

pytestmark = pytest.mark.lab

SCHEDULES = int(os.environ.get("RETRO_LAB_SCHEDULES", "2000"))
FIRST_SEED = int(os.environ.get("RETRO_LAB_SEED", "1"))
SHARES = 4
STEPS = 8
# Hypothesis plays more than it counts as examples: those that it changes and that end early.
EXAMPLES_OF_EIGHT = 7
NUMBERS = st.integers(0, 50)
# Where the worker dies: most runs have fewer points than the largest number, and are not killed.
KILLED = st.none() | st.integers(1, 40)
FIELDS = st.sampled_from(TaskField)
CONTRACTS = st.fixed_dictionaries({name: st.sampled_from(Contract) for name in TaskField})
METHODS = ("batch", "tasks.task.add", "tasks.task.update", "task.commentitem.add")
FAULTS = st.fixed_dictionaries(
    {
        "do": st.sampled_from(
            [
                *("503", "429", "500", "html", "wrong_json", "cut", "expired_token"),
                *("timeout_before", "timeout_after"),
            ]
        ),
        "on": st.fixed_dictionaries({"method": st.sampled_from(METHODS), "nth": st.integers(1, 3)}),
    }
)


class Schedules(RuleBasedStateMachine):
    @initialize(portal=st.integers(1, 5), rest=st.sampled_from([2, 3]), contracts=CONTRACTS)
    def begin(self, portal: int, rest: int, contracts: dict[TaskField, Contract]) -> None:
        self.world = WorldInProcess(portal, rest, contracts)

    @rule(plan=st.lists(FAULTS, max_size=3))
    def faults(self, plan: list[dict[str, object]]) -> None:
        self.world.portal.faults(*plan)

    @rule(number=NUMBERS, amount=st.integers(0, 10_000))
    def somebody_changes_a_deal(self, number: int, amount: int) -> None:
        self.world.change_a_deal(number, amount)

    @rule(number=NUMBERS)
    def somebody_adds_a_deal(self, number: int) -> None:
        self.world.add_a_deal(number)

    @rule(number=NUMBERS)
    def somebody_deletes_a_deal(self, number: int) -> None:
        self.world.delete_a_deal(number)

    @rule(number=NUMBERS, name=FIELDS)
    def somebody_edits_a_task_there(self, number: int, name: TaskField) -> None:
        self.world.edit_a_task(number, name, here=False)

    @rule(number=NUMBERS, name=FIELDS)
    def somebody_edits_an_action_here(self, number: int, name: TaskField) -> None:
        self.world.edit_a_task(number, name, here=True)

    @rule(number=NUMBERS)
    def somebody_deletes_a_task(self, number: int) -> None:
        self.world.delete_a_task(number)

    @rule()
    def a_task_is_planned(self) -> None:
        self.world.plan_a_task()

    @rule(number=NUMBERS)
    def a_comment_is_planned(self, number: int) -> None:
        self.world.comment_on_a_task(number)

    @rule(minutes=st.integers(1, 90))
    def time_passes(self, minutes: int) -> None:
        self.world.wait(timedelta(minutes=minutes))

    @rule(
        stream=st.sampled_from([Stream.DEALS, Stream.TASKS]),
        full=st.booleans(),
        killed_at=KILLED,
    )
    def a_worker_pulls(self, stream: Stream, full: bool, killed_at: int | None) -> None:
        self.world.work(stream, Mode.FULL if full else Mode.INCREMENTAL, killed_at)

    @rule(killed_at=KILLED)
    def a_worker_pushes(self, killed_at: int | None) -> None:
        self.world.work(PUSH, Mode.PUSH, killed_at)

    @rule(
        stream=st.sampled_from([Stream.DEALS, Stream.TASKS]),
        number=NUMBERS,
        times=st.integers(1, 2),
        killed_at=KILLED,
    )
    def a_webhook_arrives(
        self, stream: Stream, number: int, times: int, killed_at: int | None
    ) -> None:
        for _ in range(times):
            self.world.hear(stream, number, killed_at)

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        try:
            self.world.settle()
            self.world.check()
        finally:
            self.world.end()


@pytest.mark.promise("G1")
@pytest.mark.promise("G5")
@pytest.mark.promise("G11")
@pytest.mark.parametrize("share", range(SHARES))
def test_when_the_faults_stop_both_sides_agree(
    share: int, record_property: Callable[[str, object], None]
) -> None:
    """In shares, for as many processes; each plays the same schedules every time."""
    played = Counter[str]()

    class Share(Schedules):
        def teardown(self) -> None:
            super().teardown()
            played.update(schedules=1, kills=self.world.kills)

    for number in count():
        left = SCHEDULES // SHARES - played["schedules"]
        if left <= 0:
            break
        run_state_machine_as_test(  # type: ignore[no-untyped-call]  # hypothesis does not say
            seed(FIRST_SEED + share + SHARES * number)(Share),
            settings=settings(
                max_examples=max(1, left * EXAMPLES_OF_EIGHT // 8),
                stateful_step_count=STEPS,
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )
    for name, times in played.items():
        record_property(name, times)
