from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.simulator.lateness import Lateness

TIMES = st.lists(st.integers(0, 10**12), min_size=1, max_size=200)


@given(times=TIMES, q=st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_is_at_most_one_part_in_64_above_that_of_the_sorted_times(times: list[int], q: float) -> None:
    lateness = Lateness()
    lateness.add(times)
    n_below = next(n for n in range(1, len(times) + 1) if n >= q * len(times))
    exact = sorted(times)[n_below - 1]
    assert exact <= lateness.quantile_ns(q) <= exact * (1 + 1 / 64)


@given(times=TIMES)
def test_times_may_come_in_any_portions(times: list[int]) -> None:
    at_once, one_by_one = Lateness(), Lateness()
    at_once.add(times)
    for time in times:
        one_by_one.add([time])
    one_by_one.add([])
    assert at_once.as_ms() == one_by_one.as_ms()


def test_the_maximum_is_exact_and_in_milliseconds() -> None:
    lateness = Lateness()
    assert lateness.as_ms() is None
    lateness.add([1_234_567, 1_000])
    found = lateness.as_ms()
    assert found is not None
    assert found["max"] == 1.234567
    assert found["0.5"] == pytest.approx(0.001, rel=1 / 64)


def test_memory_is_bounded_whatever_comes() -> None:
    lateness = Lateness()
    lateness.add(range(0, 10**9, 20_011))
    assert lateness.n == 49_973
    assert len(lateness._counts) < 64 * 30
