"""Orders of arms: against scipy, R and enumeration; and what must hold for any data."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import stats

from evalharness.stats.ordered import page_trend, rising_line
from evalharness.stats.ordered_unpaired import jonckheere_trend, share_trend
from evalharness.stats.sample import Sample, Settings, sample_of
from tests.stats.test_properties import printable

ROWS = json.loads((Path(__file__).parent / "reference" / "ordered_shift_router.json").read_text(encoding="utf-8"))
SETTINGS = Settings(seed=11, n_resamples=199)
QUICK = settings(max_examples=60, deadline=None, derandomize=True)
VALUES = st.one_of(st.sampled_from([0.0, 1.0, 2.0, math.inf, math.nan]), st.floats(1e-9, 1e12))


def of(what: str) -> pytest.MarkDecorator:
    rows = [(row["given"], row["expected"]) for row in ROWS if row["what"] == what]
    assert rows, f"no reference for {what}"
    return pytest.mark.parametrize(("given", "expected"), rows)


def one_each(values: list[float] | np.ndarray) -> Sample:
    return sample_of(values, np.arange(len(values)), np.arange(len(values)))


@of("page")
def test_page_is_exact(given, expected):
    rows = np.array(given["rows"])
    found = page_trend(rows, np.arange(len(rows)), SETTINGS)
    assert (found.statistic, found.p_value) == pytest.approx((expected["statistic"], expected["p"]))
    assert "exact" in found.p_method


@of("page_normal")
def test_page_with_many_cases_is_normal(given, expected):
    rows = np.array(given["rows"])
    found = page_trend(rows, np.arange(len(rows)), SETTINGS)
    assert "normal" in found.p_method
    assert found.p_value == pytest.approx(expected, rel=0.03)  # the reference has no continuity correction


def test_page_of_the_textbook():
    """Page 1963: the perfect order in three rows of three has chance 1 in 216 on each side."""
    found = page_trend(np.tile([1.0, 2.0, 3.0], (3, 1)), np.arange(3), SETTINGS)
    assert found.statistic == 42
    assert found.p_value == pytest.approx(2 / 216)


def test_cases_of_a_cluster_are_reordered_together():
    """Ten copies of a case say what one says."""
    rows = np.random.default_rng(1).random((4, 4))
    alone = page_trend(rows, np.arange(4), SETTINGS)
    copies = page_trend(np.repeat(rows, 10, axis=0), np.repeat(np.arange(4), 10), SETTINGS)
    assert copies.p_value == pytest.approx(alone.p_value)
    assert copies.estimate.point == pytest.approx(alone.estimate.point)


def test_a_trial_that_never_ended_is_the_slowest():
    rows = np.array([[1.0, 2.0, math.inf]] * 5)
    assert page_trend(rows, np.arange(5), SETTINGS).estimate.point == 1.0


def test_page_needs_three_levels_and_a_complete_case():
    assert page_trend(np.ones((4, 2)), np.arange(4), SETTINGS) is None
    assert page_trend(np.full((4, 3), math.nan), np.arange(4), SETTINGS) is None
    assert page_trend(np.ones((4, 3)), np.arange(4), SETTINGS) is None


@of("jonckheere")
def test_jonckheere_against_every_allocation(given, expected):
    found = jonckheere_trend([one_each(group) for group in given["groups"]], SETTINGS)
    assert found.statistic == expected["statistic"]
    if "exact" in found.p_method:
        assert found.p_value == pytest.approx(expected["p"])
    else:
        n_pairs = found.statistic / found.estimate.point
        excess = max(0.0, abs(found.statistic - n_pairs / 2) - 0.5)
        by_variance = 2 * stats.norm.sf(excess / math.sqrt(expected["variance"]))
        assert found.p_value == pytest.approx(min(1.0, by_variance))


@of("jonckheere_normal")
def test_jonckheere_with_ties(given, expected):
    found = jonckheere_trend([one_each(group) for group in given["groups"]], SETTINGS)
    assert found.p_value == pytest.approx(expected)


def test_jonckheere_of_the_textbook():
    """Hollander and Wolfe, example 6.2: pieces finished with no, rough or accurate information (as in NSM3)."""
    groups = [[40, 35, 38, 43, 44, 41], [38, 40, 47, 44, 40, 42], [48, 40, 45, 43, 46, 44]]
    assert jonckheere_trend([one_each(group) for group in groups], SETTINGS).statistic == 79


@of("cochran_armitage")
def test_cochran_armitage(given, expected):
    arms = [one_each([1.0] * right + [0.0] * (n - right)) for right, n in zip(given["right"], given["n"], strict=True)]
    found = share_trend(arms, SETTINGS)
    assert found.p_method == "Cochran-Armitage"
    assert found.p_value == pytest.approx(expected)


def test_the_slope_of_two_arms_is_their_newcombe_difference():
    """Newcombe 1998, Statistics in Medicine 17:873, table II (a): 56/70 against 48/80, 0.0524 to 0.3339."""
    arms = [one_each([1.0] * right + [0.0] * (n - right)) for right, n in ((48, 80), (56, 70))]
    estimate = share_trend(arms, SETTINGS).estimate
    assert (estimate.point, estimate.lower, estimate.upper) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_arms_with_repeats_are_judged_by_their_cases():
    rng = np.random.default_rng(3)
    arms = [sample_of(rng.integers(0, 2, 60).astype(float), np.repeat(np.arange(20), 3), np.arange(20)) for _ in "abc"]
    found = share_trend(arms, SETTINGS)
    assert "cluster means" in found.p_method
    assert found.estimate.n_clusters == 60


@of("rising")
def test_the_line_that_never_falls(given, expected):
    line = rising_line(np.array(given["means"]), np.array(given["weights"]))
    assert line.values == pytest.approx(expected)


def test_the_line_names_the_levels_it_had_to_level_out():
    line = rising_line(np.array([0.5, 0.7, 0.6, 0.9]))
    assert line.values == pytest.approx((0.5, 0.65, 0.65, 0.9))
    assert line.pooled == ((1, 2),)
    assert line.explained_share == pytest.approx(1 - 0.005 / 0.0875)
    assert rising_line(np.array([0.5, 0.6])).explained_share == 1.0
    assert rising_line(np.array([0.5, 0.5])).explained_share is None
    with pytest.raises(ValueError, match="finite mean"):
        rising_line(np.array([0.5, math.nan]))


@st.composite
def tables(draw):
    n, levels = draw(st.integers(1, 9)), draw(st.integers(2, 5))
    rows = draw(arrays.arrays(float, (n, levels), elements=VALUES, fill=st.nothing()))
    return rows, np.array(draw(st.one_of(st.just(list(range(n))), st.lists(st.integers(0, 2), min_size=n, max_size=n))))


@QUICK
@given(tables(), st.randoms(use_true_random=False))
def test_turning_the_levels_round_turns_the_trend_and_the_order_of_cases_does_not_matter(table, random):
    rows, cluster = table
    forth, back = page_trend(rows, cluster, SETTINGS), page_trend(rows[:, ::-1], cluster, SETTINGS)
    assert (forth is None) == (back is None)
    if forth is None:
        return
    printable(forth)
    printable(forth.estimate, -1, 1)
    assert forth.p_value == pytest.approx(back.p_value)
    assert forth.estimate.point == pytest.approx(-back.estimate.point, abs=1e-12)
    order = random.sample(range(len(rows)), len(rows))
    again = page_trend(rows[order], cluster[order], SETTINGS)
    assert (again.statistic, again.p_value) == pytest.approx((forth.statistic, forth.p_value))


@QUICK
@given(st.lists(st.lists(VALUES, min_size=1, max_size=6), min_size=1, max_size=4))
def test_unpaired_orders_are_printable_and_turn_round(groups):
    arms = [one_each(group) for group in groups]
    forth, back = jonckheere_trend(arms, SETTINGS), jonckheere_trend(arms[::-1], SETTINGS)
    assert (forth is None) == (back is None)
    if forth is not None:
        printable(forth)
        printable(forth.estimate, 0, 1)
        assert forth.p_value == pytest.approx(back.p_value)
        assert forth.estimate.point == pytest.approx(1 - back.estimate.point)


@QUICK
@given(st.lists(st.lists(st.sampled_from([0.0, 1.0, 0.5, math.nan]), min_size=1, max_size=6), min_size=1, max_size=4))
def test_trends_of_shares_are_printable_and_turn_round(groups):
    arms = [one_each(group) for group in groups]
    forth, back = share_trend(arms, SETTINGS), share_trend(arms[::-1], SETTINGS)
    assert (forth is None) == (back is None)
    if forth is not None:
        printable(forth)
        printable(forth.estimate, -1, 1)
        assert forth.p_value == pytest.approx(back.p_value)
        assert forth.estimate.lower == pytest.approx(-back.estimate.upper)
