"""Tags: pooling against metafor, and claims only where tags are shown to differ."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evalharness.core.estimate import Estimate
from evalharness.stats.pooling import cochran_q, pooled, variance_of
from evalharness.stats.proportions import normal_quantile
from evalharness.stats.sample import Settings
from evalharness.stats.tags import tag_effects
from tests.stats import calibrate_planning
from tests.stats.calibrate import long, measure

ROWS = json.loads((Path(__file__).parent / "reference" / "planning.json").read_text(encoding="utf-8"))
SETTINGS = Settings(seed=5, n_resamples=999)
Z = normal_quantile(0.95)


def estimates(points: list[float], variances: list[float]) -> list[Estimate]:
    return [
        Estimate(point=point, lower=point - Z * v**0.5, upper=point + Z * v**0.5, method="", n=10, unit="share")
        for point, v in zip(points, variances, strict=True)
    ]


@pytest.mark.parametrize("row", [row for row in ROWS if row["what"] == "pool"])
def test_pool_is_metafors(row):
    """rma(method = "PM"), blup and the Q-profile of R's metafor."""
    given, expected = estimates(row["given"]["points"], row["given"]["variances"]), row["expected"]
    pool = pooled(given)
    assert pool.between == pytest.approx(expected["between"], rel=1e-6, abs=1e-9)
    assert pool.between_limit == pytest.approx(expected["between_limit"], rel=1e-4, abs=1e-7)
    assert pool.mean == pytest.approx(expected["mean"], rel=1e-6)
    q = cochran_q(np.array(row["given"]["points"]), np.array(row["given"]["variances"]))
    assert q == pytest.approx(expected["q"], rel=1e-6)
    shrunk = [pool.shrunk(each).point for each in given]
    assert shrunk == pytest.approx(expected["shrunk"], rel=1e-5, abs=1e-8)


def test_two_equal_estimates_have_no_spread_and_their_q_is_zero():
    assert cochran_q(np.array([0.1, 0.1]), np.array([0.01, 0.02])) == pytest.approx(0, abs=1e-12)
    pool = pooled(estimates([0.1, 0.1], [0.01, 0.02]))
    assert pool.between == 0
    assert pool.shrunk(estimates([0.1], [0.01])[0]).point == pytest.approx(0.1)


@pytest.mark.parametrize(("k", "tau"), [(3, 0.0), (5, 0.05), (10, 0.05), (20, 0.1)])
def test_shrunk_intervals_cover(k, tau):
    rng = np.random.default_rng(12)
    covered = []
    for _ in range(300):
        v = rng.uniform(0.5, 2, k) * 0.05**2
        truth = rng.normal(0.02, tau, k)
        given = estimates(list(truth + rng.normal(0, np.sqrt(v))), list(v))
        pool = pooled(given)
        shrunk = [pool.shrunk(each) for each in given]
        covered += [each.lower <= true <= each.upper for each, true in zip(shrunk, truth, strict=True)]
    assert np.mean(covered) >= 0.94 - 2.6 * (0.94 * 0.06 / 300) ** 0.5


