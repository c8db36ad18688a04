"""Random schedules of edits, faults and crashes; when the faults stop and clean runs follow, both
sides agree, and no write took effect twice.

RETRO_LAB_SCHEDULES says how many, RETRO_LAB_STEPS how long they are, RETRO_LAB_SEED from which seed
on. A seed plays the same schedules each time, and a failure prints the steps that led to it.
"""

import os
from collections import Counter
from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.internal.conjecture.providers import AVAILABLE_PROVIDERS
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from connectors.models import Stream
from sync.merge import Contract, TaskField
from sync.tables.agreements import Outcome
from tests.faults.lab import WorldInProcess

pytestmark = pytest.mark.lab

SCHEDULES = int(os.environ.get("RETRO_LAB_SCHEDULES", "2000"))
FIRST_SEED = int(os.environ.get("RETRO_LAB_SEED", "1"))
SHARES = 4
STEPS = int(os.environ.get("RETRO_LAB_STEPS", "4"))
# Hypothesis' own provider of choices by another name. Under its own, five of six schedules are
# another one with parts repeated, and each share begins with dozens of the least there can be.
AVAILABLE_PROVIDERS["lab"] = AVAILABLE_PROVIDERS["hypothesis"]
# It plays more than it counts as examples: those that end early.
EXAMPLES_OF_EIGHT = 7
NUMBERS = st.integers(0, 50)
# Where the worker dies: most runs have fewer points than the largest number, and are not killed.
KILLED = st.none() | st.integers(1, 40)
STREAMS = st.sampled_from([Stream.DEALS, Stream.TASKS])
FIELDS = st.sampled_from(TaskField)
SETTLED_AS = (Outcome.OURS, Outcome.THEIRS)
CONTRACTS = st.fixed_dictionaries({name: st.sampled_from(Contract) for name in TaskField})
METHODS = (None, None, None, "batch", "tasks.task.add", "tasks.task.update", "task.commentitem.add")
# What can go wrong; a pause may be short, end the slice, or outlast what waits for it, and a slow
# answer may come in time, after the lease has run out, or after nobody waits for it any more.
KINDS = [
    *({"do": kind} for kind in ("503", "429", "500", "html", "wrong_json", "cut")),
    *({"do": kind} for kind in ("expired_token", "timeout_before", "timeout_after")),
    *({"do": "pause", "seconds": seconds} for seconds in (1, 30, 900)),
    *({"do": "slow", "seconds": seconds} for seconds in (2, 45, 100)),
]
FAULTS = st.builds(
    lambda kind, method, nth: {**kind, "on": {"method": method, "nth": nth}},
    st.sampled_from(KINDS),
    st.sampled_from(METHODS),
    st.integers(1, 3),
)
# What the portal does to whoever works next; half of them are spared.
PLAN = st.just([]) | st.lists(FAULTS, min_size=1, max_size=3)


def step(name: str, /, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A call of the world's method of that name."""
    return st.tuples(st.just(name), st.fixed_dictionaries(arguments))


# Each as often as it stands here: a single rule, as of several Hypothesis leaves out half.
HAPPENS = st.one_of(
    step("change_a_deal", number=NUMBERS, amount=st.integers(0, 10_000)),
    step("add_a_deal", number=NUMBERS),
    step("delete_a_deal", number=NUMBERS),
    step("plan_a_task"),
    step("comment_on_a_task", number=NUMBERS),
    *(step("edit_a_task", number=NUMBERS, name=FIELDS, here=st.booleans()) for _ in range(5)),
    *(
        step(
            "clash_over_a_task",
            number=NUMBERS,
            name=FIELDS,
            outcome=st.none() | st.sampled_from(SETTLED_AS),
        )
        for _ in range(2)
    ),
    step("delete_a_task", number=NUMBERS),
    step("change_a_contract", name=FIELDS, contract=st.sampled_from(Contract)),
    step("settle_a_conflict", number=NUMBERS, outcome=st.sampled_from(SETTLED_AS)),
    step("undo", number=NUMBERS, anew=st.booleans()),
    step("retry_a_write", number=NUMBERS),
    step("pass_time", minutes=st.integers(1, 90)),
    *(
        step("pull", stream=STREAMS, full=st.booleans(), plan=PLAN, killed_at=KILLED)
        for _ in range(3)
    ),
    *(step("push", plan=PLAN, killed_at=KILLED) for _ in range(3)),
    *(
        step("hear", number=NUMBERS, times=st.integers(1, 2), plan=PLAN, killed_at=KILLED)
        for _ in range(2)
    ),
    step("refuse_a_forged_webhook", number=NUMBERS),
)


class Schedules(RuleBasedStateMachine):
    @initialize(
        portal=st.integers(1, 5),
        rest=st.sampled_from([2, 3]),
        contracts=CONTRACTS,
        pulled=st.booleans(),
        tasks=st.integers(0, 1),
    )
    def begin(
        self,
        portal: int,
        rest: int,
        contracts: dict[TaskField, Contract],
        pulled: bool,
        tasks: int,
    ) -> None:
        self.world = WorldInProcess(portal, rest, contracts, pulled=pulled)
        for _ in range(tasks):
            self.world.plan_a_task()
        if tasks:
            self.world.push()

    @rule(happens=HAPPENS)
    def something_happens(self, happens: tuple[str, dict[str, Any]]) -> None:
        name, arguments = happens
        getattr(self.world, name)(**arguments)

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
            played.update(schedules=1, **self.world.met)

    for number in count():
        left = SCHEDULES // SHARES - played["schedules"]
        if left <= 0:
            break
        run_state_machine_as_test(  # type: ignore[no-untyped-call]  # hypothesis does not say
            seed(FIRST_SEED + share + SHARES * number)(Share),
            settings=settings(
                max_examples=max(1, left * EXAMPLES_OF_EIGHT // 8),
                stateful_step_count=STEPS,
                backend="lab",
                deadline=None,
                database=None,
                phases=[Phase.generate, Phase.shrink],
                suppress_health_check=list(HealthCheck),
            ),
        )
    for name, times in played.items():
        record_property(name, times)
