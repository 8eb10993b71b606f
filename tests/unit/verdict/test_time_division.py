"""Where the total time goes: parts that add up, trial by trial."""

from __future__ import annotations

import numpy as np
import pytest

from evalharness.core.model import Load, Status
from evalharness.verdict.compare import analyse
from tests.support.load_runs import Sent, load_run
from tests.support.runs import make_run

LOAD = Load(shape="constant", rate_per_s=10.0)


def divided(*sent: Sent):
    return analyse(load_run(LOAD, sent), n_resamples=100).arms[0].divided


def means(*sent: Sent) -> dict[str, float]:
    return {name: part.mean_ms for name, part in divided(*sent).parts.items()}


def test_a_plain_call_waits_and_answers():
    assert means(Sent(start_s=0.0, lag_ms=2.0, ttfo_ms=40.0, latency_ms=100.0)) == pytest.approx(
        {"queue": 2.0, "connect": 0.0, "retry": 0.0, "waiting": 40.0, "answer": 60.0}
    )


def test_setting_up_the_connection_is_taken_out_of_the_clients_own_wait():
    assert means(Sent(start_s=0.0, lag_ms=2.0, connect_ms=30.0)) == pytest.approx(
        {"queue": 2.0, "connect": 30.0, "retry": 0.0, "waiting": 40.0, "answer": 60.0}
    )


def test_a_failed_attempt_and_its_pause_are_retries_and_the_new_connection_is_apart():
    sent = Sent(start_s=0.0, lag_ms=2.0, failed_ms=500.0, pause_ms=250.0, connect_ms=30.0)
    assert means(sent) == pytest.approx(
        {"queue": 2.0, "connect": 30.0, "retry": 750.0, "waiting": 40.0, "answer": 60.0}
    )


def test_a_pause_that_the_service_asked_for_is_no_queue_of_the_client_and_leaves_the_connection_apart():
    assert means(Sent(start_s=0.0, lag_ms=2.0, pause_ms=900.0, connect_ms=30.0)) == pytest.approx(
        {"queue": 2.0, "connect": 30.0, "retry": 900.0, "waiting": 40.0, "answer": 60.0}
    )


def test_shown_reasoning_is_apart_and_hidden_reasoning_is_said_to_be_in_the_waiting():
    shown = Sent(start_s=0.0, ttfr_ms=15.0, reasoning_tokens=10)
    assert means(shown)["reasoning"] == pytest.approx(25.0)
    assert means(shown)["waiting"] == pytest.approx(15.0)
    assert not divided(shown).reasoning_hidden
    assert divided(Sent(start_s=0.0, reasoning_tokens=10)).reasoning_hidden
    assert not divided(Sent(start_s=0.0)).reasoning_hidden


def test_medians_are_times_that_were_measured_as_in_the_tables_of_quantiles():
    """Of four the lower of the middle two, 100 and not 150; means are of all."""
    sent = [
        Sent(start_s=i * 10.0, case=i, ttfo_ms=40.0, latency_ms=ms) for i, ms in enumerate((60.0, 100.0, 200.0, 400.0))
    ]
    arm = analyse(load_run(LOAD, sent), n_resamples=100).arms[0]
    assert arm.divided.total.median_ms == arm.times["total_ms"].quantiles["0.5"].point == pytest.approx(100.0)
    assert arm.divided.parts["answer"].median_ms == pytest.approx(60.0)
    assert arm.divided.total.mean_ms == pytest.approx(190.0)


def test_without_a_stream_all_of_it_is_waiting():
    assert means(Sent(start_s=0.0, ttfo_ms=None, latency_ms=100.0)) == pytest.approx(
        {"queue": 0.0, "connect": 0.0, "retry": 0.0, "waiting": 100.0, "answer": 0.0}
    )


@pytest.mark.parametrize("options", [{}, {"turns": 3}, {"stream": False}, {"retries": 0.5}, {"hidden_reasoning": True}])
def test_means_of_the_parts_add_up_to_the_mean_total_of_the_same_trials(options):
    run = make_run(arms=2, cases=30, failures=0.1, seed=5, **options)
    for arm in analyse(run, n_resamples=100).arms:
        total = arm.divided.total.mean_ms
        assert sum(part.mean_ms for part in arm.divided.parts.values()) == pytest.approx(total, rel=1e-9)
        assert total == pytest.approx(arm.times["total_ms"].mean_given_success)
        assert all(part.mean_ms >= 0 and part.median_ms >= 0 for part in arm.divided.parts.values())
        assert ("earlier" in arm.divided.parts) is ("turns" in options)


def test_medians_are_of_each_part_by_itself():
    found = divided(*(Sent(start_s=i / 10, ttfo_ms=float(i), latency_ms=100.0 + i * i) for i in range(1, 8)))
    assert found.n_trials == 7
    assert found.parts["waiting"].median_ms == pytest.approx(4.0)
    assert found.parts["answer"].median_ms == pytest.approx(np.median([100 + i * i - i for i in range(1, 8)]))


def test_where_nothing_ended_nothing_is_divided():
    assert divided(Sent(start_s=0.0, status=Status.ERROR)) is None