def two_groups(gain: float, n: int = 40, repeats: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """The first half of the cases gains with this probability per answer, the second half not."""
    rng = np.random.default_rng(2)
    baseline = (rng.random((2 * n, repeats)) < 0.4).astype(float)
    candidate = (rng.random((2 * n, repeats)) < 0.4).astype(float)
    candidate[:n] = np.maximum(candidate[:n], rng.random((n, repeats)) < gain)
    return candidate, baseline


def test_a_tag_that_gained_is_shown_and_the_other_is_not():
    candidate, baseline = two_groups(0.7)
    tags = {"hard": np.arange(40), "easy": np.arange(40, 80), "rare": np.arange(6)}
    found = tag_effects(long(candidate), long(baseline), tags, SETTINGS)
    hard, easy, rare = found.effects
    assert found.heterogeneity.p_value == pytest.approx(1 / 1000)
    assert found.heterogeneity.n_tags == 2
    assert (hard.is_shown, hard.reason) == (True, None)
    assert (easy.is_shown, easy.reason) == (False, "too close to tell")
    assert rare.reason == "fewer than 10 independent cases"
    assert rare.p_adjusted is None
    assert rare.raw.n == 6
    assert easy.raw.point < easy.shrunk.point < hard.shrunk.point < hard.raw.point


def test_tags_that_gain_alike_are_no_finding_of_their_own():
    """Both tags gain 10 points for certain: that is the difference over all cases, and is said there."""
    candidate, baseline = two_groups(0.5, n=80)
    candidate[80:] = candidate[:80]
    baseline[80:] = baseline[:80]
    tags = {"one": np.arange(80), "two": np.arange(80, 160)}
    found = tag_effects(long(candidate), long(baseline), tags, SETTINGS)
    assert found.heterogeneity.q == pytest.approx(0, abs=1e-9)
    assert {each.reason for each in found.effects} == {"the tags are not shown to differ from each other"}
    assert all(each.p_adjusted < 0.01 for each in found.effects)


def test_one_tag_has_nothing_to_be_compared_with():
    candidate, baseline = two_groups(0.7)
    (only,) = tag_effects(long(candidate), long(baseline), {"all": np.arange(80)}, SETTINGS).effects
    assert (only.shrunk, only.reason) == (None, "no other tag to compare with")


def test_an_untested_tag_is_left_out_and_no_tags_are_no_findings():
    candidate, baseline = two_groups(0.7)
    candidate[:3] = np.nan
    found = tag_effects(long(candidate), long(baseline), {"gone": np.arange(3)}, SETTINGS)
    assert found.effects == ()
    assert tag_effects(long(candidate), long(baseline), {}, SETTINGS).heterogeneity is None


def test_scope_suite_without_repeats_leaves_tags_out():
    candidate, baseline = two_groups(0.7, repeats=1)
    of_suite = Settings(seed=5, n_resamples=99, scope="suite")
    assert tag_effects(long(candidate), long(baseline), {"all": np.arange(80)}, of_suite).effects == ()


small = arrays(float, (24, 2), elements=st.sampled_from([0.0, 1.0, 0.25, np.nan]))
constant = st.sampled_from([np.zeros((24, 2)), np.ones((24, 2))])


@settings(deadline=None, max_examples=60)
@given(b=st.one_of(small, constant), a=st.one_of(small, constant), seed=st.integers(0, 99))
def test_degenerate_tags_give_sensible_intervals(b, a, seed):
    rng = np.random.default_rng(seed)
    tags = {str(k): np.flatnonzero(rng.random(24) < share) for k, share in enumerate((0.9, 0.6, 0.6, 0.2))}
    quick = Settings(seed=1, n_resamples=99)
    there, back = (tag_effects(long(x), long(y), tags, quick) for x, y in ((b, a), (a, b)))
    for one, other in zip(there.effects, back.effects, strict=True):
        assert one.raw.point == pytest.approx(-other.raw.point)
        for estimate in (one.raw, one.shrunk):
            if estimate is not None:
                assert -1 <= estimate.lower < estimate.upper <= 1
                assert estimate.lower - 1e-9 <= estimate.point <= estimate.upper + 1e-9
        if one.shrunk is not None:
            assert one.shrunk.point == pytest.approx(-other.shrunk.point, abs=1e-9)
            assert variance_of(one.raw) > 0
    if there.heterogeneity is not None:
        assert 0 < there.heterogeneity.p_value <= 1
        assert there.heterogeneity.q >= 0


CELLS = [
    calibrate_planning.heterogeneity_cell("type I", (10, 20, 80), 1),
    calibrate_planning.false_tag_cell((12, 12, 12), 3),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_tags_err_as_rarely_as_said(cell):
    rate = measure(cell, 200)
    assert rate.holds, f"{rate.rate:.3f} of {rate.runs} runs, bound {cell.at_most}"
