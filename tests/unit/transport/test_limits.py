from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from evalharness.core.model import Limits
from evalharness.transport.limits import Pace

S = 1_000_000_000


def test_without_limits_everything_starts_now():
    pace = Pace.of(Limits()).started(5, tokens=10**9)
    assert pace.earliest_ns(5) == 5


def test_requests_are_spaced_evenly():
    pace = Pace.of(Limits(requests_per_minute=120)).started(10 * S)
    assert pace.earliest_ns(10 * S) == 10 * S + S // 2
    assert pace.earliest_ns(11 * S) == 11 * S


def test_without_a_rate_a_place_that_is_taken_ahead_of_time_holds_back_nobody():
    assert Pace.of(Limits()).started(9 * S, tokens=100).earliest_ns(1 * S) == 1 * S
    by_tokens = Pace.of(Limits(tokens_per_minute=6000)).started(9 * S)
    assert (by_tokens.next_request_ns, by_tokens.earliest_ns(1 * S)) == (0, 9 * S)


def test_tokens_push_back_by_what_they_take_of_the_minute():
    pace = Pace.of(Limits(tokens_per_minute=6000)).started(0, tokens=100)
    assert pace.earliest_ns(0) == 1 * S
    assert pace.started(1 * S, tokens=50).earliest_ns(1 * S) == 1 * S + S // 2


def test_what_was_used_corrects_what_was_expected():
    pace = Pace.of(Limits(tokens_per_minute=6000)).started(0, tokens=100)
    assert pace.settled(expected_tokens=100, used_tokens=300).earliest_ns(0) == 3 * S
    assert pace.settled(expected_tokens=100, used_tokens=0).earliest_ns(0) == 0


def test_a_pause_holds_the_whole_queue_and_is_never_shortened():
    pace = Pace().paused(7 * S).paused(3 * S)
    assert (pace.earliest_ns(0), pace.earliest_ns(8 * S)) == (7 * S, 8 * S)


@given(st.floats(0.5, 5000), st.lists(st.integers(0, 2 * S), min_size=1, max_size=200))
def test_no_minute_ever_sees_more_requests_than_allowed(per_minute: float, arrivals: list[int]):
    pace, now, starts = Pace.of(Limits(requests_per_minute=per_minute)), 0, []
    for gap in arrivals:
        now = pace.earliest_ns(now + gap // 100)
        pace = pace.started(now)
        starts.append(now)
    for first, start in enumerate(starts):
        in_minute = sum(start <= other < start + 60 * S for other in starts[first:])
        assert in_minute <= max(1, -(-per_minute // 1))
