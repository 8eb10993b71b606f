"""Every method against values that the code under test did not make (``reference/make_references.py``)."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from evalharness.stats import (
    mean_ratios,
    means,
    multiple,
    one_arm,
    paired,
    planning,
    quantiles,
    signed_rank,
    trend,
    unpaired,
)
from evalharness.stats.bootstrap import sign_flip
from evalharness.stats.proportions import clopper_pearson, difference_limits, normal_quantile, tango, wilson
from evalharness.stats.sample import Sample, Settings, cluster_variance, sample_of

ROWS = json.loads((Path(__file__).parent / "reference" / "references.json").read_text(encoding="utf-8"))
SETTINGS = Settings(seed=11)
Z = normal_quantile(0.95)


def of(what: str) -> pytest.MarkDecorator:
    rows = [(row["given"], row["expected"]) for row in ROWS if row["what"] == what]
    assert rows, f"no reference for {what}"
    return pytest.mark.parametrize(("given", "expected"), rows)


def one_each(values: list[float] | np.ndarray) -> Sample:
    """One trial per case, each case its own cluster."""
    return sample_of(values, np.arange(len(values)), np.arange(len(values)))


def flips(gained: int, lost: int, n: int) -> tuple[Sample, Sample]:
    """Candidate and baseline of ``n`` cases with that many flips."""
    baseline = np.zeros(n)
    baseline[gained : gained + lost] = 1
    candidate = np.zeros(n)
    candidate[:gained] = 1
    return one_each(candidate), one_each(baseline)


@of("wilson")
def test_wilson(given, expected):
    limits = wilson(given["right"] / given["n"], given["n"], normal_quantile(given["level"]))
    assert limits == pytest.approx(expected, abs=1e-10)


@of("wilson")
def test_share_of_single_trials_is_plain_wilson(given, expected):
    values = np.zeros(given["n"])
    values[: given["right"]] = 1
    estimate = one_arm.estimate_share(one_each(values), Settings(seed=1, level=given["level"]))
    assert (estimate.lower, estimate.upper) == pytest.approx(expected, abs=1e-10)
    assert (estimate.method, estimate.n_effective) == ("Wilson", given["n"])


@of("clopper_pearson")
def test_clopper_pearson(given, expected):
    limits = clopper_pearson(given["right"] / given["n"], given["n"], given["level"])
    assert limits == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("right", "n", "by_score", "by_exact"),
    [
        (81, 263, (0.2553, 0.3662), (0.2527, 0.3676)),
        (15, 148, (0.0624, 0.1605), (0.0578, 0.1617)),
        (0, 20, (0.0, 0.1611), (0.0, 0.1684)),
        (1, 29, (0.0061, 0.1718), (0.0009, 0.1776)),
    ],
)
def test_limits_of_shares_are_those_printed_by_newcombe_1998(right, n, by_score, by_exact):
    """Newcombe 1998, Statistics in Medicine 17:857, table I, methods 3 and 5."""
    assert wilson(right / n, n, Z) == pytest.approx(by_score, abs=5e-5)
    assert clopper_pearson(right / n, n, 0.95) == pytest.approx(by_exact, abs=5e-5)


def test_thirty_of_thirty_is_at_least_88_6_percent():
    """The sentence of the specification, and 30 / (30 + 1.96^2) by hand."""
    estimate = one_arm.estimate_share(one_each(np.ones(30)), SETTINGS)
    assert estimate.lower == pytest.approx(30 / (30 + 1.959963985**2), abs=1e-9)
    assert (round(estimate.lower, 3), estimate.upper) == (0.886, 1.0)


@of("tango")
def test_tango(given, expected):
    assert tango(given["gained"], given["lost"], given["n"], Z) == pytest.approx(expected, abs=2e-7)


@of("tango")
def test_single_paired_trials_have_tangos_interval(given, expected):
    result = paired.compare_scores(*flips(given["gained"], given["lost"], given["n"]), SETTINGS)
    assert (result.estimate.lower, result.estimate.upper) == pytest.approx(expected, abs=2e-7)
    assert (result.gained, result.lost, result.n_pairs) == (given["gained"], given["lost"], given["n"])


def test_airway_example_is_as_printed_by_fagerland_2014():
    """Fagerland, Lydersen and Laake 2014, Statistics in Medicine 33:2850: 1 and 7 discordant of 21 pairs."""
    result = paired.compare_scores(*flips(1, 7, 21), SETTINGS)
    assert (round(result.estimate.lower, 3), round(result.estimate.upper, 3)) == (-0.517, -0.026)
    assert round(result.p_value, 4) == 0.0391
    exact = paired.compare_scores(*flips(1, 7, 21), Settings(seed=1, exact=True))
    assert round(exact.p_value, 4) == 0.0703


@pytest.mark.parametrize("n", [1, 10, 250])
def test_without_a_flip_the_interval_is_that_of_the_specification(n):
    result = paired.compare_scores(one_each(np.ones(n)), one_each(np.ones(n)), SETTINGS)
    half = 1.959963985**2 / (n + 1.959963985**2)
    assert (result.estimate.lower, result.estimate.upper) == pytest.approx((-half, half), abs=1e-8)
    assert result.p_value == 1.0


@of("mcnemar_exact")
def test_exact_mcnemar(given, expected):
    result = paired.compare_scores(*flips(given["gained"], given["lost"], 120), Settings(seed=1, exact=True))
    assert result.p_value == pytest.approx(expected, rel=1e-9)


@of("mcnemar_midp")
def test_mid_p_mcnemar(given, expected):
    result = paired.compare_scores(*flips(given["gained"], given["lost"], 120), SETTINGS)
    assert result.p_value == pytest.approx(expected, rel=1e-9)


@of("newcombe")
def test_newcombe_difference(given, expected):
    b, a = given["b"] / given["n_b"], given["a"] / given["n_a"]
    limits = difference_limits(b, wilson(b, given["n_b"], Z), a, wilson(a, given["n_a"], Z))
    assert limits == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(
    ("b", "n_b", "a", "n_a", "printed"),
    [(56, 70, 48, 80, (0.0524, 0.3339)), (9, 10, 3, 10, (0.1705, 0.8090)), (5, 56, 0, 29, (-0.0381, 0.1926))],
)
def test_arms_without_a_common_case_have_the_interval_printed_by_newcombe(b, n_b, a, n_a, printed):
    """Newcombe 1998, Statistics in Medicine 17:873, table II, method 10."""
    n = n_b + n_a
    first = sample_of(np.arange(n_b) < b, np.arange(n_b), np.arange(n))
    second = sample_of(np.arange(n_a) < a, np.arange(n_b, n), np.arange(n))
    result = paired.compare_scores(first, second, SETTINGS)
    assert (result.estimate.lower, result.estimate.upper) == pytest.approx(printed, abs=5e-5)
    assert result.design == "unpaired"
    assert result.agrees


@of("holm")
def test_holm(given, expected):
    assert multiple.holm(given["p"]) == pytest.approx(expected)


@of("bh")
def test_benjamini_hochberg(given, expected):
    assert multiple.benjamini_hochberg(given["p"]) == pytest.approx(expected)


@of("cluster_se")
def test_clustered_standard_error(given, expected):
    variance = cluster_variance(np.array(given["x"]), np.array(given["cluster"]))
    assert np.sqrt(variance) == pytest.approx(expected, rel=1e-9)


def test_the_clustered_standard_error_of_miller_2024_is_that_of_single_cases_without_clusters():
    x = np.array([1.0, 0, 0, 1, 1, 1, 0, 1])
    assert cluster_variance(x, np.arange(8)) == pytest.approx(x.var(ddof=1) / 8)


@of("sign_flip")
def test_exact_sign_flips(given, expected):
    result = sign_flip(np.array(given["u"]), SETTINGS)
    assert result.p_value == pytest.approx(expected)
    assert result.smallest_p == 2.0 ** (1 - len(given["u"]))


@pytest.mark.parametrize("step", [1.0, 1 / 3, 0.1])
def test_sign_flips_of_multiples_of_a_step_are_exact(step):
    """Against all 2^19 flips, listed."""
    rng = np.random.default_rng(11)
    u = rng.choice([-3, -2, 1, 2, 3], 19, p=[0.1, 0.2, 0.1, 0.4, 0.2]) * step
    signs = 2.0 * ((np.arange(2**19)[:, None] >> np.arange(19)) & 1) - 1
    full = float((np.abs(signs @ u) >= abs(u.sum()) - 1e-9).mean())
    result = sign_flip(u, SETTINGS)
    assert (result.method, result.smallest_p) == ("sign flip, exact", 2.0**-18)
    assert result.p_value == pytest.approx(full, rel=1e-9)


@pytest.mark.parametrize(("gained", "lost"), [(40, 20), (1_200, 1_000), (30, 30), (3_000, 0)])
def test_sign_flips_of_equal_totals_are_the_binomial_test(gained, lost):
    u = np.array([0.5] * gained + [-0.5] * lost)
    expected = max(stats.binomtest(gained, gained + lost).pvalue, 1e-12)
    assert sign_flip(u, SETTINGS).p_value == pytest.approx(expected, rel=1e-6)


def test_random_sign_flips_come_near_all_flips():
    """18 totals: 2^18 flips in full here, 10,000 at random there."""
    u = np.random.default_rng(0).normal(0.4, 1, 18)
    signs = 2.0 * ((np.arange(2**18)[:, None] >> np.arange(18)) & 1) - 1
    full = float((np.abs(signs @ u) >= abs(u.sum()) - 1e-9).mean())
    assert sign_flip(u, SETTINGS).p_value == pytest.approx(full, abs=4 * np.sqrt(full * (1 - full) / 10_000))


@of("signed_rank")
def test_signed_rank_ratio(given, expected):
    d = np.array(given["d"])
    result = signed_rank.ratio_of_times(one_each(np.exp(d)), one_each(np.ones(len(d))), SETTINGS)
    assert result.estimate.point == pytest.approx(np.exp(expected["point"]), rel=1e-9)
    assert result.p_value == pytest.approx(expected["p"], rel=1e-6)


def test_depression_example_is_as_printed_by_hollander_and_wolfe():
    """Nonparametric Statistical Methods, example 3.1: estimate -0.46, 96.1% interval -0.786 to -0.010, T+ = 40."""
    x = np.array([1.83, 0.50, 1.62, 2.48, 1.68, 1.88, 1.55, 3.06, 1.30])
    y = np.array([0.878, 0.647, 0.598, 2.05, 1.06, 1.29, 1.06, 3.14, 1.29])
    result = signed_rank.ratio_of_times(one_each(np.exp(y)), one_each(np.exp(x)), Settings(seed=1, level=0.9609))
    assert np.log(result.estimate.point) == pytest.approx(-0.46, abs=5e-4)
    limits = np.log([result.estimate.lower, result.estimate.upper])
    assert limits == pytest.approx([-0.786, -0.010], abs=5e-4)
    assert result.p_value == pytest.approx(0.0390625)


@of("ranks")
def test_order_statistic_ranks(given, expected):
    n = given["n"]
    estimate = quantiles.estimate_quantile(
        one_each(np.arange(1.0, n + 1)), given["q"], Settings(seed=1, level=given["level"])
    )
    low, high = expected
    point = int(np.ceil(given["q"] * n - 1e-9))
    assert estimate.point == point
    # A limit that would tie with the point moves out by one value, so that no interval has width zero.
    assert estimate.lower == (None if low is None else (low if low != point else low - 1 or None))
    assert estimate.upper == high


@pytest.mark.parametrize(
    ("q", "level", "fewest"),
    [
        *[(0.5, 0.95, 6), (0.9, 0.95, 36), (0.95, 0.95, 72), (0.99, 0.95, 368), (0.999, 0.95, 3688)],
        *[(0.5, 0.9, 5), (0.9, 0.9, 29), (0.95, 0.9, 59), (0.99, 0.9, 299), (0.999, 0.9, 2995)],
    ],
)
def test_an_upper_limit_exists_from_the_number_of_the_specification(q, level, fewest):
    """Table of the specification: q^n <= alpha/2 two-sided at 95%, one-sided 95% as level 0.90."""
    assert quantiles.fewest_for_upper(q, level) == fewest
    settings = Settings(seed=1, level=level)
    assert quantiles.estimate_quantile(one_each(np.arange(1.0, fewest + 1)), q, settings).upper is not None
    short = quantiles.estimate_quantile(one_each(np.arange(1.0, fewest)), q, settings)
    assert short.upper is None
    assert f"n too small for an upper limit, {fewest} are needed" in short.method


@of("dkw")
def test_dkw_band(given, expected):
    sample = one_each(np.arange(1.0, given["n"] + 1))
    assert quantiles.distribution(sample, SETTINGS).band == pytest.approx(expected)


@of("bootstrap_t")
def test_studentised_mean_comes_near_all_draws(given, expected):
    settings = Settings(seed=5, level=given["level"], n_resamples=100_000)
    estimate = means.estimate_mean(one_each(given["x"]), settings, unit="usd")
    assert (estimate.lower, estimate.upper) == pytest.approx(expected, rel=0.03)


def test_standard_error_of_a_ratio_of_means_is_that_of_the_delta_method():
    """Var(log R) = Var(b)/b^2 + Var(a)/a^2 - 2 Cov(a, b)/(ab), from numpy's covariance matrix."""
    rng = np.random.default_rng(2)
    a = rng.lognormal(0, 0.5, 80)
    b = a * rng.lognormal(0.1, 0.3, 80)
    cov = np.cov(b, a) / 80
    by_delta = cov[0, 0] / b.mean() ** 2 + cov[1, 1] / a.mean() ** 2 - 2 * cov[0, 1] / (a.mean() * b.mean())
    (fit,) = mean_ratios.studentised_log_ratios([(b, a)], np.arange(80), SETTINGS)
    assert fit.standard_error == pytest.approx(np.sqrt(by_delta), rel=1e-9)
    assert fit.point == pytest.approx(np.log(b.mean() / a.mean()))


