from __future__ import annotations

import pytest

from evalharness.core.failure import FailureKind
from evalharness.transport.breaker import COUNTED, Breaker, Gate, KeyWatch, Permission

K = FailureKind
S = 1_000_000_000


def after(*kinds: FailureKind | None, breaker: Breaker | None = None) -> Breaker:
    breaker = breaker or Breaker()
    for kind in kinds:
        breaker = breaker.call_ended(kind, now_ns=100 * S)
    return breaker


def test_twenty_failures_in_a_row_open_it_and_nineteen_do_not():
    assert after(*[K.SERVER] * 19).permission(100 * S).gate is Gate.GO
    assert after(*[K.SERVER] * 20).permission(100 * S) == Permission(gate=Gate.WAIT, wait_until_ns=130 * S)


@pytest.mark.parametrize("kind", [None, K.REQUEST, K.AUTH, K.PROTOCOL])
def test_an_answer_or_a_refusal_of_the_request_shows_that_somebody_is_there(kind: FailureKind | None):
    assert after(*[K.SERVER] * 19, kind, *[K.SERVER] * 19).permission(100 * S).gate is Gate.GO


def test_more_than_half_of_the_last_hundred_open_it():
    half = [K.TIMEOUT, None] * 50
    assert after(*half).permission(100 * S).gate is Gate.GO
    # The 101st call pushes out a failure: still fifty.
    assert after(*half, K.TIMEOUT).permission(100 * S).gate is Gate.GO
    assert after(*half, K.TIMEOUT, K.TIMEOUT).permission(100 * S).gate is Gate.WAIT


def test_no_failure_of_a_request_is_counted():
    assert {K.CONNECTION, K.TIMEOUT, K.STREAM_CUT, K.RATE_LIMIT, K.SERVER} == COUNTED
    assert after(*[K.REQUEST] * 500).permission(100 * S).gate is Gate.GO


def test_one_probe_goes_out_after_thirty_seconds_and_its_success_closes_it():
    breaker = after(*[K.CONNECTION] * 20)
    assert breaker.permission(130 * S).gate is Gate.PROBE
    probing = breaker.probe_sent()
    assert probing.permission(131 * S) == Permission(gate=Gate.WAIT)
    assert probing.call_ended(None, now_ns=132 * S, probe=True) == Breaker()


def test_calls_that_were_in_flight_do_not_speak_for_the_probe():
    probing = after(*[K.CONNECTION] * 20).probe_sent()
    assert after(None, K.SERVER, breaker=probing) == probing


def test_three_failed_probes_are_the_end():
    breaker = after(*[K.CONNECTION] * 20)
    for probe in range(3):
        now_ns = (200 + 40 * probe) * S
        assert breaker.permission(now_ns).gate is Gate.PROBE
        breaker = breaker.probe_sent().call_ended(K.CONNECTION, now_ns=now_ns, probe=True)
    assert breaker.permission(10_000 * S).gate is Gate.ABORT


def key_after(*kinds: FailureKind | None) -> str | None:
    watch = KeyWatch()
    for kind in kinds:
        watch = watch.call_ended(kind)
    return watch.abort_reason


def test_a_key_refused_on_the_first_call_ends_the_run():
    assert key_after(K.AUTH) == "the first call was refused: check the key"


def test_later_refusals_end_it_at_the_third_in_a_row():
    assert key_after(None, K.AUTH, K.AUTH, None, K.AUTH, K.AUTH) is None
    assert key_after(None, K.AUTH, K.AUTH, K.AUTH) == "3 calls in a row were refused: check the key"


def test_a_spent_quota_ends_it_at_once_and_for_good():
    assert key_after(None, K.QUOTA) == key_after(K.QUOTA, None) == "the quota of this key is spent"


def test_other_failures_do_not():
    assert key_after(K.SERVER, K.REQUEST, K.RATE_LIMIT, None) is None
