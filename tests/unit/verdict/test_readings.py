"""The readings of the report's section on words, one by one; margins in the unit of the estimate."""

from __future__ import annotations

import pytest

from evalharness.core.findings import Estimate, Reading
from evalharness.verdict.families import EXPLORATORY, HOLM
from evalharness.verdict.reading import may_decide, reading


def between(lower: float | None, upper: float | None) -> Estimate:
    return Estimate(point=0.0, lower=lower, upper=upper, method="made by hand", n=100, unit="share")


@pytest.mark.parametrize(
    ("lower", "upper", "margin", "expected"),
    [
        (0.01, 0.09, None, Reading.BETTER),
        (-0.09, -0.01, None, Reading.WORSE),
        (-0.01, 0.01, None, Reading.TOO_CLOSE),
        (-0.01, 0.01, 0.02, Reading.SAME),
        (-0.02, 0.01, 0.02, Reading.TOO_CLOSE),
        (0.001, 0.019, 0.02, Reading.BETTER_BUT_SMALL),
        (-0.019, -0.001, 0.02, Reading.WORSE_BUT_SMALL),
        (0.001, 0.02, 0.02, Reading.BETTER),
        (0.0, 0.09, 0.02, Reading.TOO_CLOSE),
        (0.01, None, 0.02, Reading.BETTER),
        (None, 0.01, 0.02, Reading.TOO_CLOSE),
        (None, None, 0.02, Reading.TOO_CLOSE),
    ],
)
def test_the_reading_follows_from_interval_and_margin(lower, upper, margin, expected):
    assert reading(between(lower, upper), higher_is_better=True, margin=margin) is expected


def test_where_less_is_better_the_words_turn_and_ratios_are_read_around_one():
    assert reading(between(1.2, 1.4), higher_is_better=False, neutral=1.0) is Reading.WORSE
    assert reading(between(0.5, 0.9), higher_is_better=False, neutral=1.0) is Reading.BETTER
    assert reading(between(0.9, 1.1), higher_is_better=False, neutral=1.0) is Reading.TOO_CLOSE


def test_where_interval_and_p_disagree_it_is_too_close_to_tell():
    assert reading(between(0.01, 0.09), higher_is_better=True, agrees=False) is Reading.TOO_CLOSE
    assert not HOLM.agrees(between(0.01, 0.09), 0.06)
    assert not HOLM.agrees(between(-0.01, 0.09), 0.04)
    assert HOLM.agrees(between(0.01, 0.09), 0.04)
    assert HOLM.agrees(between(-0.01, 0.09), None)


def test_an_exploratory_p_can_only_take_a_claim_away():
    assert EXPLORATORY.agrees(between(-0.01, 0.09), 0.04)
    assert EXPLORATORY.agrees(between(0.01, 0.09), 0.09)
    assert not EXPLORATORY.agrees(between(0.01, 0.09), 0.11)


def test_a_family_of_one_is_not_corrected():
    assert HOLM.adjusted([0.01]) == [None]
    assert HOLM.adjusted([None, None]) == [None, None]


def test_holm_leaves_out_members_without_a_p_value():
    # By hand: 0.01 x 2, then max(0.02, 0.03 x 1).
    assert HOLM.adjusted([0.03, None, 0.01]) == [pytest.approx(0.03), None, pytest.approx(0.02)]


def test_fewer_than_ten_independent_cases_decide_only_by_an_exact_test():
    assert may_decide(10, "McNemar, mid-p")
    assert not may_decide(9, "McNemar, mid-p")
    assert may_decide(9, "sign flip, exact")
