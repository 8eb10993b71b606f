"""What a reader relies on, case by case: data at the edges, failures, missing trials, scope, drift."""

from __future__ import annotations

import math

import numpy as np
import pytest

from evalharness.stats import drift, mean_ratios, means, multiple, one_arm, paired, quantiles, signed_rank, trend
from evalharness.stats.proportions import normal_quantile, t_quantile, wilson
from evalharness.stats.sample import Sample, Settings, filled, restricted, sample_of, score_bounds

SETTINGS = Settings(seed=1, n_resamples=2000)


def trials(rows: object) -> Sample:
    """(cases, repeats), NaN for missing; each case its own cluster."""
    values = np.asarray(rows, float)
    n, repeats = values.shape
    return sample_of(values.ravel(), np.repeat(np.arange(n), repeats), np.arange(n))


def column(values: object) -> Sample:
    return trials(np.asarray(values, float)[:, None])


def test_columns_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="columns of one length"):
        sample_of([1.0, 0.0], [0], [0])
    with pytest.raises(ValueError, match=r"0\.\.0"):
        sample_of([1.0], [1], [0])


def test_a_case_without_a_score_stays_in_the_plan_and_in_the_bounds():
    sample = trials([[1, 1], [0, math.nan], [math.nan, math.nan], [1, 0]])
    assert sample.scored.tolist() == [True, True, False, True]
    assert sample.n_missing == 3
    # (1 + 0 + 0 + .5)/4 and (1 + .5 + 1 + .5)/4 by hand
    assert score_bounds(sample) == (0.375, 0.75)
    estimate = one_arm.estimate_share(sample, SETTINGS)
    assert (estimate.n, estimate.n_trials, estimate.point) == (3, 5, 0.5)


def test_scores_outside_0_and_1_are_refused_where_a_share_is_asked_for():
    with pytest.raises(ValueError, match="score must lie"):
        one_arm.estimate_share(column([0.5, 3.0]), SETTINGS)
    with pytest.raises(ValueError, match="score must lie"):
        paired.compare_scores(column([0.5, 3.0]), column([0.5, 1.0]), SETTINGS)


def test_repeats_widen_the_interval_to_what_the_cases_can_tell():
    """Ten copies of the same answer are one answer: 40 cases, all repeats alike."""
    once = np.tile([1.0, 0.0], 20)
    single, repeated = column(once), trials(np.repeat(once[:, None], 10, axis=1))
    one, ten = (one_arm.estimate_share(sample, SETTINGS) for sample in (single, repeated))
    assert ten.n_trials == 400
    assert ten.n_effective < 40
    assert ten.upper - ten.lower >= one.upper - one.lower
    assert one_arm.intraclass_correlation(repeated) == pytest.approx(1.0)
    assert one_arm.mixed_share(repeated) == 0.0


def test_the_effective_n_is_that_of_the_formula_worked_by_hand():
    rows = np.array([[1, 1, 0], [0, 0, 0], [1, 1, 1], [1, 0, 1], [1, 1, 1], [0, 1, 0]] * 5, float)
    y = rows.mean(axis=1)
    variance = y.var(ddof=1) / len(y)
    factor = (normal_quantile(0.95) / t_quantile(0.95, len(y) - 1)) ** 2
    n_effective = min(y.mean() * (1 - y.mean()) / variance, rows.size) * factor
    estimate = one_arm.estimate_share(trials(rows), SETTINGS)
    assert estimate.n_effective == pytest.approx(n_effective)
    assert (estimate.lower, estimate.upper) == pytest.approx(wilson(y.mean(), n_effective, normal_quantile(0.95)))


def test_all_right_with_repeats_counts_cases_and_not_trials():
    estimate = one_arm.estimate_share(trials(np.ones((30, 5))), SETTINGS)
    assert estimate.n_effective == 30
    assert estimate.lower == pytest.approx(30 / (30 + normal_quantile(0.95) ** 2))


def test_scope_suite_is_narrower_and_needs_repeats():
    rng = np.random.default_rng(0)
    rows = (rng.random((50, 6)) < rng.beta(0.5, 0.5, 50)[:, None]).astype(float)
    suite = Settings(seed=1, scope="suite")
    here, anywhere = (one_arm.estimate_share(trials(rows), how) for how in (suite, SETTINGS))
    assert here.upper - here.lower < 0.6 * (anywhere.upper - anywhere.lower)
    assert one_arm.estimate_share(column(rows[:, 0]), suite) is None
    again = (rng.random((50, 6)) < 0.5).astype(float)
    assert paired.compare_scores(trials(rows), trials(again), suite).p_method == "inverted Newcombe interval"


