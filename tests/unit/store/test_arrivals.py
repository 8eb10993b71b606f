from __future__ import annotations

from array import array

import pytest

from evalharness.store.arrivals import arrivals_of, gaps_us_of, pack_gaps, unpack_gaps


def back(arrivals: array[int]) -> array[int]:
    gaps_us = gaps_us_of(arrivals)
    packed = pack_gaps(gaps_us)
    unpacked, end = unpack_gaps(packed, 0, len(gaps_us))
    assert end == len(packed)
    return arrivals_of(arrivals[0], unpacked)


@pytest.mark.parametrize("n", [2, 50, 255, 256, 5_000])
def test_arrivals_come_back_within_half_a_microsecond_however_many_there_are(n: int) -> None:
    arrivals = array("q", (7_000_000_123 + index * 9_999_499 for index in range(n)))
    stored = back(arrivals)
    assert len(stored) == n
    assert stored[0] == arrivals[0]
    assert max(abs(one - other) for one, other in zip(stored, arrivals, strict=True)) <= 500


@pytest.mark.parametrize("n_alike", [0, 300])
def test_an_hour_between_two_arrivals_is_kept(n_alike: int) -> None:
    arrivals = array("q", [*([5_000] * n_alike), 5_000, 5_000 + 3_600 * 10**9, 6_000 + 3_600 * 10**9])
    assert back(arrivals) == arrivals


def test_arrivals_out_of_order_come_back_as_they_were() -> None:
    arrivals = array("q", [9_000_000, 4_000_000, 10_000_000])
    assert back(arrivals) == arrivals


def test_no_gaps_take_no_bytes_and_equal_ones_one() -> None:
    assert pack_gaps(gaps_us_of(array("q"))) == pack_gaps(gaps_us_of(array("q", [5]))) == b""
    assert unpack_gaps(b"", 0, 0) == ([], 0)
    assert len(pack_gaps([0] * 49)) == 1


def test_gaps_of_one_call_follow_those_of_another() -> None:
    many, few = list(range(400)), [3, 70_000, 0]
    packed = pack_gaps(few) + pack_gaps(many) + pack_gaps(few)
    first, at = unpack_gaps(packed, 0, 3)
    second, at = unpack_gaps(packed, at, 400)
    third, at = unpack_gaps(packed, at, 3)
    assert (first, second, third, at) == (few, many, few, len(packed))


def test_gaps_of_ten_milliseconds_take_less_than_two_bytes_each() -> None:
    gaps_us = gaps_us_of(array("q", (index * 10_000_000 + index % 7 * 31_000 for index in range(50))))
    assert len(pack_gaps(gaps_us)) < 49 * 2


@pytest.mark.parametrize("gaps_us", [[9_000] * 49, [-1, 5], list(range(300))])
def test_gaps_that_were_cut_off_are_an_error_and_no_shorter_list(gaps_us: list[int]) -> None:
    packed = pack_gaps(gaps_us)
    for length in (0, 1, len(packed) // 2, len(packed) - 1):
        with pytest.raises(ValueError, match="arrivals of a result"):
            unpack_gaps(packed[:length], 0, len(gaps_us))
