"""Plans: numbers of cases against values of R and exact enumeration, and what has to hold whatever the numbers."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from evalharness.stats.cheapest import Bounds, Design, Price, cheapest_design, ideal_repeats, sharpest_design
from evalharness.stats.plan_check import Truth, simulated_power
from evalharness.stats.planning import (
    MILLER,
    Assumption,
    Odds,
    Spread,
    cases_for,
    cluster_inflation,
    detectable_difference,
    repeats_for,
)
from tests.stats import calibrate_planning
from tests.stats.calibrate import measure

ROWS = json.loads((Path(__file__).parent / "reference" / "planning.json").read_text(encoding="utf-8"))
ODDS = Odds()

spreads = st.builds(
    Spread,
    between=st.floats(1e-6, 0.5),
    within=st.floats(1e-6, 0.5),
    inflation=st.floats(1, 20),
    right_or_wrong=st.booleans(),
)
differences = st.floats(0.005, 0.5)
repeat_counts = st.integers(1, 20)


@pytest.mark.parametrize("row", [row for row in ROWS if row["what"] == "pairs"], ids=lambda row: str(row["given"]))
def test_cases_are_those_of_a_paired_t_test_and_the_score_intervals_own(row):
    """R's power.t.test; the score interval's variance is larger, which takes critical^3 / reach cases more."""
    asked = row["given"]
    odds = Odds(power=asked["power"], comparisons=asked["comparisons"])
    spread = Spread(between=asked["sd"] ** 2, within=0.0, right_or_wrong=False)
    found = cases_for(asked["difference"], 1, spread=spread, odds=odds)
    assert found - odds.critical**3 / odds.reach == pytest.approx(row["expected"], abs=1.2)


def test_case_for_case_it_is_millers_969():
    """Miller 2024, section 5: omega^2 = 1/9, 3 points, power 80%: 969 questions; the rest is for the score interval."""
    found = cases_for(0.03, 10**6, spread=Spread(between=1 / 9, within=0.0), odds=ODDS)
    assert found == math.ceil(968.7 + ODDS.allowance)


def test_the_assumed_population_is_millers():
    assert MILLER.spread.between == pytest.approx(1 / 9)
    assert MILLER.spread.within == pytest.approx(2 / 6)
    assert Assumption(share=0.9, agreement=0.5, correlation=1.0).spread.between == 0


@pytest.mark.parametrize(
    ("difference", "flipping"), [(0.05, 0.15), (0.1, 0.15), (0.03, 0.3), (0.05, 0.3), (0.1, 0.3), (0.2, 0.3)]
)
def test_power_of_single_answers_by_enumeration(difference, flipping):
    """All outcomes (gained, lost) of n cases and whether |gained - lost| > z sqrt(gained + lost), Tango's test at 0."""
    spread = Spread(between=0.0, within=flipping - difference**2)
    n = cases_for(difference, 1, spread=spread, odds=ODDS)
    assert _exact_power(n, difference, flipping) >= 0.79
    if difference < flipping / 2:
        assert _exact_power(round(0.9 * n), difference, flipping) < 0.8


@pytest.mark.parametrize("comparisons", [1, 4])
@pytest.mark.parametrize("power", [0.8, 0.9])
@pytest.mark.parametrize("effect", [0.2, 0.4, 0.7, 1.0])
def test_power_of_graded_scores_by_the_noncentral_t(comparisons, power, effect):
    """The interval leaves out 0 where d > t sqrt((s^2 (n-1)/n + d^2) / n), which is a t test at t sqrt((n-1)/(n-t^2)).

    Without the allowance a plan for effects of 1 would have a power of 0.24 where 0.8 is asked for.
    """
    odds = Odds(power=power, comparisons=comparisons)
    n = cases_for(effect, 1, spread=Spread(between=1.0, within=0.0, right_or_wrong=False), odds=odds)
    t = stats.t.isf(0.025 / comparisons, n - 1)
    found = stats.nct.sf(t * math.sqrt((n - 1) / (n - t * t)), n - 1, effect * math.sqrt(n))
    assert power - 0.02 <= found <= power + 0.025


