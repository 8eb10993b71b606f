"""How much longer a case takes, against R; and the price of a gain: its edges, and how often a wrong one is shown."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given as generated
from hypothesis import settings
from hypothesis import strategies as st

from evalharness.core.findings import Estimate, NoPrice
from evalharness.stats.prices import half_alpha, price_of_gain
from evalharness.stats.sample import Sample, Settings, sample_of
from evalharness.stats.signed_rank import difference_of_times
from tests.stats import calibrate_prices
from tests.stats.calibrate import Cell, measure

ROWS = json.loads((Path(__file__).parent / "reference" / "prices.json").read_text(encoding="utf-8"))
SETTINGS = Settings(seed=1)
TIMES = st.lists(st.floats(0, 1e6) | st.just(math.inf), min_size=1, max_size=15)


def one_each(values: list[float]) -> Sample:
    return sample_of(values, np.arange(len(values)), np.arange(len(values)))


def between(lower: float | None, point: float, upper: float | None, unit: str = "usd") -> Estimate:
    return Estimate(point=point, lower=lower, upper=upper, method="test", n=40, unit=unit)


# ---------------------------------------------------------------- differences of times


@pytest.mark.parametrize(("given", "expected"), [(row["given"], row["expected"]) for row in ROWS])
def test_differences_of_times_are_those_of_r(given, expected):
    found = difference_of_times(
        one_each(given["candidate"]), one_each(given["baseline"]), Settings(seed=1, level=given["level"])
    )
    assert (found.lower, found.upper) == pytest.approx((expected["lower"], expected["upper"]), rel=1e-9)
    assert found.point == pytest.approx(expected["point"], rel=1e-9)


def test_a_call_that_failed_in_one_arm_only_is_infinitely_later():
    a = [100.0 + case for case in range(20)]
    b = [value + 10 + case for case, value in enumerate(a)]
    whole = difference_of_times(one_each(b), one_each(a), SETTINGS)
    failed = difference_of_times(one_each([*b[:-3], *[math.inf] * 3]), one_each(a), SETTINGS)
    assert failed.point >= whole.point
    mostly = difference_of_times(one_each([*b[:6], *[math.inf] * 14]), one_each(a), SETTINGS)
    assert mostly is None, "the difference itself lies among the failed"
    both = difference_of_times(one_each([*b[:-1], math.inf]), one_each([*a[:-1], math.inf]), SETTINGS)
    assert both.upper is not None, "a case that failed in both is a tie"


def test_equal_times_differ_by_exactly_nothing():
    times = [211.125, 4_300.5, 87.25, 912.0, 640.0, 333.3, 1_250.75]
    found = difference_of_times(one_each([*times, math.inf]), one_each([*times, 99.0]), SETTINGS)
    assert found.point == 0


@generated(TIMES, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, derandomize=True)
def test_swapping_the_arms_turns_a_difference_round(times, shuffle):
    others = shuffle.sample(times, len(times))
    there = difference_of_times(one_each(times), one_each(others), SETTINGS)
    back = difference_of_times(one_each(others), one_each(times), SETTINGS)
    assert (there is None) == (back is None)
    if there is not None:
        assert math.isfinite(there.point)
        assert there.point == pytest.approx(-back.point, abs=1e-6)
        assert (there.lower is None) == (back.upper is None)
        if there.lower is not None:
            assert there.lower == pytest.approx(-back.upper, abs=1e-6)
            assert there.lower <= there.point


# ---------------------------------------------------------------- prices


def test_the_limits_of_a_price_are_the_extremes_of_both_intervals():
    price = price_of_gain(between(0.2, 0.3, 0.4), between(0.05, 0.1, 0.2, "share"), 0.95).estimate
    assert (price.point, price.lower, price.upper) == pytest.approx((3.0, 1.0, 8.0))
    assert (price.unit, price.level) == ("usd", 0.95)


@pytest.mark.parametrize(
    ("extra", "gain", "why_not"),
    [
        (between(-0.4, -0.3, -0.1), between(0.05, 0.1, 0.2), NoPrice.SAVES),
        (between(-0.1, 0.3, 0.5), between(0.05, 0.1, 0.2), NoPrice.CANNOT_TELL),
        (between(None, 0.3, None), between(0.05, 0.1, 0.2), NoPrice.CANNOT_TELL),
        (between(0.2, 0.3, 0.4), between(-0.2, 0.0, 0.2), NoPrice.CANNOT_TELL),
        (between(0.2, 0.3, 0.4), between(-0.3, -0.1, 0.1), NoPrice.CANNOT_TELL),
    ],
)
def test_without_a_gain_or_an_extra_that_is_shown_there_is_no_price(extra, gain, why_not):
    price = price_of_gain(extra, gain, 0.95)
    assert (price.estimate, price.why_not) == (None, why_not)


def test_a_gain_that_may_be_nothing_has_a_price_without_an_upper_limit():
    for extra, gain in (
        (between(0.2, 0.3, 0.4), between(-0.01, 0.1, 0.2)),
        (between(0.2, 0.3, None), between(0.05, 0.1, 0.2)),
    ):
        price = price_of_gain(extra, gain, 0.95).estimate
        assert price.lower == pytest.approx(1.0)
        assert price.upper is None


def test_both_differences_of_a_price_share_its_alpha():
    assert half_alpha(SETTINGS).level == pytest.approx(0.975)


@pytest.mark.parametrize(
    "cell",
    [
        calibrate_prices.price_cell(30, 1, 0.15),
        calibrate_prices.price_cell(200, 4, 0.05),
        calibrate_prices.price_cell(200, 1, 0.0),
    ],
    ids=lambda cell: cell.name,
)
def test_a_wrong_price_is_rarely_shown(cell: Cell):
    rate = measure(cell, 200)
    assert rate.holds, f"{rate.rate:.3f} +- {rate.error:.3f}"
