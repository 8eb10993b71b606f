"""Pilots: variance components against arithmetic by hand and R, and limits that hold."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evalharness.stats.pilot import pilot_of
from evalharness.stats.planning import Odds, cases_for
from evalharness.stats.sample import sample_of
from tests.stats import calibrate_planning
from tests.stats.calibrate import long, measure

ROWS = json.loads((Path(__file__).parent / "reference" / "planning.json").read_text(encoding="utf-8"))

#: Three cases, two repeats; d = 0.5, 0, 0.5 with variances within of (0.5 + 0), (0.5 + 0.5), (0 + 0.5).
CANDIDATE = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 1.0]])
BASELINE = np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 1.0]])


def test_components_by_hand():
    found = pilot_of(long(CANDIDATE), long(BASELINE))
    assert found.variance == pytest.approx(1 / 12)
    assert found.spread.within == pytest.approx((0.5 + 1.0 + 0.5) / 3)
    assert found.spread.between == 0.0  # 1/12 - (2/3)/2 is negative
    assert found.share == pytest.approx(0.5)
    assert (found.n_cases, found.n_clusters) == (3, 3)


def test_components_of_many_cases_are_the_true_ones():
    rng = np.random.default_rng(8)
    n = 20_000
    a, b = rng.random(n), rng.random(n)
    arms = [long((rng.random((n, 3)) < shares[:, None]).astype(float)) for shares in (b, a)]
    found = pilot_of(*arms)
    assert found.spread.between == pytest.approx(1 / 6, abs=0.01)  # two uniform shares, 1/12 each
    assert found.spread.within == pytest.approx(1 / 3, abs=0.01)  # E p(1-p) = 1/6 each
    assert found.spread.between < found.cautious.between < found.spread.between + 0.01


def test_one_repeat_does_not_separate_cases_from_answers():
    rng = np.random.default_rng(9)
    arms = [long((rng.random((60, 1)) < 0.7).astype(float)) for _ in range(2)]
    found = pilot_of(*arms)
    assert (found.spread, found.cautious) == (None, None)
    assert found.variance_limit > found.variance > 0
    odds = Odds()
    one, ten = (cases_for(0.05, repeats, spread=found.planned, odds=odds) for repeats in (1, 10))
    assert one == ten, "nothing is promised of repeats that the pilot did not have"


def test_unequal_repeats_and_missing_trials_are_what_they_are():
    values = np.array([[1.0, 0.0, np.nan], [1.0, 1.0, 1.0], [0.0, 1.0, 1.0], [np.nan, np.nan, 1.0]])
    found = pilot_of(long(values), long(1 - values))
    assert found.n_cases == 4
    assert found.spread.within == pytest.approx(2 * np.mean([0.5, 0.0, 1 / 3]))


@pytest.mark.parametrize("row", [row for row in ROWS if row["what"] == "cluster_correlation"])
def test_correlation_in_clusters_is_that_of_rs_analysis_of_variance(row):
    d, sizes = np.array(row["given"]["d"]), row["given"]["sizes"]
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    candidate, baseline = 0.5 + d / 2, np.full_like(d, 0.5)
    found = pilot_of(*(sample_of(x, np.arange(len(d)), cluster) for x in (candidate, baseline)))
    assert (found.cluster_correlation, found.cluster_correlation_limit) == pytest.approx(row["expected"], abs=1e-9)


def test_no_cases_in_common_is_no_pilot():
    n = np.arange(4)
    first = sample_of([1.0, 0.0, np.nan, np.nan], n, n)
    assert pilot_of(first, sample_of([np.nan, np.nan, 1.0, 0.0], n, n)) is None
    one_cluster = sample_of([1.0, 0.0, 1.0, 1.0], n, np.zeros(4))
    assert pilot_of(one_cluster, one_cluster) is None
    with pytest.raises(ValueError, match="score"):
        pilot_of(sample_of([2.0, 3.0], [0, 1], [0, 1]), sample_of([1.0, 0.0], [0, 1], [0, 1]))


scores = arrays(float, (6, 3), elements=st.sampled_from([0.0, 1.0, 1.0, 0.5, np.nan]))


@settings(deadline=None)
@given(b=scores, a=scores, clusters=st.sampled_from([(0, 1, 2, 3, 4, 5), (0, 0, 1, 1, 2, 2), (0, 0, 0, 0, 0, 1)]))
def test_any_pilot_gives_variances_above_zero_or_nothing(b, a, clusters):
    cluster = np.array(clusters)
    found = pilot_of(long(b, cluster), long(a, cluster))
    if found is None:
        return
    swapped = pilot_of(long(a, cluster), long(b, cluster))
    assert swapped.variance == pytest.approx(found.variance)
    assert 0 <= found.variance <= found.variance_limit < 3
    for repeats in (1, 5):
        planned = found.planned.of_case(repeats)
        assert 0 < planned < 3, "a pilot in which nothing moved does not show that nothing can"
    if found.spread is not None:
        assert found.spread.between <= found.cautious.between + 1e-12
        assert found.spread.within <= found.cautious.within + 1e-12
    if found.cluster_correlation is not None:
        assert 0 <= found.cluster_correlation <= found.cluster_correlation_limit <= 1


def test_order_of_cases_does_not_matter():
    order = np.array([2, 0, 1])
    assert pilot_of(long(CANDIDATE[order]), long(BASELINE[order])).variance == pytest.approx(1 / 12)


CELLS = [
    calibrate_planning.pilot_limit_cell(50, 1, 0.9, 1),
    calibrate_planning.pilot_limit_cell(20, 2, 0.9, 10),
    calibrate_planning.pilot_limit_cell(50, 5, 0.5, 1),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_the_limit_of_a_pilot_holds(cell):
    rate = measure(cell, 300)
    assert rate.holds, f"{rate.rate:.3f} of {rate.runs} runs, bound {cell.at_least}"