def test_clusters_count_once():
    """Twelve copies of five questions tell as much as five."""
    y = np.array([1.0, 0, 1, 1, 0])
    copies = sample_of(np.repeat(y, 12), np.arange(60), np.repeat(np.arange(5), 12))
    estimate = one_arm.estimate_share(copies, SETTINGS)
    assert estimate.n_clusters == 5
    assert estimate.n_effective < 5


def test_what_cancels_within_every_cluster_is_no_spread_however_it_was_rounded():
    """Deviations of 1/3, 1/3 and -2/3 add up to 1e-16, of which a limit would be made that looks like certainty."""
    cluster = np.repeat(np.arange(4), 3)
    tokens = sample_of(np.tile([73.0, 73.0, 72.0], 4), np.arange(12), cluster)
    estimate = means.estimate_mean(tokens, SETTINGS, unit="tokens")
    assert (estimate.lower, estimate.upper) == (None, None)
    thirds = np.tile([[1.0, 1, 0], [1, 1, 0], [0, 0, 1]], (20, 1))
    better = sample_of(thirds.ravel(), np.repeat(np.arange(60), 3), np.repeat(np.arange(20), 3))
    worse = sample_of(np.tile([1.0, 0, 0, 1, 0, 0, 1, 1, 1], 20), np.repeat(np.arange(60), 3), better.cluster)
    exact = sample_of(np.tile([1.0, 0], 40), np.arange(80), np.repeat(np.arange(20), 4))
    turned = sample_of(np.tile([0.0, 1], 40), np.arange(80), exact.cluster)
    for candidate, baseline in ((better, worse), (exact, turned)):
        found = paired.compare_scores(candidate, baseline, SETTINGS).estimate
        assert found.point == pytest.approx(0, abs=1e-12)
        assert found.upper - found.lower > 0.1
    joint = multiple.simultaneous_differences(
        np.column_stack([better.means, worse.means]), better.cluster, [(0, 1)], SETTINGS
    )
    assert joint.estimates[0].upper - joint.estimates[0].lower > 0.1


def test_without_any_score_there_is_no_estimate():
    nothing = column([math.nan, math.nan])
    some = column([1.0, 0.0])
    assert one_arm.estimate_share(nothing, SETTINGS) is None
    assert paired.compare_scores(nothing, some, SETTINGS) is None
    assert means.estimate_mean(nothing, SETTINGS, unit="usd") is None
    assert mean_ratios.ratio_of_means(some, nothing, SETTINGS) is None
    assert quantiles.estimate_quantile(nothing, 0.5, SETTINGS) is None
    assert signed_rank.ratio_of_times(some, nothing, SETTINGS) is None


def test_at_no_difference_the_scaled_interval_has_the_cluster_variance():
    """The specification: at a difference of 0 the variance is exactly sum u_g^2 / n^2."""
    totals = np.array([1.5, -1.5, 0.5, -0.5, 2.0, -2.0])
    up = down = 4.0
    n, critical = 400.0, 0.01  # so near to 0 that the score interval is its normal limit
    lower, upper = paired.scaled_tango(up, down, float((totals**2).sum()), n, 6, critical)
    assert (upper - lower) / (2 * critical) == pytest.approx(math.sqrt((totals**2).sum()) / n, rel=1e-3)


def test_one_cluster_says_nothing_about_other_cases():
    one = sample_of(np.ones(4), np.arange(4), np.zeros(4, int))
    zero = sample_of(np.zeros(4), np.arange(4), np.zeros(4, int))
    result = paired.compare_scores(one, zero, SETTINGS)
    assert (result.estimate.lower, result.estimate.upper, result.p_value) == (-1.0, 1.0, 1.0)
    joint = multiple.simultaneous_differences(np.eye(2), np.zeros(2, int), [(0, 1)], SETTINGS)
    assert (joint.estimates[0].lower, joint.estimates[0].upper) == (-1.0, 1.0)


def test_gains_and_losses_that_are_rounding_alone_are_no_flips():
    a, b = trials([[0.1, 0.2, 0.3]] * 8), trials([[0.3, 0.2, 0.1]] * 8)
    result = paired.compare_scores(b, a, SETTINGS)
    assert (result.gained, result.lost, result.estimate.point) == (0, 0, 0.0)
    assert result.p_value == 1.0