def _exact_power(n: int, difference: float, flipping: float) -> float:
    flips = np.arange(n + 1)
    of_flips = stats.binom.pmf(flips, n, flipping)
    least = np.floor((flips + 1.959964 * np.sqrt(flips)) / 2)
    gained_share = (flipping + difference) / 2 / flipping
    return float((of_flips * stats.binom.sf(least, flips, gained_share)).sum())


@given(difference=differences, repeats=repeat_counts, spread=spreads, power=st.floats(0.5, 0.99))
def test_the_detectable_difference_inverts_the_number_of_cases(difference, repeats, spread, power):
    odds = Odds(power=power)
    n = cases_for(difference, repeats, spread=spread, odds=odds)
    assert detectable_difference(n, repeats, spread=spread, odds=odds) <= difference + 1e-9
    if n > 2 + odds.allowance * spread.inflation:
        assert detectable_difference(n - 1.001, repeats, spread=spread, odds=odds) > difference - 1e-9


@given(difference=differences, repeats=repeat_counts, spread=spreads)
def test_more_repeats_or_a_larger_difference_never_take_more_cases(difference, repeats, spread):
    n = cases_for(difference, repeats, spread=spread, odds=ODDS)
    assert cases_for(difference, repeats + 1, spread=spread, odds=ODDS) <= n
    assert cases_for(difference * 1.1, repeats, spread=spread, odds=ODDS) <= n
    assert cases_for(difference, repeats, spread=spread, odds=replace(ODDS, comparisons=4)) >= n


@given(difference=differences, spread=spreads, n_cases=st.integers(2, 5_000))
def test_the_repeats_that_are_enough_are_the_fewest(difference, spread, n_cases):
    enough = repeats_for(difference, n_cases, spread=spread, odds=ODDS)
    if enough is None:
        assert cases_for(difference, 10**8, spread=spread, odds=ODDS) > n_cases - 1
    else:
        assert cases_for(difference, enough, spread=spread, odds=ODDS) <= n_cases
        assert enough == 1 or cases_for(difference, enough - 1, spread=spread, odds=ODDS) > n_cases


def test_right_or_wrong_arms_cannot_differ_by_more_than_they_flip():
    """A pilot whose arms nearly always agreed says nothing of how arms 10 points apart would spread."""
    alike = Spread(between=0.001, within=0.001)
    assert alike.at(0.1).of_case(1) == pytest.approx(0.09)
    assert cases_for(0.1, 1, spread=alike, odds=ODDS) > 75
    graded = replace(alike, right_or_wrong=False)
    assert cases_for(0.1, 1, spread=graded, odds=ODDS) < 12


def test_a_plan_that_nothing_fulfils_says_so():
    assert cases_for(1e-6, 1, spread=MILLER.spread, odds=ODDS) is None
    assert repeats_for(0.01, 50, spread=MILLER.spread, odds=ODDS) is None
    assert detectable_difference(3, 1) == 1.0


def test_clusters_inflate_by_kish():
    assert cluster_inflation([1, 1, 1], 0.7) == 1.0
    assert cluster_inflation([5] * 4, 0.25) == pytest.approx(2.0)
    assert cluster_inflation([1, 3], 1.0) == pytest.approx(2.5)
    inflated = replace(MILLER.spread, inflation=2.0)
    once = cases_for(0.05, 3, spread=MILLER.spread, odds=ODDS)
    assert cases_for(0.05, 3, spread=inflated, odds=ODDS) == pytest.approx(2 * once, abs=2)


# ---------------------------------------------------------------- money


@given(
    between=st.floats(0.01, 0.3),
    within=st.floats(0.01, 0.5),
    case=st.floats(0.01, 50),
    repeat=st.floats(0.01, 5),
)
def test_ideal_repeats_cost_least(between, within, case, repeat):
    """The cost of a given precision, (omega^2 + s^2/K)(case + K repeat), has its minimum there."""
    spread, price = Spread(between=between, within=within), Price(case=case, repeat=repeat)

    def cost(repeats: float) -> float:
        return (between + within / repeats) * (case + repeats * repeat)

    best = ideal_repeats(spread, price)
    assert best >= 1
    assert cost(best) <= min(cost(max(1.0, best * by)) for by in (0.5, 0.9, 1.1, 2.0)) * (1 + 1e-12)