@of("spearman")
def test_spearman(given, expected):
    result = trend.spearman(np.array(given["x"]), np.array(given["y"]))
    assert (result.rho, result.p_value) == pytest.approx(expected)


@of("slope")
def test_slope_per_step(given, expected):
    rows = np.array(given["rows"])
    estimate = trend.slope_per_step(rows, np.arange(len(rows)), SETTINGS).estimate
    assert (estimate.point, estimate.lower, estimate.upper) == pytest.approx(expected)


@of("welch")
def test_welch(given, expected):
    b, a = given["b"], given["a"]
    n = len(b) + len(a)
    first = sample_of(b, np.arange(len(b)), np.arange(n))
    second = sample_of(a, np.arange(len(b), n), np.arange(n))
    result = unpaired.welch(first, second, SETTINGS, unit="ms")
    assert (result.estimate.lower, result.estimate.upper, result.p_value) == pytest.approx(expected)


@of("icc")
def test_intraclass_correlation(given, expected):
    trials = np.array(given["trials"])
    n, repeats = trials.shape
    sample = sample_of(trials.ravel(), np.repeat(np.arange(n), repeats), np.arange(n))
    assert one_arm.intraclass_correlation(sample) == pytest.approx(expected, abs=1e-4)


@of("dunnett")
def test_joint_critical_value_of_comparisons_with_one_baseline_is_dunnetts(given, expected):
    """Independent normal arms: differences with one baseline correlate by 1/2."""
    rows = np.random.default_rng(4).normal(size=(1500, given["k"] + 1))
    pairs = [(arm, 0) for arm in range(1, given["k"] + 1)]
    joint = multiple.simultaneous_differences(rows, np.arange(1500), pairs, SETTINGS, bounded=False)
    assert joint.critical == pytest.approx(expected, rel=0.02)


