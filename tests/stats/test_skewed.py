"""Limits of the mean of skewed values: against roots found another way, and what has to hold whatever the numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from evalharness.stats.mean_ratios import log_ratio, ratio_of_means, studentised_log_ratios
from evalharness.stats.means import estimate_mean, studentised_mean
from evalharness.stats.sample import Settings, sample_of, with_level
from evalharness.stats.skewed import log_excess, positive_mean

SETTINGS = Settings(seed=4, n_resamples=999)
FEW = settings(max_examples=30, deadline=None)


def one_each(values):
    return sample_of(values, np.arange(len(values)), np.arange(len(values)))


def mean_of(values):
    return positive_mean(studentised_mean(np.asarray(values), np.arange(len(values)), SETTINGS), SETTINGS)


@pytest.mark.parametrize(("n", "variation"), [(10, 0.4), (15, 0.8), (30, 1.6)])
def test_the_excess_is_that_of_a_root_finder(n, variation):
    """sigma by brentq, the true mean by scipy's lognormal, on the same samples."""
    z = np.random.default_rng(1).standard_normal((60, n))
    found = log_excess(z, variation)
    for row, excess in zip(z, found, strict=True):

        def too_much(sigma, row=row):
            return stats.variation(np.exp(sigma * row), ddof=1) - variation

        sigma = optimize.brentq(too_much, 1e-3, 40)
        assert excess == pytest.approx(math.log(stats.lognorm(sigma).mean() / np.exp(sigma * row).mean()), abs=1e-4)


def test_a_lognormal_mean_lies_within_its_limits_as_often_as_they_say():
    """With the true sigma known to nobody: 600 samples of 20, log sd 1."""
    rng = np.random.default_rng(9)
    below = above = 0
    for _ in range(600):
        lower, upper = mean_of(rng.lognormal(0, 1, 20)).interval(0.9)
        below, above = below + (upper < math.exp(0.5)), above + (lower > math.exp(0.5))
    assert max(below, above) / 600 <= 0.05 + 2.6 * math.sqrt(0.05 * 0.95 / 600)


def test_with_little_spread_it_is_the_t_limit():
    values = 100 + np.random.default_rng(2).standard_normal(60)
    upper = mean_of(values).interval(0.9)[1]
    by_t = stats.ttest_1samp(values, 0).confidence_interval(0.90).high
    assert upper - values.mean() == pytest.approx(by_t - values.mean(), rel=0.08)


positive = st.lists(st.floats(0.01, 1e4), min_size=10, max_size=40).filter(lambda x: max(x) > 1.01 * min(x))


@FEW
@given(positive, st.floats(1e-6, 1e6), st.randoms(use_true_random=False))
def test_the_widening_scales_with_the_unit_and_knows_no_order(values, unit, random):
    shuffled = values.copy()
    random.shuffle(shuffled)
    here, scaled, mixed = (mean_of(each) for each in (values, unit * np.array(values), shuffled))
    finite = here.high < 50
    assert scaled.high[finite] == pytest.approx(here.high[finite], rel=1e-3, abs=1e-5)
    assert mixed.high[finite] == pytest.approx(here.high[finite], rel=1e-3, abs=1e-5)


@FEW
@given(positive)
def test_a_higher_level_never_has_nearer_limits_and_none_lies_inside_the_bootstraps(values):
    mean = mean_of(values)
    before = (math.inf, -math.inf)
    for level in (0.2, 0.5, 0.8, 0.9, 0.95, 0.99, 0.998, 0.9999):
        lower, upper = mean.interval(level)
        drawn = mean.fit.interval(level)
        assert lower <= min(before[0], drawn[0])
        assert upper >= max(before[1], drawn[1])
        before = lower, upper


@FEW
@given(st.lists(st.floats(0.2, 5), min_size=12, max_size=40), st.floats(0.5, 2), st.integers(0, 99))
def test_a_ratio_leaves_out_1_exactly_where_its_p_says_so(values, factor, seed):
    a = np.array(values)
    b = factor * a * np.random.default_rng(seed).lognormal(0, 0.3, len(a))
    found = log_ratio(b, a, np.arange(len(a)), SETTINGS)
    (drawn,) = studentised_log_ratios([(b, a)], np.arange(len(a)), SETTINGS)
    assert found.p_value() >= drawn.p_value()
    for alpha in (0.01, 0.0505, 0.2):
        lower, upper = found.interval(1 - alpha)
        if abs(found.p_value() - alpha) > 0.003:
            assert (lower > 0 or upper < 0) == (found.p_value() <= alpha)


def test_more_spread_lies_farther():
    z = np.random.default_rng(3).standard_normal((500, 20))
    limits = [np.quantile(log_excess(z, c), 0.95, method="inverted_cdf") for c in (1e-6, 0.1, 0.3, 0.6, 1.0, 1.5, 2.5)]
    assert limits == sorted(limits)
    assert limits[0] == pytest.approx(1.7e-6 / math.sqrt(20), rel=0.2)


def test_arms_whose_costs_go_together_keep_a_narrow_ratio():
    rng = np.random.default_rng(7)
    a = rng.lognormal(0, 1, 30)
    b = a * rng.lognormal(0, 0.02, 30)
    found = ratio_of_means(one_each(b), one_each(a), SETTINGS).estimate
    assert 0.97 < found.lower < found.upper < 1.03


def test_one_case_that_is_the_whole_sum_leaves_no_upper_limit():
    estimate = estimate_mean(one_each([0.0] * 29 + [1.0]), SETTINGS, unit="usd")
    assert estimate.upper is None
    assert estimate.lower == 0


def test_below_ten_cases_nothing_is_decided_and_the_limits_are_the_bootstraps():
    mean = mean_of([0.4, 0.9, 1.1, 2.0, 5.5])
    assert mean.interval(0.9) == mean.fit.interval(0.9)


def test_a_mean_with_negative_values_has_the_bootstraps_limits():
    values = np.random.default_rng(5).lognormal(0, 1, 30) - 0.5
    fit = studentised_mean(values, np.arange(30), SETTINGS)
    estimate = estimate_mean(one_each(values), with_level(SETTINGS, 0.9), unit="points")
    assert (estimate.lower, estimate.upper) == fit.interval(0.9)


def test_beyond_the_most_values_the_excess_over_normal_limits_shrinks():
    x = np.random.default_rng(6).lognormal(0, 0.8, 100)
    few, many = mean_of(x), mean_of(np.tile(x, 9))
    normal = stats.norm.ppf(0.95)
    excess = [float(np.quantile(each.high, 0.95)) - normal for each in (few, many)]
    assert excess[1] == pytest.approx(excess[0] / 3, rel=0.05)