def test_an_interval_that_leaves_out_0_while_p_is_above_alpha_does_not_agree():
    """Six gains, no loss, exact test: p = 2/64 at level 0.95 agrees, at 0.99 both stay undecided; five do not agree."""
    five = paired.compare_scores(column([1.0] * 5 + [0] * 15), column([0.0] * 20), Settings(seed=1, exact=True))
    assert five.p_value == pytest.approx(2 / 32)
    assert five.estimate.lower > 0
    assert not five.agrees
    six = paired.compare_scores(column([1.0] * 6 + [0] * 14), column([0.0] * 20), Settings(seed=1, exact=True))
    assert six.agrees


def test_constant_costs_have_no_limits_and_say_why():
    estimate = means.estimate_mean(column([0.1 + 0.2] * 12), SETTINGS, unit="usd")
    assert (estimate.lower, estimate.upper) == (None, None)
    assert "no spread" in estimate.method
    doubled = mean_ratios.ratio_of_means(column([0.2, 0.6, 1.4]), column([0.1, 0.3, 0.7]), SETTINGS)
    assert doubled.estimate.point == pytest.approx(2)
    assert (doubled.estimate.lower, doubled.p_value) == (None, None)


def test_a_mean_of_times_that_never_ended_is_refused():
    with pytest.raises(ValueError, match="never ended"):
        means.estimate_mean(column([1.0, math.inf]), SETTINGS, unit="ms")
    with pytest.raises(ValueError, match="never ended"):
        paired.compare_values(column([1.0, math.inf]), column([1.0, math.inf]), SETTINGS, unit="ms")


def test_no_right_answer_has_no_cost_per_right_answer():
    assert mean_ratios.cost_per_correct(column([0.1, 0.2]), column([0.0, 0.0]), SETTINGS) is None
    some = mean_ratios.cost_per_correct(column([0.1, 0.2, 0.3]), column([0.0, 1.0, 0.0]), SETTINGS)
    assert some.point == pytest.approx(0.6)
    assert some.lower < 0.6 < some.upper


def test_failed_trials_keep_their_rank():
    """100 trials of which 4 never ended: p95 is the 95th of all, not of those that ended."""
    times = np.concatenate([np.arange(1.0, 97.0), [math.inf] * 4])
    assert quantiles.estimate_quantile(column(times), 0.95, SETTINGS).point == 95
    among = quantiles.estimate_quantile(column(times), 0.96, SETTINGS)
    assert (among.point, among.upper) == (96, None)
    assert "failed" in among.method
    assert quantiles.estimate_quantile(column(times), 0.97, SETTINGS) is None
    shown = quantiles.distribution(column(times), SETTINGS)
    assert shown.shares[-1] == pytest.approx(0.96)


def test_a_quantile_among_the_failed_still_has_limits_for_decisions():
    """100 trials: the lower rank of the median is 40 (binomial tail), so 40 that ended still bound it, 20 do not."""
    forty = quantiles.quantile_limits(column([*range(1, 41), *[math.inf] * 60]), 0.5, SETTINGS)
    assert (forty.lower, forty.upper) == (40.0, math.inf)
    twenty = quantiles.quantile_limits(column([*range(1, 21), *[math.inf] * 80]), 0.5, SETTINGS)
    assert (twenty.lower, twenty.upper) == (math.inf, math.inf)
    assert quantiles.estimate_quantile(column([*range(1, 41), *[math.inf] * 60]), 0.5, SETTINGS) is None


def test_tied_times_widen_to_the_next_value_and_equal_ones_have_no_limits():
    tied = quantiles.estimate_quantile(column([10.0] * 5 + [20.0] * 90 + [30.0] * 5), 0.5, SETTINGS)
    assert (tied.lower, tied.point, tied.upper) == (10, 20, 30)
    equal = quantiles.estimate_quantile(column([20.0] * 50), 0.5, SETTINGS)
    assert (equal.lower, equal.upper) == (None, None)


def test_cases_weigh_equally_in_a_quantile_however_many_trials_they_have():
    """One case with 9 fast trials, nine with one slow trial each: the median is slow."""
    sample = sample_of([1.0] * 9 + [100.0 + i for i in range(9)], [0] * 9 + list(range(1, 10)), np.arange(10))
    assert quantiles.estimate_quantile(sample, 0.5, SETTINGS).point > 100


def test_the_drawn_distribution_is_thinned_and_keeps_its_tail():
    times = np.sort(np.random.default_rng(0).lognormal(5, 1, 5000))
    shown = quantiles.distribution(column(times), SETTINGS)
    assert len(shown.values) <= 200
    assert list(shown.values[-20:]) == times[-20:].tolist()


