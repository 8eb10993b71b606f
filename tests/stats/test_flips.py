"""Single cases: Fisher's mid-p against R, and no claim that the repeats do not carry."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evalharness.stats.flips import Change, RightOfTrials, case_changes, fisher_mid_p
from tests.stats import calibrate_planning
from tests.stats.calibrate import long, measure

ROWS = json.loads((Path(__file__).parent / "reference" / "planning.json").read_text(encoding="utf-8"))
RIGHT, WRONG = [1.0] * 5, [0.0] * 5


@pytest.mark.parametrize(
    "row", [row for row in ROWS if row["what"] == "fisher_mid_p"], ids=lambda row: str(row["given"])
)
def test_fisher_mid_p(row):
    """R's phyper and dhyper."""
    assert fisher_mid_p(RightOfTrials(**row["given"])) == pytest.approx(row["expected"], abs=1e-12)


def test_five_of_five_lost_is_shown_and_one_of_five_is_not():
    baseline = np.array([RIGHT, RIGHT, RIGHT, WRONG, RIGHT])
    candidate = np.array([WRONG, [1.0, 1.0, 1.0, 1.0, 0.0], RIGHT, RIGHT, RIGHT])
    changes = case_changes(long(candidate), long(baseline))
    assert [(each.case, each.change) for each in changes] == [
        (0, Change.REGRESSED),
        (3, Change.IMPROVED),
        (1, Change.CHANGED),
    ]
    assert changes[0].p_value == pytest.approx(1 / 252)  # 2 * (1/2) / C(10, 5)
    assert changes[0].p_adjusted == pytest.approx(1 / 252)
    assert changes[2].p_adjusted is None, "9 right of 10 cannot give a p of 0.10"


@pytest.mark.parametrize("repeats", [1, 2])
def test_below_three_repeats_a_case_has_changed_and_no_more(repeats):
    found = case_changes(long(np.zeros((4, repeats))), long(np.ones((4, repeats))))
    assert [each.change for each in found] == [Change.CHANGED] * 4
    assert {each.p_value for each in found} == {None}


def test_graded_scores_have_no_test():
    found = case_changes(long(np.full((2, 5), 0.1)), long(np.full((2, 5), 0.9)))
    assert {(each.change, each.p_value) for each in found} == {(Change.CHANGED, None)}


def test_among_many_cases_that_could_lose_by_chance_a_few_that_do_are_not_shown():
    """Three lost 3 of 3, a mid-p of 0.05 each; alone they are shown, among 57 cases of three right out of six not."""
    lost = np.zeros((3, 3)), np.ones((3, 3))
    alone = case_changes(long(lost[0]), long(lost[1]))
    assert [each.change for each in alone] == [Change.REGRESSED] * 3
    even = np.array([[1.0, 0.0, 0.0]] * 57), np.array([[1.0, 1.0, 0.0]] * 57)
    among = case_changes(*(long(np.vstack(pair)) for pair in zip(lost, even, strict=True)))
    assert {each.change for each in among} == {Change.CHANGED}


outcomes = arrays(float, (5, 4), elements=st.sampled_from([0.0, 1.0, np.nan]))


@settings(deadline=None)
@given(b=outcomes, a=outcomes)
def test_swapping_arms_swaps_the_words(b, a):
    opposite = {Change.REGRESSED: Change.IMPROVED, Change.IMPROVED: Change.REGRESSED, Change.CHANGED: Change.CHANGED}
    there, back = case_changes(long(b), long(a)), case_changes(long(a), long(b))
    assert {each.case: opposite[each.change] for each in there} == {each.case: each.change for each in back}
    assert {each.case: each.p_value for each in there} == {each.case: each.p_value for each in back}
    sizes = [abs(each.candidate - each.baseline) for each in there]
    assert sizes == pytest.approx(sorted(sizes, reverse=True))
    assert all(size > 0 for size in sizes)
    assert all(each.p_value is None or 0 < each.p_value <= 1 for each in there)


@pytest.mark.parametrize("cell", [calibrate_planning.false_flips_cell(40, 5)], ids=lambda cell: cell.name)
def test_false_ones_are_as_rare_as_said(cell):
    rate = measure(cell, 300)
    assert rate.holds, f"{rate.rate:.3f} of {rate.runs} runs, bound {cell.at_most}"
