"""Times by hand: every expected value below is arithmetic on the stamps written in the test."""

from __future__ import annotations

import subprocess
import sys
from array import array
from dataclasses import replace

import pytest

from evalharness.core.failure import Failure, FailureKind
from evalharness.core.model import Prices, Status
from evalharness.core.record import Attempt, AttemptStatus, Call, Purpose, Stamps, TrialResult, Usage
from evalharness.metrics.catalog import CATALOG, Unit
from evalharness.metrics.measure import measure, measure_calls, measure_trial
from evalharness.metrics.pricing import cost_usd

MS = 1_000_000
SENT = 10_000 * MS


def at(ms: float) -> int:
    return SENT + round(ms * MS)


STREAMED = Stamps(
    sent_ns=at(0),
    headers_ns=at(50),
    first_event_ns=at(60),
    first_reasoning_ns=at(80),
    first_output_ns=at(200),
    last_output_ns=at(500),
    done_ns=at(510),
    closed_ns=at(530),
    connect_ns=7 * MS,
    deltas_ns=array("q", [at(200), at(240), at(340), at(500)]),
)


def a_call(stamps: Stamps = STREAMED, **changes) -> Call:
    call = Call(
        purpose=Purpose.SUBJECT,
        turn_index=0,
        request={},
        status=Status.OK,
        intended_ns=at(-3),
        intended_utc_ns=0,
        attempts=(Attempt(index=0, status=AttemptStatus.OK, stamps=stamps),),
        usage=Usage(input_tokens=100, cached_tokens=40, output_tokens=81, reasoning_tokens=20),
        cost_usd=0.5,
    )
    return replace(call, **changes)


def test_every_metric_of_a_streamed_call_follows_its_definition():
    expected = {
        "connect_ms": 7,
        "queue_ms": 3,
        "wait_ms": 0,
        "headers_ms": 50,
        "ttfe_ms": 60,
        "ttfr_ms": 80,
        "ttft_ms": 80,
        "ttfo_ms": 200,
        "reasoning_ms": 120,
        "answer_ms": 310,
        "latency_ms": 510,
        "total_ms": 513,
        "tpot_ms": 300 / 60,
        "gap_ms": 100,
        "visible_tokens_per_s": 60 / 0.3,
        "output_tokens_per_s": 81 / 0.51,
        "input_tokens": 100,
        "cached_tokens": 40,
        "output_tokens": 81,
        "reasoning_tokens": 20,
        "visible_tokens": 61,
        "cost_usd": 0.5,
    }
    measured = measure(a_call())
    assert dict(measured) == pytest.approx(expected)
    assert list(measured) == list(CATALOG)


def test_hidden_reasoning_leaves_ttfr_empty_and_makes_ttft_the_first_output():
    measured = measure(a_call(replace(STREAMED, first_reasoning_ns=None)))
    assert measured["ttfr_ms"] is measured["reasoning_ms"] is None
    assert measured["ttft_ms"] == measured["ttfo_ms"] == 200


def test_reasoning_that_came_after_the_output_took_no_time_before_it():
    assert measure(a_call(replace(STREAMED, first_reasoning_ns=at(250))))["reasoning_ms"] is None


def test_a_call_that_only_reasoned_has_a_first_token_and_no_first_output():
    stamps = replace(STREAMED, first_output_ns=None, last_output_ns=None, deltas_ns=array("q"))
    measured = measure(a_call(stamps))
    assert measured["ttft_ms"] == 80
    assert measured["ttfo_ms"] is measured["tpot_ms"] is measured["gap_ms"] is None


def test_a_call_without_streaming_has_latency_and_no_inner_times():
    measured = measure(a_call(Stamps(sent_ns=at(0), headers_ns=at(480), done_ns=at(510), closed_ns=at(510))))
    assert measured["headers_ms"] == 480
    assert measured["latency_ms"] == 510
    assert measured["output_tokens_per_s"] == pytest.approx(81 / 0.51)
    inner = {"ttfe_ms", "ttfr_ms", "ttft_ms", "ttfo_ms", "reasoning_ms", "answer_ms", "tpot_ms", "gap_ms"}
    missing = {*inner, "visible_tokens_per_s", "connect_ms"}
    assert {name for name, value in measured.items() if value is None} == missing


def test_output_that_came_as_one_item_has_a_first_output_and_no_pace():
    stamps = replace(STREAMED, last_output_ns=STREAMED.first_output_ns, deltas_ns=array("q"))
    measured = measure(a_call(stamps))
    assert measured["ttfo_ms"] == 200
    assert measured["gap_ms"] is measured["tpot_ms"] is measured["visible_tokens_per_s"] is None


def test_deltas_of_one_read_have_gaps_of_zero_and_no_rate():
    stamps = replace(STREAMED, last_output_ns=at(200), deltas_ns=array("q", [at(200)] * 3))
    measured = measure(a_call(stamps))
    assert measured["gap_ms"] == 0
    assert measured["visible_tokens_per_s"] is None