def test_cases_that_failed_in_both_arms_are_ties_and_in_one_are_slower_than_any_ratio():
    baseline = [100.0] * 10 + [math.inf]
    candidate = [120.0 + i for i in range(9)] + [math.inf, math.inf]
    result = signed_rank.ratio_of_times(column(candidate), column(baseline), SETTINGS)
    assert (result.ties, result.slower, result.faster, result.n_pairs) == (1, 10, 0, 11)
    assert result.estimate.lower > 1
    assert result.estimate.upper is None or math.isfinite(result.estimate.upper)


def test_a_ratio_that_no_float_holds_is_none_and_a_limit_there_is_missing():
    tiny, huge = [1e-300 * (1 + i) for i in range(10)], [1e300] * 10
    assert signed_rank.ratio_of_times(column(huge), column(tiny), SETTINGS) is None
    assert signed_rank.ratio_of_times(column(tiny), column(huge), SETTINGS) is None
    found = signed_rank.ratio_of_times(
        column([*huge[:4], *[3.0] * 6]), column([*tiny[:4], *[1.0, 1.1, 1.2] * 2]), SETTINGS
    )
    assert math.isfinite(found.estimate.point)
    assert found.estimate.lower == pytest.approx(2.5, rel=0.2)
    assert found.estimate.upper is None


def test_five_cases_give_a_ratio_without_limits():
    result = signed_rank.ratio_of_times(column([2.0, 3, 4, 5, 6]), column([1.0, 2, 3, 4, 5]), SETTINGS)
    assert (result.estimate.lower, result.estimate.upper) == (None, None)
    assert result.smallest_p == pytest.approx(2 / 32)


def test_a_pair_of_arms_without_a_common_case_has_no_joint_interval():
    matrix = np.array([[1, math.nan, 0], [math.nan, 1, 1], [0, math.nan, 1], [1, math.nan, 0.0]])
    joint = multiple.simultaneous_differences(matrix, np.arange(4), [(0, 1), (0, 2)], SETTINGS)
    assert joint.estimates[0] is None
    assert joint.estimates[1].n == 3


def test_restricting_leaves_other_cases_unscored():
    sample = restricted(trials([[1, 0], [1, 1], [0, 0]]), np.array([True, False, True]))
    assert sample.scored.tolist() == [True, False, True]
    assert filled(sample, 1.0).scored.tolist() == [True, False, True]


def test_a_trend_needs_two_levels_and_complete_cases():
    assert trend.slope_per_step(np.ones((4, 1)), np.arange(4), SETTINGS) is None
    assert trend.slope_per_step(np.full((4, 2), math.nan), np.arange(4), SETTINGS) is None


@pytest.mark.parametrize("repeats", [1, 4])
def test_a_service_that_slows_down_is_noticed_although_cases_and_arms_differ(repeats):
    """Interleaved as the runner does: one case in all arms, cases shuffled, one pass per repeat."""
    rng = np.random.default_rng(3)
    order = [(c, a) for _ in range(repeats) for c in rng.permutation(80) for a in rng.permutation(3)]
    case, arm = np.array(order).T
    own = rng.normal(0, 0.2, 80)
    steady = np.exp(6 + own[case] + 0.4 * arm + rng.normal(0, 0.2, len(case)))
    sent = np.arange(len(case), dtype=float)
    slower = steady * np.exp(0.6 * sent / len(case))
    assert not drift.send_order_drift(steady, case, arm, sent).drifting
    found = drift.send_order_drift(slower, case, arm, sent)
    assert found.drifting
    assert 1.15 < found.half_ratio < 1.6


def test_shares_of_other_cases_that_differ_by_rounding_alone_are_not_told_apart():
    """0.0, 0.1 and 0.2 have a mean of 0.10000000000000002."""
    candidate, baseline = column([0.0, 0.1, 0.2, math.nan, math.nan]), column([math.nan] * 3 + [0.05, 0.15])
    found = paired.compare_scores(candidate, baseline, SETTINGS)
    assert found.estimate.point != 0
    assert found.p_value == 1.0
    assert found.estimate.lower < 0 < found.estimate.upper


def test_clusters_whose_deviations_cancel_have_no_spread_and_rounding_makes_none():
    """Four clusters of 0.1, 0.2 and 0.4 in another order each: sums differ in the sixteenth digit alone."""
    scores = np.array([0.1, 0.2, 0.4, 0.4, 0.1, 0.2, 0.2, 0.4, 0.1, 0.4, 0.2, 0.1])
    sample = sample_of(scores, np.arange(12), np.repeat(np.arange(4), 3))
    share = one_arm.estimate_share(sample, SETTINGS)
    assert share.n_effective == 4
    assert share.upper - share.lower > 0.3
    tokens = means.estimate_mean(sample, SETTINGS, unit="tokens")
    assert (tokens.lower, tokens.upper) == (None, None)
