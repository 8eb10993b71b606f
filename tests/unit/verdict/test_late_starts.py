"""When a client counts as late: counted by hand."""

from __future__ import annotations

import numpy as np
import pytest

from evalharness.verdict.late_starts import late_starts


def judged(*late_ms: float, n: int, median_ms: float | None = 25.0, otherwise_ms: float = 0.1):
    """``n`` starts, of which some lag by ``late_ms``."""
    return late_starts(np.array([*late_ms, *[otherwise_ms] * (n - len(late_ms))]), median_ms)


def test_one_or_two_late_calls_of_a_short_run_are_no_habit_and_three_are():
    assert judged(9.0, n=34) is None
    assert judged(9.0, 9.0, n=34) is None
    found = judged(9.0, 4.0, 3.0, n=34)
    assert (found.n_late, found.n, found.allowed_ms, found.worst_ms) == (3, 34, 2.0, 9.0)
    assert found.words() == "3 of 34 were sent more than 2.0 ms too late, by up to 9.0 ms (36% of the median latency)"


def test_of_many_calls_one_in_a_hundred_may_be_late():
    assert judged(*[9.0] * 10, n=1000) is None
    assert judged(*[9.0] * 11, n=1000) is not None


def test_less_than_two_milliseconds_are_late_only_where_half_of_the_calls_are():
    assert judged(*[1.9] * 15, n=34) is None
    found = judged(*[1.9] * 18, n=34)
    assert (found.n_late, found.allowed_ms) == (18, pytest.approx(1.25))


def test_five_percent_of_a_long_latency_are_allowed_however_many_milliseconds():
    assert judged(*[49.0] * 34, n=34, median_ms=1_000.0) is None
    assert judged(*[51.0] * 3, n=34, median_ms=1_000.0).allowed_ms == 50


def test_without_starts_or_a_latency_nothing_is_judged():
    assert judged(n=0) is None
    assert judged(*[9.0] * 34, n=34, median_ms=None) is None
    assert late_starts(np.array([np.nan, np.nan, np.nan]), 25.0) is None
