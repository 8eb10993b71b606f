"""The judge of whole runs, judged: trials and logs written by hand."""

from __future__ import annotations

from typing import Any

import pytest

from tests.bench.against_log import agreement

MS = 1_000_000
READ_NS = 7_000 * MS


def line(**changes: Any) -> dict[str, Any]:
    """A log of two deltas and an end, 200, 210 and 211 ms after the request; each write takes 50 us, 2 ms late."""
    labels_ms = (("response.output_text.delta", 200), ("response.output_text.delta", 210), ("response.completed", 211))
    events = [[label, READ_NS + (at - 2) * MS, READ_NS + at * MS, 50.0] for label, at in labels_ms]
    return {"request_id": "req_1", "read_ns": READ_NS, "output_tokens": 7, "events": events, **changes}


def trial(timing: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    times = {"ttft_ms": 200.0, "ttfo_ms": 200.0, "latency_ms": 211.0, "tpot_ms": 10.0, "send_ms": 0.01}
    stated = {"ttft_error_ms": 0.03, "ttfo_error_ms": 0.03, "latency_error_ms": 0.05, "max_lag_ms": 4.0}
    return {
        "request_id": "req_1", "status": "ok", "usage": {"output_tokens": 7, "reasoning_tokens": 5},
        "timing": {**times, **stated, "n_coalesced": 0, **(timing or {})}, **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("said_ms", "error_ms", "is_within"),
    [(200.0, 0, True), (200.05, 0, True), (200.07, 0.02, True), (200.09, 0.04, False), (199.9, 0.1, False)],
    ids=["as it began", "as it ended", "a little later", "later than stated", "before it"],
)
def test_a_time_is_wrong_by_what_lies_outside_of_the_write(said_ms: float, error_ms: float, is_within: bool) -> None:
    found = agreement([trial({"ttfo_ms": said_ms})], [line()]).metrics["ttfo_ms"]
    assert found.error_ms.tolist() == [pytest.approx(error_ms, abs=1e-9)]
    assert found.within_share == is_within


def test_the_mean_gap_is_judged_by_the_doubt_of_its_two_ends() -> None:
    found = agreement([trial({"tpot_ms": 10.2})], [line()]).metrics["tpot_ms"]
    # 50 us of the write, 20 us of the first and 40 us of the last stamp.
    assert found.error_ms.tolist() == [pytest.approx(0.15)]
    assert found.stated_ms.tolist() == [pytest.approx(0.06)]
    gathered = agreement([trial({"tpot_ms": 10.2, "n_coalesced": 1})], [line()]).metrics["tpot_ms"]
    assert gathered.stated_ms.tolist() == [pytest.approx(4.06)]


def test_calls_that_failed_that_state_nothing_and_whose_tokens_differ_are_counted() -> None:
    trials = [trial(), trial(status="error"), trial({"ttft_error_ms": None}), trial(usage={"output_tokens": 8} | SPLIT)]
    found = agreement(trials, [line()])
    assert (found.n_calls, found.n_failed, found.n_unstated, found.n_tokens_differ) == (3, 1, 1, 1)
    assert set(found.late_ms.tolist()) == {2.0}


SPLIT = {"reasoning_tokens": 5}


def test_a_call_that_the_server_does_not_know_is_an_error() -> None:
    with pytest.raises(KeyError):
        agreement([trial(request_id="req_2")], [line()])
