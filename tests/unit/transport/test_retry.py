"""The table of reliability section 2, row by row."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalharness.core.failure import Clock, Failure, FailureKind
from evalharness.core.model import RetryPolicy
from evalharness.transport.retry import RetryBudget, decide

K = FailureKind


def failed(kind: FailureKind, **fields: object) -> Failure:
    return replace(Failure(kind=kind, message="m"), **fields)  # type: ignore[arg-type]


def wait_ms(
    *failures: Failure, jitter: float = 0.0, budget: RetryBudget | None = None, **policy: float
) -> float | None:
    made = RetryPolicy(**policy)  # type: ignore[arg-type]
    return decide(failures, policy=made, jitter=jitter, budget=budget or RetryBudget()).wait_ms


@pytest.mark.parametrize("kind", [K.CONNECTION, K.TIMEOUT, K.STREAM_CUT, K.RATE_LIMIT, K.SERVER])
def test_what_may_pass_is_tried_until_the_attempts_are_used_up(kind: FailureKind):
    one = failed(kind)
    assert [wait_ms(*[one] * n) for n in (1, 2, 3)] == [500.0, 1000.0, None]


@pytest.mark.parametrize("kind", [K.QUOTA, K.AUTH, K.REQUEST, K.TOO_LARGE, K.REDIRECT, K.CANCELLED])
def test_what_would_fail_again_is_final_at_once(kind: FailureKind):
    assert wait_ms(failed(kind)) is None


def test_every_kind_is_in_the_table():
    assert len(K) == 12


def test_an_answer_outside_the_protocol_is_asked_for_once_more_at_most():
    server, protocol = failed(K.SERVER), failed(K.PROTOCOL)
    assert wait_ms(protocol, max_attempts=5) == 500.0
    assert wait_ms(server, protocol, max_attempts=5) == 1000.0
    assert wait_ms(protocol, server, protocol, max_attempts=5) is None


def test_back_off_doubles_from_half_a_second_to_eight():
    one = failed(K.SERVER)
    waits = [wait_ms(*[one] * n, max_attempts=99) for n in range(1, 8)]
    assert waits == [500.0, 1000.0, 2000.0, 4000.0, 8000.0, 8000.0, 8000.0]


def test_jitter_only_lengthens():
    assert wait_ms(failed(K.SERVER), jitter=0.999) == pytest.approx(625.0, abs=0.2)
    assert wait_ms(failed(K.RATE_LIMIT, retry_after_ms=3000.0), jitter=0.999) == pytest.approx(3125.0, abs=0.2)


@pytest.mark.parametrize("hint", [0.0, 10.0, 20_000.0, 60_000.0])
def test_a_hint_is_never_shortened(hint: float):
    waited = wait_ms(failed(K.RATE_LIMIT, retry_after_ms=hint))
    assert waited == hint
    assert decide(
        [failed(K.SERVER, retry_after_ms=hint)], policy=RetryPolicy(), jitter=0.5, budget=RetryBudget()
    ).hinted


def test_a_hint_over_the_longest_wait_is_final_and_not_cut_down():
    decision = decide(
        [failed(K.RATE_LIMIT, retry_after_ms=60_001.0)], policy=RetryPolicy(), jitter=0.0, budget=RetryBudget()
    )
    assert decision.wait_ms is None
    assert "60 s" in decision.reason
    assert wait_ms(failed(K.RATE_LIMIT, retry_after_ms=60_001.0), max_retry_after_ms=120_000) == 60_001.0


def test_the_explicit_wish_of_the_service_wins():
    assert wait_ms(failed(K.SERVER, should_retry=False)) is None
    assert wait_ms(failed(K.REQUEST, should_retry=True)) == 500.0
    assert wait_ms(failed(K.QUOTA, should_retry=True)) is None
    assert wait_ms(*[failed(K.REQUEST, should_retry=True)] * 3) is None


def test_a_timeout_of_any_clock_is_retried():
    assert all(wait_ms(failed(K.TIMEOUT, clock=clock)) == 500.0 for clock in Clock)


def test_an_empty_budget_makes_failures_final():
    assert wait_ms(failed(K.SERVER), budget=RetryBudget(tokens=4.9)) is None
    assert wait_ms(failed(K.SERVER), budget=RetryBudget(tokens=5.0)) == 500.0
    assert wait_ms(failed(K.SERVER), budget_share=0.0) is None


def test_a_full_budget_bears_a_hundred_retries_and_then_one_for_each_five_successes():
    budget, n_retries = RetryBudget(), 0
    while budget.allows(0.2):
        budget, n_retries = budget.after_retry(0.2), n_retries + 1
    assert n_retries == 100
    for _ in range(4):
        budget = budget.after_success()
    assert not budget.allows(0.2)
    assert budget.after_success().allows(0.2)


def test_successes_do_not_fill_the_budget_over_its_brim():
    assert RetryBudget().after_success() == RetryBudget()
