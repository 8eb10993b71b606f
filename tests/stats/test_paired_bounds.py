"""Bounds of paired shares against all tables there are, closed forms and the symmetry of the two arms."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from evalharness.stats.evidence import Claim
from evalharness.stats.gate_scores import difference_evidence
from evalharness.stats.paired_bounds import Flips
from evalharness.stats.proportions import tango
from tests.stats.test_gates import SETTINGS
from tests.stats.test_references import flips


def worst_error(n: int, difference: float, p_above) -> float:
    """The largest chance, over shares of changed cases, that a difference is shown to be above what it is."""
    tables = [(gained, lost) for gained in range(n + 1) for lost in range(n + 1 - gained)]
    shown = np.array([[g, lost, n - g - lost] for g, lost in tables if p_above(g, lost) <= 0.05])
    errors = []
    for lost_share in np.linspace(max(0.0, -difference) + 1e-3, (1 - difference) / 2 - 1e-3, 40):
        shares = [lost_share + difference, lost_share, 1 - 2 * lost_share - difference]
        errors.append(stats.multinomial.pmf(shown, n, shares).sum())
    return max(errors)


@pytest.mark.parametrize(("n", "difference"), [(20, -0.05), (20, 0.05), (30, -0.1)])
def test_a_bound_errs_in_a_twentieth_of_runs_at_most_where_tango_s_errs_more(n, difference):
    """Over all tables, by scipy's multinomial distribution."""
    own = worst_error(n, difference, lambda g, lost: Flips(gained=g, lost=lost, n=n).p_above(difference))
    z = stats.norm.ppf(0.95)
    tangos = worst_error(n, difference, lambda g, lost: 0.0 if tango(g, lost, n, z)[0] > difference else 1.0)
    assert own <= 0.051
    assert tangos > own


@pytest.mark.parametrize("n", [10, 59, 400])
def test_without_a_changed_case_the_bound_is_that_of_no_event_in_n(n):
    """1 - 0.05^(1/n): the exact bound of a share of which nothing was seen."""
    lower, upper = Flips(gained=0, lost=0, n=n).bounds(0.05)
    expected = 1 - 0.05 ** (1 / n)
    assert (lower, upper) == (pytest.approx(-expected, abs=2e-6), pytest.approx(expected, abs=2e-6))


@pytest.mark.parametrize(("gained", "lost", "n"), [(12, 3, 40), (0, 5, 20), (80, 60, 1_000), (7, 0, 7)])
def test_swapping_the_arms_turns_the_bounds_round_and_they_hold_the_point(gained, lost, n):
    lower, upper = Flips(gained=gained, lost=lost, n=n).bounds(0.05)
    turned = Flips(gained=lost, lost=gained, n=n).bounds(0.05)
    assert turned == (pytest.approx(-upper), pytest.approx(-lower))
    assert -1 <= lower <= (gained - lost) / n <= upper <= 1
    assert lower < upper


def test_with_many_pairs_they_are_tango_s():
    bounds = Flips(gained=80, lost=60, n=1_000).bounds(0.05)
    assert bounds == pytest.approx(tango(80, 60, 1_000, stats.norm.ppf(0.95)), abs=5e-4)


def test_a_gate_on_single_answers_has_these_bounds_and_p_on_the_same_side():
    shown = difference_evidence(*flips(12, 3, 40), SETTINGS).observed
    own = Flips(gained=12, lost=3, n=40)
    assert (shown.estimate.lower, shown.estimate.upper) == own.bounds(0.05)
    for limit in (shown.estimate.lower - 1e-5, shown.estimate.lower + 1e-5):
        p = shown.p_value(Claim(limit=limit, above=True))
        assert (p <= 0.05) == (limit < shown.estimate.lower)
        assert p == pytest.approx(own.p_above(limit), rel=1e-6, abs=1e-4)
    assert math.isclose(shown.p_value(Claim(limit=-0.3, above=True)), max(own.p_above(-0.3), 1e-12))
