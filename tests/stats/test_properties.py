"""What must hold for any data: symmetry, order, limits inside the space, and nothing that must never be printed."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from evalharness.core.findings import Estimate
from evalharness.stats import drift, mean_ratios, means, multiple, one_arm, paired, quantiles, signed_rank, trend
from evalharness.stats.bootstrap import resampled_sums, sign_flip
from evalharness.stats.sample import Sample, Settings, filled, means_matrix, sample_of, score_bounds

SETTINGS = Settings(seed=3, n_resamples=199)
QUICK = settings(max_examples=60, deadline=None, derandomize=True)


def printable(result: object, low: float = -math.inf, high: float = math.inf) -> None:
    """No NaN, no infinity, no p of 0, no zero-width interval, no limit outside [low, high] or beyond its point."""
    if isinstance(result, Estimate):
        assert low - 1e-12 <= result.point <= high + 1e-12
        for limit in (result.lower, result.upper):
            assert limit is None or low <= limit <= high
        if result.lower is not None and result.upper is not None:
            assert result.lower < result.upper
        assert result.lower is None or result.lower <= result.point + 1e-9
        assert result.upper is None or result.upper >= result.point - 1e-9
        assert result.method
    if dataclasses.is_dataclass(result):
        for field in dataclasses.fields(result):
            value = getattr(result, field.name)
            if isinstance(value, float):
                assert math.isfinite(value), field.name
                assert type(value) is float, field.name
            if "p_value" in field.name or field.name == "smallest_p":
                assert value is None or 0 < value <= 1


BINARY = st.sampled_from([0.0, 1.0, 1.0, 0.0, math.nan])


@st.composite
def grids(draw, arms: int = 1, scores: st.SearchStrategy[float] | None = None, max_cases: int = 12):
    """Values (arms, n, repeats), NaN for missing, and one cluster label per case."""
    n, repeats = draw(st.integers(1, max_cases)), draw(st.integers(1, 4))
    elements = BINARY if scores is None else scores
    values = draw(arrays.arrays(float, (arms, n, repeats), elements=elements, fill=st.nothing()))
    cluster = np.array(draw(st.one_of(st.just(list(range(n))), st.lists(st.integers(0, 3), min_size=n, max_size=n))))
    return values, cluster


def samples(grid: tuple[np.ndarray, np.ndarray]) -> list[Sample]:
    values, cluster = grid
    n, repeats = values.shape[1:]
    return [sample_of(arm.ravel(), np.repeat(np.arange(n), repeats), cluster) for arm in values]


SCORES = st.sampled_from([0.0, 0.25, 1 / 3, 0.5, 0.9, 1.0, math.nan])
TIMES = st.one_of(st.floats(0.5, 5e5), st.sampled_from([100.0, 100.0, math.inf, math.nan]))
COSTS = st.one_of(st.floats(0, 3), st.sampled_from([0.01, 0.01, 0.0, math.nan]))


@QUICK
@given(st.one_of(grids(), grids(scores=SCORES)), st.sampled_from(["population", "suite"]), st.booleans())
def test_a_share_has_limits_inside_0_and_1(grid, scope, exact):
    (sample,) = samples(grid)
    estimate = one_arm.estimate_share(sample, Settings(seed=1, scope=scope, exact=exact))
    printable(estimate, 0, 1)
    if estimate is None:
        assert not sample.scored.any() or (scope == "suite" and (sample.trials[sample.scored] < 2).any())
    printable(one_arm.intraclass_correlation(sample), 0, 1)


@QUICK
@given(grids(scores=SCORES))
def test_missing_trials_move_the_share_between_its_bounds(grid):
    (sample,) = samples(grid)
    worst, best = score_bounds(sample)
    assert 0 <= worst <= best <= 1
    if sample.n_missing == 0:
        assert worst == best
    estimate = one_arm.estimate_share(sample, SETTINGS)
    if estimate is not None and sample.scored.all():
        assert worst - 1e-12 <= estimate.point <= best + 1e-12
    assert filled(sample, 0.0).n_missing == 0


@QUICK
@given(st.one_of(grids(arms=2), grids(arms=2, scores=SCORES)), st.sampled_from(["population", "suite"]))
def test_swapping_the_arms_negates_the_difference(grid, scope):
    a, b = samples(grid)
    how = Settings(seed=1, scope=scope, n_resamples=199)
    forth, back = paired.compare_scores(b, a, how), paired.compare_scores(a, b, how)
    assert (forth is None) == (back is None)
    if forth is None:
        return
    printable(forth)
    printable(forth.estimate, -1, 1)
    assert forth.estimate.point == pytest.approx(-back.estimate.point, abs=1e-12)
    assert forth.estimate.lower == pytest.approx(-back.estimate.upper, abs=1e-9)
    assert forth.estimate.upper == pytest.approx(-back.estimate.lower, abs=1e-9)
    assert forth.p_value == pytest.approx(back.p_value)
    assert (forth.gained, forth.lost) == (back.lost, back.gained)


@QUICK
@given(grids(arms=2), st.randoms(use_true_random=False))
def test_the_order_of_cases_and_their_labels_do_not_matter(grid, random):
    values, cluster = grid
    order = random.sample(range(len(cluster)), len(cluster))
    a, b = samples(grid)
    c, d = samples((values[:, order], cluster[order] * 7 + 2))
    assert_same(one_arm.estimate_share(a, SETTINGS), one_arm.estimate_share(c, SETTINGS))
    first, second = paired.compare_scores(b, a, SETTINGS), paired.compare_scores(d, c, SETTINGS)
    assert (first is None) == (second is None)
    if first is not None:
        assert_same(first.estimate, second.estimate)
        assert first.p_value == pytest.approx(second.p_value)


def assert_same(one: Estimate | None, other: Estimate | None) -> None:
    assert (one is None) == (other is None)
    if one is not None:
        figures = [(e.point, e.lower, e.upper) for e in (one, other)]
        assert figures[0] == pytest.approx(figures[1], abs=1e-9)


@QUICK
@given(grids(arms=3))
def test_joint_intervals_are_never_narrower_than_single_ones(grid):
    arms = samples(grid)
    pairs = [(1, 0), (2, 0), (2, 1)]
    joint = multiple.simultaneous_differences(means_matrix(arms), grid[1], pairs, SETTINGS)
    for (first, second), estimate in zip(pairs, joint.estimates, strict=True):
        single = multiple.simultaneous_differences(means_matrix(arms), grid[1], [(first, second)], SETTINGS)
        printable(estimate, -1, 1)
        if estimate is not None:
            alone = single.estimates[0]
            if alone.n_clusters == min(e.n_clusters for e in joint.estimates if e is not None):
                assert estimate.lower <= alone.lower + 1e-9
                assert estimate.upper >= alone.upper - 1e-9
    unbounded = multiple.simultaneous_differences(means_matrix(arms), grid[1], pairs, SETTINGS, bounded=False)
    for estimate in unbounded.estimates:
        printable(estimate)


@QUICK
@given(grids(scores=TIMES, max_cases=40), st.sampled_from([0.05, 0.5, 0.9, 0.95, 0.99]))
def test_quantiles_are_printable_and_rise(grid, q):
    (sample,) = samples(grid)
    estimate = quantiles.estimate_quantile(sample, q, SETTINGS)
    printable(estimate, 0)
    higher = quantiles.estimate_quantile(sample, 0.995, SETTINGS)
    if higher is not None:
        assert estimate.point <= higher.point
    shown = quantiles.distribution(sample, SETTINGS)
    if shown is not None:
        assert np.all(np.diff(shown.values) > 0) and np.all(np.diff(shown.shares) > 0)
        assert np.isfinite(shown.values).all() and shown.shares[0] > 0 and shown.shares[-1] <= 1


@QUICK
@given(grids(arms=2, scores=TIMES))
def test_the_ratio_of_times_inverts_when_swapped_and_agrees_with_its_p(grid):
    a, b = samples(grid)
    forth, back = signed_rank.ratio_of_times(b, a, SETTINGS), signed_rank.ratio_of_times(a, b, SETTINGS)
    assert (forth is None) == (back is None)
    if forth is None:
        return
    printable(forth)
    printable(forth.estimate, 0)
    assert math.log(forth.estimate.point) == pytest.approx(-math.log(back.estimate.point), abs=1e-9)
    assert forth.p_value == pytest.approx(back.p_value)
    lower, upper = forth.estimate.lower, forth.estimate.upper
    if lower is not None and upper is not None:
        outside = lower > 1 + 1e-9 or upper < 1 - 1e-9
        assert outside == (forth.p_value <= 0.05) or min(abs(lower - 1), abs(upper - 1)) < 1e-9


@QUICK
@given(grids(arms=2, scores=COSTS))
def test_costs_are_printable(grid):
    a, b = samples(grid)
    printable(means.estimate_mean(a, SETTINGS, unit="usd"), 0)
    ratio = mean_ratios.ratio_of_means(b, a, SETTINGS)
    if ratio is not None:
        printable(ratio)
        printable(ratio.estimate, 0)
    right = sample_of(np.where(b.values > 0.5, 1.0, 0.0), b.case, b.cluster)
    printable(mean_ratios.cost_per_correct(a, right, SETTINGS), 0)
    result = paired.compare_values(b, a, SETTINGS, unit="usd")
    if result is not None:
        printable(result)
        printable(result.estimate)


@QUICK
@given(grids(arms=4, scores=SCORES))
def test_trends_are_printable(grid):
    matrix = means_matrix(samples(grid))
    result = trend.slope_per_step(matrix, grid[1], SETTINGS)
    if result is not None:
        printable(result)
        printable(result.estimate, -0.4, 0.4)  # 0, 0, 1, 1 is the steepest that four scores can be


@QUICK
@given(st.lists(st.floats(1e-6, 1), min_size=1, max_size=8))
def test_adjusted_p_values_keep_their_order_and_only_grow(p_values):
    for adjusted in (multiple.holm(p_values), multiple.benjamini_hochberg(p_values)):
        assert all(before <= after <= 1 for before, after in zip(p_values, adjusted, strict=True))
        order = np.argsort(p_values, kind="stable")
        assert np.all(np.diff(np.array(adjusted)[order]) >= 0)
    assert max(p_values) <= max(multiple.holm(p_values))


@QUICK
@given(grids(scores=TIMES, max_cases=30))
def test_drift_is_printable(grid):
    (sample,) = samples(grid)
    n = len(sample.values)
    printable(drift.send_order_drift(sample.values, sample.case, np.zeros(n, np.int64), np.arange(n)))


def test_the_same_seed_gives_the_same_bits_and_another_does_not():
    x = np.random.default_rng(0).random((137, 3))
    one, again = (resampled_sums(x, Settings(seed=8, n_resamples=1234)) for _ in range(2))
    assert one.shape == (1234, 3)
    assert one.tobytes() == again.tobytes()
    assert one.tobytes() != resampled_sums(x, Settings(seed=9, n_resamples=1234)).tobytes()
    u = x[:, 0] - 0.4
    assert sign_flip(u, SETTINGS) == sign_flip(u, SETTINGS)