@of("tukey")
def test_joint_critical_value_of_all_pairs_is_tukeys(given, expected):
    arms = given["arms"]
    rows = np.random.default_rng(4).normal(size=(1500, arms)) + np.arange(1500)[:, None]
    pairs = [(i, j) for i in range(arms) for j in range(i)]
    joint = multiple.simultaneous_differences(rows, np.arange(1500), pairs, SETTINGS, bounded=False)
    assert joint.critical == pytest.approx(expected, rel=0.02)


def test_cases_to_settle_is_millers_sample_size():
    """Miller 2024, arXiv 2411.00640, section 5: omega^2 = 1/9, 3 points, 80% power: 969 questions."""
    question = planning.Question(distance=0.03, variance=1 / 9, variance_at_limit=1 / 9)
    assert planning.cases_to_settle([question], critical=Z) == 969


@pytest.mark.parametrize(("repeats", "points"), [(1, 13.27), (10, 7.57)])
def test_detectable_difference_is_millers_at_198_questions(repeats, points):
    """Miller 2024, section 5: 198 questions, 1 and 10 answers each; printed 13.2 and 7.5, recomputed 13.27 and 7.57.

    Beyond those questions come the few that a score interval with t limits takes, which the paper leaves out.
    """
    questions = 198 + planning.Odds().allowance
    assert 100 * planning.detectable_difference(questions, repeats) == pytest.approx(points, abs=0.01)
