"""The arithmetic of `connectors.budget` against a tool's bucket of 50 and 2 a second, in simulated
time: what the limiters promise for 400 requests."""

import pytest

from tests.workers.simulation import BUDGET, Simulation

SEEDS = range(20)
REQUESTS = 400
LATENCIES = (0.001, 0.15, 0.5)


@pytest.mark.promise("G8")
@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("clients", [1, 4, 8, 32])
def test_alone_on_the_account_we_are_never_refused(clients: int, latency: float) -> None:
    runs = [Simulation(REQUESTS, clients, latency, seed).run() for seed in SEEDS]
    assert [run.refused for run in runs] == [0] * len(SEEDS)


def test_alone_on_the_account_we_use_nearly_all_of_it() -> None:
    run = Simulation(REQUESTS, clients=8, latency=0.15, seed=1).run()
    best = (REQUESTS - BUDGET.burst) / BUDGET.rate
    assert best <= run.now <= best * 1.05


@pytest.mark.promise("G8")
@pytest.mark.parametrize("latency", LATENCIES)
@pytest.mark.parametrize("clients", [1, 4, 8, 32])
def test_beside_a_stranger_that_takes_half_we_are_refused_at_most_three_times(
    clients: int, latency: float
) -> None:
    runs = [Simulation(REQUESTS, clients, latency, seed, stranger=1.0).run() for seed in SEEDS]
    assert max(run.refused for run in runs) <= 3
    assert all(run.done == REQUESTS for run in runs)
