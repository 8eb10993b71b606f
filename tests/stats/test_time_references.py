"""Times of trials in blocks: values from scipy.stats, closed forms and enumeration."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from evalharness.core.findings import Met
from evalharness.stats.blocks import block_labels, block_length, sample_in_time
from evalharness.stats.halves import N_BLOCKS, half_ratio
from evalharness.stats.quantiles import effective_trials, estimate_quantile
from evalharness.stats.sample import Settings, sample_of
from evalharness.stats.targets import Target, estimate_within, judge

ONE_SIDED = Settings(seed=1, level=0.90)
REPORT = Settings(seed=1)


@pytest.mark.parametrize(
    ("n", "in_flight", "expected"),
    [(9, 0, 1), (400, 0, 20), (400, 15, 30), (400, 500, 40), (10_000, 4, 100), (0, 3, 1), (30, 8, 3)],
)
def test_a_block_is_the_square_root_or_twice_what_is_in_flight_but_ten_fit(n, in_flight, expected):
    assert block_length(n, in_flight) == expected


@pytest.mark.parametrize(("n", "blocks"), [(10, 3), (144, 12), (145, 12), (5, 5), (0, 1)])
def test_blocks_are_neighbours_and_of_equal_size(n, blocks):
    labels = block_labels(n, blocks)
    sizes = np.bincount(labels, minlength=blocks)
    assert (np.diff(labels) >= 0).all()
    assert sizes.sum() == n
    assert sizes.max() - sizes.min() <= 1


def test_the_effective_number_is_that_of_batch_means():
    rng = np.random.default_rng(3)
    busy = np.repeat(rng.normal(0, 1, 25), 40)
    values = np.exp(busy + rng.normal(0, 1, 1000))
    sample = sample_in_time(values, 20)
    at = float(np.quantile(values, 0.9))
    means = (values <= at).reshape(25, 40).mean(axis=1)
    variance = means.var(ddof=1) / 25
    share = means.mean()
    factor = (stats.norm.ppf(0.975) / stats.t.ppf(0.975, 24)) ** 2
    assert effective_trials(sample, at, 0.95) == pytest.approx(share * (1 - share) / variance * factor)


def test_trials_that_do_not_depend_on_each_other_are_never_worth_more_than_their_number():
    values = np.tile(np.arange(1.0, 26.0), 40)  # blocks are all alike
    assert effective_trials(sample_in_time(values, 12.5), 13.0, 0.95) <= 1000


def test_the_unit_of_a_time_is_the_trial_and_its_method_says_so():
    estimate = estimate_quantile(sample_in_time(np.arange(1.0, 401.0), 0), 0.5, REPORT)
    assert estimate.n == estimate.n_trials == 400
    assert estimate.n_clusters == 20
    assert "blocks of time" in estimate.method


# ---------------------------------------------------------------- targets


@pytest.mark.parametrize("n", [40, 58, 59, 100, 237])
@pytest.mark.parametrize("share", [0.5, 0.9, 0.95])
def test_a_target_is_decided_as_by_the_exact_binomial_test(n: int, share: float):
    """Every number of trials in time there can be; trials independent, so n_eff is n."""
    times = np.arange(1.0, n + 1)
    sample = sample_of(times, np.arange(n), np.arange(n))
    for inside in range(n + 1):
        met = stats.binomtest(inside, n, share, alternative="greater").pvalue <= 0.05
        not_met = stats.binomtest(inside, n, share, alternative="less").pvalue <= 0.05
        expected = Met.MET if met else Met.NOT_MET if not_met else Met.OPEN
        assert judge(sample, Target(limit=inside + 0.5, share=share), ONE_SIDED).met is expected, inside


def test_the_share_inside_has_clopper_pearson_limits_that_agree_with_the_verdict():
    sample = sample_of(np.arange(1.0, 201.0), np.arange(200), np.arange(200))
    for inside in (0, 5, 150, 185, 190, 196, 200):
        target = Target(limit=inside + 0.5, share=0.95)
        estimate = estimate_within(sample, target, ONE_SIDED)
        limits = stats.binomtest(inside, 200).proportion_ci(0.90, "exact")
        assert (estimate.lower, estimate.upper) == pytest.approx((limits.low, limits.high), abs=1e-9)
        met = judge(sample, target, ONE_SIDED).met
        assert (met is Met.MET) == (estimate.lower >= 0.95)
        assert (met is Met.NOT_MET) == (estimate.upper < 0.95)


def test_in_blocks_too_no_interval_of_the_share_says_other_than_the_verdict():
    rng = np.random.default_rng(8)
    for _ in range(200):
        values = np.exp(np.repeat(rng.normal(0, 0.5, 40), 10) + rng.normal(0, 0.5, 400))
        target = Target(limit=float(np.quantile(values, rng.uniform(0.85, 1))), share=0.95)
        sample = sample_in_time(values, 5)
        met, estimate = judge(sample, target, ONE_SIDED).met, estimate_within(sample, target, ONE_SIDED)
        assert (met is Met.MET) == (estimate.lower >= 0.95)
        assert met is not Met.NOT_MET or estimate.upper <= 0.95
        assert estimate.lower <= estimate.point <= estimate.upper


def test_missing_trials_keep_a_verdict_open_that_they_could_turn():
    sure = np.concatenate([np.full(98, 10.0) + np.arange(98) / 100, [np.nan, np.nan]])
    close = np.concatenate([sure[:94], np.full(2, 50.0), np.full(4, np.nan)])
    target = Target(limit=20.0, share=0.9)

    def verdict(values):
        return judge(sample_of(values, np.arange(100), np.arange(100)), target, ONE_SIDED)

    assert verdict(sure).met is Met.MET
    assert verdict(close).met is Met.OPEN
    assert verdict(close).reason == "4 missing trials could decide it"
    assert verdict(close[:96].tolist() + [10.0] * 4).met is Met.MET
    assert verdict(np.full(100, np.nan)).met is Met.OPEN


def test_failed_trials_are_late_for_every_target():
    times = np.concatenate([np.arange(80.0), np.full(20, np.inf)])
    sample = sample_of(times, np.arange(100), np.arange(100))
    assert judge(sample, Target(limit=1e12, share=0.95), ONE_SIDED).met is Met.NOT_MET
    assert judge(sample, Target(limit=79.0, share=0.7), ONE_SIDED).met is Met.MET


def test_too_few_trials_say_how_many_are_needed():
    sample = sample_of(np.ones(30), np.arange(30), np.arange(30))
    verdict = judge(sample, Target(limit=2.0, share=0.95), ONE_SIDED)
    assert verdict.met is Met.OPEN
    assert verdict.reason == "the trials are worth 30 independent ones, 59 are needed"


# ---------------------------------------------------------------- halves


def test_halves_are_compared_by_the_t_test_of_block_medians():
    rng = np.random.default_rng(5)
    values = np.exp(rng.normal(5, 0.4, 600) + np.linspace(0, 0.2, 600))
    medians = np.median(np.log(values).reshape(N_BLOCKS, 50), axis=1)
    test = stats.ttest_ind(medians[6:], medians[:6])
    limits = test.confidence_interval(0.95)
    found = half_ratio(values, np.zeros(600, dtype=np.int64), 0, REPORT)
    assert found.p_value == pytest.approx(test.pvalue)
    assert found.rho == pytest.approx(stats.spearmanr(np.arange(12), medians).statistic)
    assert (found.estimate.lower, found.estimate.upper) == pytest.approx((math.exp(limits.low), math.exp(limits.high)))


@pytest.mark.parametrize("repeats", [2, 6])
def test_taking_out_the_means_of_cases_does_not_make_the_interval_too_narrow(repeats):
    """Cases differ a hundredfold, noise is small: without the correction two repeats are covered in 87% of the runs."""
    rng = np.random.default_rng(6)
    covered = 0
    for _ in range(300):
        own = rng.normal(0, 2, 120)
        order = np.concatenate([rng.permutation(120) for _ in range(repeats)])
        late = np.arange(120 * repeats) >= 60 * repeats
        values = np.exp(own[order] + 0.05 * late + rng.normal(0, 0.3, len(order)))
        found = half_ratio(values, order, 0, REPORT).estimate
        covered += found.lower < math.exp(0.05) < found.upper
    assert covered / 300 >= 0.92


def test_failed_trials_and_few_trials_tell_nothing():
    rng = np.random.default_rng(7)
    values = rng.lognormal(5, 0.4, 200)
    cases = np.zeros(200, dtype=np.int64)
    failing = np.where(np.arange(200) % 2, np.inf, values)
    assert half_ratio(failing, cases, 0, REPORT).estimate.n == 100
    assert half_ratio(values[:59], cases[:59], 0, REPORT) is None
    assert half_ratio(values, cases, 17, REPORT) is None, "blocks of 16.7 are shorter than 17 in flight"
    assert half_ratio(np.full(200, 3.0), cases, 0, REPORT) is None
