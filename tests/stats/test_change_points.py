"""Changes of level in a history of runs: against scipy's t over all places, and by simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from evalharness.stats.change_points import FEWEST_RUNS, change_points
from tests.stats import calibrate_changes as changes
from tests.stats.calibrate import Cell, measure

CELLS = [
    changes.alarm_cell("100 cases, 70% right", changes.shares(0.7, 100, same_cases=False), 10),
    changes.alarm_cell("the same 100 cases, 70% right", changes.shares(0.7, 100, same_cases=True), 20),
    changes.alarm_cell("the same 20 cases, 90% right", changes.shares(0.9, 20, same_cases=True), 6),
    changes.alarm_cell("times, between runs 0.4", changes.times(0.4), 6),
    changes.alarm_cell("times, between runs 0.4", changes.times(0.4), 60),
    changes.alarm_cell("times, between runs 0.1", changes.times(0.1), 20),
    changes.alarm_cell("runs of two sizes", changes.of_two_sizes, 20),
    changes.second_cell(20, 10, 4.0),
    changes.second_cell(60, 30, 6.0),
    changes.found_cell(10, 9, 6.0, at_least=0.6),
    changes.found_cell(20, 10, 4.0, at_least=0.8),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_rates_hold_in_simulation(cell: Cell):
    rate = measure(cell, 400)
    assert rate.holds, f"{rate.rate:.3f} +- {rate.error:.3f}"


def largest_t(values: np.ndarray) -> tuple[float, int]:
    """By scipy's two-sample t at each place."""
    found = [abs(stats.ttest_ind(values[:at], values[at:]).statistic) for at in range(1, len(values))]
    return max(found), 1 + int(np.argmax(found))


def test_the_place_and_its_p_are_those_of_the_largest_two_sample_t():
    """Errors so small that scatter alone decides; p against the largest t of 1,500 histories of noise, all by scipy."""
    rng = np.random.default_rng(5)
    values = rng.normal(0, 1, 8) + 2.3 * (np.arange(8) >= 5)
    t, at = largest_t(values)
    (found, *_) = change_points(values, np.full(8, 1e-6), alarm=0.5)
    assert found.at == at
    chance = np.mean([largest_t(rng.normal(0, 1, 8))[0] >= t for _ in range(1500)])
    assert found.p_value == pytest.approx(chance, abs=3 * np.sqrt(chance * (1 - chance) / 1500) + 0.005)


def test_with_stated_errors_the_chance_is_that_of_the_largest_normal_difference():
    """Scatter far below the errors: p is that of |z| over 3 places of 4 runs, from the trivariate normal by scipy."""
    values, error = np.array([0.0, 1e-9, 2.0, 2.0 + 1e-9]), 1.0
    place = np.arange(1, 4)
    root = np.sqrt(np.minimum.outer(place, place) * (4 - np.maximum.outer(place, place)))
    correlation = root**2 / np.sqrt(np.outer(place * (4 - place), place * (4 - place)))
    z = 2.0 / np.sqrt(error**2 * (1 / 2 + 1 / 2))
    joint = stats.multivariate_normal(cov=correlation)
    inside = joint.cdf([z] * 3, lower_limit=[-z] * 3)
    found = change_points(values, np.full(4, error), alarm=0.5, level=0.5)
    assert [change.at for change in found] == [2]
    assert found[0].p_value == pytest.approx(1 - inside, abs=0.012)


def test_the_size_is_the_difference_of_the_two_levels_with_scipys_interval():
    rng = np.random.default_rng(2)
    values = np.concatenate([rng.normal(0, 0.1, 9), rng.normal(1, 0.1, 7)])
    (found,) = change_points(values, np.full(16, 1e-6), alarm=0.05)
    limits = stats.ttest_ind(values[9:], values[:9]).confidence_interval(0.95)
    assert found.at == 9
    assert found.estimate.point == pytest.approx(values[9:].mean() - values[:9].mean())
    assert (found.estimate.lower, found.estimate.upper) == pytest.approx((limits.low, limits.high))


def test_runs_that_agree_to_the_digit_make_no_change_of_what_their_intervals_do_not_support():
    values = np.array([0.8] * 6 + [0.75])
    assert change_points(values, np.full(7, 0.04), alarm=0.05) == ()
    assert [found.at for found in change_points(values, np.full(7, 0.004), alarm=0.05)] == [6]


def test_runs_that_scatter_make_no_change_of_what_their_own_intervals_would_support():
    values = np.array([1.0, 3.0, 0.5, 2.5, 4.0, 2.0, 4.5])
    assert change_points(values, np.full(7, 0.01), alarm=0.05) == ()


def test_several_changes_are_found_each_at_its_place():
    rng = np.random.default_rng(8)
    level = np.repeat([0.0, 1.0, 0.4], [8, 10, 9])
    found = change_points(level + rng.normal(0, 0.05, 27), np.full(27, 0.05), alarm=0.05)
    assert [change.at for change in found] == [8, 18]
    assert [change.estimate.point for change in found] == pytest.approx([1.0, -0.6], abs=0.1)


@pytest.mark.parametrize("n", range(FEWEST_RUNS))
def test_a_few_runs_say_nothing(n):
    assert change_points(np.arange(n, dtype=float), np.full(n, 1e-3), alarm=0.05) == ()


def test_runs_that_are_all_alike_have_not_changed():
    assert change_points(np.full(9, 1234.5678), np.full(9, 1e-3), alarm=0.05) == ()