def test_the_cheapest_design_is_near_the_ideal_and_free_cases_want_one_repeat():
    spread = Spread(between=0.02, within=0.32)
    price = Price(case=4.0, repeat=1.0)
    found = cheapest_design(0.02, spread=spread, odds=ODDS, price=price)
    assert ideal_repeats(spread, price) == pytest.approx(8.0)
    assert abs(found.repeats - 8) <= 1
    assert ideal_repeats(spread, Price()) == 1.0
    assert cheapest_design(0.02, spread=spread, odds=ODDS).repeats == 1


def test_scarce_cases_are_repeated_and_a_budget_that_is_too_small_allows_nothing():
    spread = Spread(between=0.02, within=0.32)
    scarce = Bounds(cases=1_000)
    found = cheapest_design(0.02, spread=spread, odds=ODDS, bounds=scarce)
    assert found.n_cases <= 1_000
    assert found.repeats == repeats_for(0.02, 1_000, spread=spread, odds=ODDS)
    assert cheapest_design(0.02, spread=spread, odds=ODDS, bounds=Bounds(cases=300)) is None
    assert cheapest_design(0.02, spread=spread, odds=ODDS, bounds=Bounds(calls=5_000)) is None


def test_the_sharpest_design_uses_the_budget_up():
    spread = Spread(between=0.02, within=0.32)
    assert sharpest_design(spread=spread, bounds=Bounds(calls=2_000)) == Design(n_cases=1_000, repeats=1)
    bounded = Bounds(calls=2_000, cases=100)
    assert sharpest_design(spread=spread, bounds=bounded) == Design(n_cases=100, repeats=10)
    assert sharpest_design(spread=spread, bounds=Bounds(calls=3)) is None
    paid = sharpest_design(spread=spread, bounds=Bounds(cost=600.0), price=Price(case=4.0, repeat=1.0))
    assert paid == Design(n_cases=50, repeats=8)
    with pytest.raises(ValueError, match="without a bound"):
        sharpest_design(spread=spread, bounds=Bounds())


# ---------------------------------------------------------------- simulation


def test_simulated_power_is_that_of_the_enumeration():
    difference, flipping, n = 0.1, 0.3, 200
    truth = Truth(share=0.6, difference=difference, spread=Spread(between=0.0, within=flipping - difference**2))
    found = simulated_power(Design(n_cases=n, repeats=1), truth, ODDS, n_runs=4_000, seed=3)
    assert abs(found.power - _exact_power(n, difference, flipping)) < 2.6 * found.error
    again = simulated_power(Design(n_cases=n, repeats=1), truth, ODDS, n_runs=4_000, seed=3)
    assert again == found


def test_without_a_difference_the_simulation_finds_what_the_level_allows():
    truth = Truth(share=0.6, difference=0.0, spread=Spread(between=0.05, within=0.2))
    found = simulated_power(Design(n_cases=150, repeats=2), truth, ODDS, n_runs=4_000, seed=4)
    assert abs(found.power - 0.025) < 2.6 * found.error


def test_a_design_too_small_is_seen_to_be():
    truth = Truth(share=0.5, difference=0.1, spread=MILLER.spread)
    found = simulated_power(Design(n_cases=100, repeats=1), truth, ODDS, n_runs=1_000, seed=5)
    assert found.power < 0.5


@settings(max_examples=25, deadline=None)
@given(share=st.floats(0, 1), difference=st.floats(0.001, 0.9), between=st.floats(0, 1), within=st.floats(0, 1))
def test_any_truth_is_simulated_or_refused(share, difference, between, within):
    truth = Truth(share=share, difference=difference, spread=Spread(between=between, within=within))
    found = simulated_power(Design(n_cases=5, repeats=2), truth, ODDS, n_runs=20, seed=1)
    assert found is None or (0 <= found.power <= 1 and found.error > 0)
    if between + within > 0.51:
        assert found is None


CELLS = [
    calibrate_planning.planned_power_cell(0.6, 0.1, 1),
    calibrate_planning.planned_power_cell(0.8, 0.05, 3),
    calibrate_planning.planned_power_cell(0.9, 0.08, 3),
    calibrate_planning.clustered_power_cell(8),
]


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_a_planned_comparison_finds_what_it_was_planned_for(cell):
    rate = measure(cell, 200)
    assert rate.holds, f"{rate.rate:.3f} of {rate.runs} runs, bound {cell.at_least}"
