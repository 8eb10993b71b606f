"""What looking all the time costs, against sequences of the run itself and figures found with them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalharness.core.findings import Verdict
from evalharness.stats import peeking
from evalharness.stats.gates import at_least, at_most, non_inferior
from evalharness.stats.peeking import N_RUNS, Sought, cost_of_peeking, mean_shown_by
from evalharness.stats.sequential import watch


def share(limit: float, *, above: bool = True) -> Sought:
    return Sought(limit=limit, above=above, low=0.0, high=1.0, variance=lambda p: p * (1 - p))


def difference(limit: float, variance: float) -> Sought:
    return Sought(limit=limit, above=True, low=-1.0, high=1.0, variance=lambda _: variance)


def until_passed(requirement, draw, low: float, most: int, runs: int) -> np.ndarray:
    """Cases until the verdict of the run's own code; +inf where ``most`` are not enough."""
    ends = []
    for seed in range(runs):
        rng, state, n = np.random.default_rng(seed), watch(requirement, low=low, high=1.0), 0
        while n < most and state.worst.verdict is Verdict.INCONCLUSIVE:
            state, n = state.after(float(draw(rng))), n + 1
        ends.append(n if state.worst.verdict is Verdict.PASS else math.inf)
    return np.array(ends)


def test_the_truth_is_the_one_that_a_fixed_number_shows():
    """86% right against a limit of 80% takes 207 cases for 80% (decision 0013, simulated there)."""
    assert mean_shown_by(share(0.8), 240, 0.8) == pytest.approx(0.86, abs=0.004)
    # n = ((1.645 + .842) / .05)^2 * .25 for a difference of 5 points with a variance of .25: 618.3
    assert mean_shown_by(difference(0.0, 0.25), 618, 0.8) == pytest.approx(0.05, abs=1e-4)


def test_nothing_is_shown_by_too_few_cases():
    assert mean_shown_by(share(0.99), 20, 0.8) is None
    assert cost_of_peeking(share(0.01, above=False), 20, power=0.8, seed=1) is None


@pytest.mark.parametrize(
    ("sought", "requirement"),
    [(share(0.8), at_least(0.8)), (share(0.3, above=False), at_most(0.3))],
    ids=["at least", "at most"],
)
def test_shares_take_as_many_cases_as_the_sequences_of_a_run(sought, requirement):
    found = cost_of_peeking(sought, 60, power=0.8, seed=3)
    assert found is not None
    runs = 120
    ends = until_passed(requirement, lambda rng: rng.random() < found.mean, 0.0, found.n_power, runs)
    for n, wanted in ((found.n_half, 0.5), (found.n_power, 0.8)):
        error = math.sqrt(wanted * (1 - wanted) * (1 / runs + 1 / N_RUNS))
        assert abs((ends <= n).mean() - wanted) < 2.6 * error


def test_differences_take_as_many_cases_as_the_sequences_of_a_run():
    sought = difference(-0.05, 0.2)
    found = cost_of_peeking(sought, 120, power=0.8, seed=3)
    assert found is not None
    moved = 0.2 + found.mean**2
    chances = [(moved - found.mean) / 2, 1 - moved, (moved + found.mean) / 2]
    runs = 60
    ends = until_passed(
        non_inferior(0.05), lambda rng: rng.choice([-1.0, 0.0, 1.0], p=chances), -1.0, found.n_half, runs
    )
    assert abs((ends <= found.n_half).mean() - 0.5) < 2.6 * math.sqrt(0.25 * (1 / runs + 1 / N_RUNS))


@pytest.mark.parametrize("n", [30, 200, 1000])
def test_peeking_costs_more_cases_than_a_number_fixed_beforehand(n):
    found = cost_of_peeking(share(0.7), n, power=0.8, seed=1)
    assert found is not None
    assert found.n_power is not None and found.n_half is not None
    assert n < found.n_power < 6 * n
    assert found.n_half < found.n_power
    assert found.shown_by_fixed < 0.8
    assert found == cost_of_peeking(share(0.7), n, power=0.8, seed=1)


def test_what_is_not_followed_to_its_end_has_no_number(monkeypatch):
    monkeypatch.setattr(peeking, "MOST_TIMES", 1)
    found = cost_of_peeking(share(0.7), 200, power=0.8, seed=1)
    assert found is not None
    assert found.n_power is None
