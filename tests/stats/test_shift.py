"""Shift functions: the smoothed quantile against scipy, draws against brute force, and the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.stats.quantile_draws import quantile_draws
from evalharness.stats.sample import Sample, Settings, groups, sample_of
from evalharness.stats.shift import QUANTILES, harrell_davis, shift_function
from tests.stats.test_ordered import of, one_each
from tests.stats.test_properties import TIMES, grids, printable, samples

SETTINGS = Settings(seed=5, n_resamples=299)
QUICK = settings(max_examples=40, deadline=None, derandomize=True)


def times(n: int, seed: int, repeats: int = 1) -> Sample:
    values = np.random.default_rng(seed).lognormal(6, 0.5, n * repeats)
    return sample_of(values, np.repeat(np.arange(n), repeats), np.arange(n))


@of("harrell_davis")
def test_harrell_davis(given, expected):
    assert harrell_davis(one_each(given["x"]), given["q"]) == pytest.approx(expected)


def test_harrell_davis_is_none_where_failed_trials_carry_weight_and_else_leaves_them_out():
    x = np.append(np.arange(1.0, 41.0), math.inf)
    assert harrell_davis(one_each(x), 0.95) is None
    assert harrell_davis(one_each(x), 0.2) == pytest.approx(harrell_davis(one_each(np.append(x[:-1], 41.0)), 0.2))
    assert harrell_davis(one_each([math.nan]), 0.5) is None


def test_harrell_davis_of_equal_repeats_is_that_of_cases_copied():
    x = np.random.default_rng(2).lognormal(0, 1, 12)
    doubled = sample_of(np.repeat(x, 2), np.repeat(np.arange(12), 2), np.arange(12))
    assert harrell_davis(doubled, 0.7) == pytest.approx(harrell_davis(one_each(np.repeat(x, 2)), 0.7))


@pytest.mark.parametrize(
    ("n", "repeats", "n_clusters"), [(7, 1, 7), (30, 3, 30), (200, 2, 20), (12, 4, 3), (400, 1, 400)]
)
def test_quantiles_of_draws_are_those_of_trials_copied_as_often_as_they_were_drawn(n, repeats, n_clusters):
    rng = np.random.default_rng(n)
    values = rng.lognormal(0, 1, n * repeats).round(2)
    values[rng.random(n * repeats) < 0.1] = math.nan
    values[rng.random(n * repeats) < 0.05] = math.inf
    sample = sample_of(values, np.repeat(np.arange(n), repeats), np.arange(n) % n_clusters)
    how = Settings(seed=3, n_resamples=60)
    found = quantile_draws(sample, (0.1, 0.5, 0.95), how)
    index, n_groups = groups(sample.cluster)
    counts = np.concatenate(list(how.draws.counts(how.seed, how.n_resamples, n_groups)))
    order = np.argsort(values, kind="stable")
    for row, weights in zip(found, counts, strict=True):
        each = np.where(np.isnan(values), 0, weights[index[sample.case]] / np.maximum(1, sample.trials[sample.case]))
        reached = np.cumsum(each[order])
        for k, q in enumerate((0.1, 0.5, 0.95)):
            assert row[k] == values[order][np.flatnonzero(reached >= q * reached[-1] - 1e-9 * reached[-1])[0]]


def test_a_window_that_misses_a_draw_is_widened(monkeypatch):
    sample = times(500, 1)
    expected = quantile_draws(sample, (0.9,), SETTINGS)
    monkeypatch.setattr("evalharness.stats.quantile_draws.REACH", 0.01)
    monkeypatch.setattr("evalharness.stats.quantile_draws.CHUNK", 100)
    assert (quantile_draws(sample, (0.9,), SETTINGS) == expected).all()


def test_an_arm_that_is_slower_by_a_factor_is_so_at_every_quantile():
    slow = times(400, 1)
    shift = shift_function(sample_of(slow.values * 1.5, slow.case, slow.cluster), slow, SETTINGS)
    shown = [ratio for ratio in shift.ratios if ratio.estimate is not None]
    assert [ratio.q for ratio in shown] == list(QUANTILES)
    assert [ratio.estimate.point for ratio in shown] == pytest.approx([1.5] * 11)
    assert all(ratio.estimate.lower is None for ratio in shown), "all draws alike: no interval of width 0"


def test_p99_is_shown_from_368_trials_in_both_arms():
    for n, shown in ((367, False), (368, True)):
        last = shift_function(times(n, 1), times(n, 2), SETTINGS).ratios[-1]
        assert (last.estimate is not None) is shown
    assert shift_function(times(367, 1), times(367, 2), SETTINGS).ratios[-1].reason == (
        "the trials are worth 367 independent ones, 368 are needed"
    )


def test_a_quantile_among_failed_trials_has_no_ratio_and_says_whose():
    slow = times(400, 1)
    failing = sample_of(np.where(np.arange(400) % 10 == 0, math.inf, slow.values), slow.case, slow.cluster)
    shift = shift_function(failing, slow, SETTINGS)
    assert shift.ratios[4].estimate is not None
    assert shift.ratios[-1].reason == "the quantile lies among failed trials of the candidate"
    assert shift.ratios[8].estimate.upper is None, "the upper limit of p90 lies among the failed"


def test_few_cases_are_drawn_smoothed_inside_their_limits_and_many_as_they_are():
    few, many = (shift_function(times(n, 1), times(n, 2), SETTINGS) for n in (99, 100))
    assert any(ratio.drawn != ratio.estimate.point for ratio in few.ratios if ratio.estimate)
    assert all(ratio.drawn == ratio.estimate.point for ratio in many.ratios if ratio.estimate)


def test_no_common_case_gives_no_shift():
    first = sample_of([1.0, 2.0], [0, 1], np.arange(4))
    assert shift_function(first, sample_of([1.0, 2.0], [2, 3], np.arange(4)), SETTINGS) is None


def test_sizes_beyond_numbers_are_no_ratio():
    huge, tiny = one_each(np.full(20, 1e300) * np.arange(1, 21)), one_each(np.full(20, 1e-300) * np.arange(1, 21))
    reasons = {ratio.reason for ratio in shift_function(huge, tiny, SETTINGS).ratios[:8]}
    assert "the ratio is beyond any number" in reasons
    assert shift_function(one_each(np.zeros(20)), huge, SETTINGS).ratios[4].reason == "a time of 0 has no ratio"


@QUICK
@given(grids(arms=2, scores=TIMES, max_cases=40), st.randoms(use_true_random=False))
def test_swapping_the_arms_inverts_every_ratio(grid, random):
    a, b = samples(grid)
    forth, back = shift_function(b, a, SETTINGS), shift_function(a, b, SETTINGS)
    assert (forth is None) == (back is None)
    if forth is None:
        return
    for one, other in zip(forth.ratios, back.ratios, strict=True):
        assert (one.estimate is None) == (other.estimate is None) == bool(one.reason)
        if one.estimate is None:
            continue
        printable(one.estimate, 0)
        assert one.estimate.point == pytest.approx(1 / other.estimate.point)
        assert (one.estimate.lower is None) == (other.estimate.upper is None)
        if one.estimate.lower is not None:
            assert one.estimate.lower == pytest.approx(1 / other.estimate.upper)
            assert one.estimate.lower <= one.drawn


@QUICK
@given(grids(arms=1, scores=TIMES, max_cases=30), st.sampled_from([0.1, 0.5, 0.95]))
def test_the_smoothed_quantile_lies_between_the_values(grid, q):
    (sample,) = samples(grid)
    smoothed = harrell_davis(sample, q)
    if smoothed is not None:
        finite = sample.values[np.isfinite(sample.values)]
        assert finite.min() * (1 - 1e-9) <= smoothed <= finite.max() * (1 + 1e-9)