@pytest.mark.parametrize(
    "usage",
    [None, Usage(), Usage(output_tokens=81), Usage(output_tokens=21, reasoning_tokens=20)],
    ids=["none", "empty", "no split", "one visible token"],
)
def test_time_per_token_is_missing_and_never_zero_without_two_known_visible_tokens(usage: Usage | None):
    measured = measure(a_call(usage=usage))
    assert measured["tpot_ms"] is None
    assert measured["visible_tokens_per_s"] is None


def test_missing_usage_is_missing_in_every_token_metric():
    measured = measure(a_call(usage=None))
    assert all(measured[name] is None for name, metric in CATALOG.items() if metric.unit is Unit.TOKENS)
    assert measured["output_tokens_per_s"] is None


def test_retries_count_in_total_time_and_not_in_latency():
    refused = Attempt(
        index=0,
        status=AttemptStatus.ERROR,
        stamps=Stamps(sent_ns=at(-900), closed_ns=at(-890)),
        failure=Failure(kind=FailureKind.RATE_LIMIT, message="too many requests"),
    )
    second = Attempt(index=1, status=AttemptStatus.OK, stamps=STREAMED, wait_ms=890.0)
    measured = measure(a_call(attempts=(refused, second), intended_ns=at(-902)))
    assert measured["latency_ms"] == 510
    assert measured["ttfo_ms"] == 200
    assert measured["queue_ms"] == 2
    assert measured["wait_ms"] == 890
    assert measured["total_ms"] == 902 + 510


def test_a_pause_that_the_service_asked_for_is_no_queue_of_the_client():
    held = Attempt(index=0, status=AttemptStatus.OK, stamps=STREAMED, wait_ms=2_000.0)
    measured = measure(a_call(attempts=(held,), intended_ns=at(-2_003)))
    assert (measured["queue_ms"], measured["wait_ms"]) == (3, 2_000)
    assert measured["total_ms"] == 2_003 + 510


def test_a_cut_stream_has_no_times_of_its_own():
    failure = Failure(kind=FailureKind.STREAM_CUT, message="the stream ended before its terminal event")
    attempt = Attempt(index=0, status=AttemptStatus.ERROR, stamps=STREAMED, failure=failure)
    measured = measure(a_call(attempts=(attempt,), failure=failure, status=Status.ERROR, usage=None, cost_usd=None))
    assert {name for name, value in measured.items() if value is not None} == {"queue_ms", "wait_ms"}


def test_a_call_that_was_never_sent_has_nothing():
    assert set(measure(a_call(attempts=(), usage=None, cost_usd=None)).values()) == {None}
    assert set(measure_calls(()).values()) == {None}


def test_several_turns_sum_usage_and_total_time_and_take_other_times_from_the_last_call():
    stamps = replace(STREAMED, done_ns=at(-700))
    first = a_call(stamps, intended_ns=at(-2_000), usage=Usage(input_tokens=7, output_tokens=5, reasoning_tokens=1))
    judge = a_call(purpose=Purpose.JUDGE, usage=Usage(input_tokens=10**6), cost_usd=99.0)
    measured = measure_calls((first, a_call(), judge))
    assert measured["total_ms"] == 1_300 + 513, "the time a user thinks between two turns is nobody's latency"
    assert measured["ttfo_ms"] == 200
    assert measured["input_tokens"] == 107
    assert measured["visible_tokens"] == 4 + 61
    assert measured["cost_usd"] == 1.0
    assert measured["cached_tokens"] is None, "one call without the count: the sum is unknown"


def test_a_trial_keeps_its_own_recorded_cost():
    result = TrialResult(trial_id="t", status=Status.OK, calls=(a_call(),), cost_usd=0.75)
    assert measure_trial(result)["cost_usd"] == 0.75
    assert measure_trial(replace(result, cost_usd=None))["cost_usd"] == 0.5


PRICES = Prices(input=2.0, output=10.0, cached_input=0.5, per_tokens=1_000)


@pytest.mark.parametrize(
    ("usage", "prices", "expected"),
    [
        (Usage(input_tokens=100, cached_tokens=40, output_tokens=10), PRICES, (60 * 2 + 40 * 0.5 + 10 * 10) / 1_000),
        (Usage(input_tokens=100, output_tokens=10), PRICES, (100 * 2 + 10 * 10) / 1_000),
        (Usage(input_tokens=100, cached_tokens=40, output_tokens=0), replace(PRICES, cached_input=None), 0.2),
        (Usage(input_tokens=0, cached_tokens=0, output_tokens=0), PRICES, 0.0),
        (Usage(input_tokens=100), PRICES, None),
        (Usage(output_tokens=100), PRICES, None),
        (None, PRICES, None),
        (Usage(input_tokens=1, output_tokens=1), None, None),
    ],
)
def test_cost_is_priced_per_kind_of_token_and_unknown_without_counts_or_prices(usage, prices, expected):
    assert cost_usd(usage, prices) == (None if expected is None else pytest.approx(expected))


def test_measuring_does_not_import_numpy():
    code = "import sys, evalharness.metrics.measure, evalharness.metrics.pricing; sys.exit('numpy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_titles_and_names_are_each_used_once():
    assert len({metric.title for metric in CATALOG.values()}) == len(CATALOG)
    assert all(name == metric.name for name, metric in CATALOG.items())
    assert all(metric.name.endswith("_ms") == metric.is_time for metric in CATALOG.values())
