"""What a run states of its own error, from attempts and sessions written by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evalharness.core.model import LevelUnit, Load
from evalharness.core.record import Observed, ObserverRecord, StampSource
from evalharness.verdict.compare import analyse
from evalharness.verdict.moments import without_pauses
from tests.support.load_runs import Sent, load_run
from tests.support.runs import make_run

CLOSED = Load(concurrency=1, duration_s=10.0)
OPEN = Load(shape="constant", rate_per_s=10.0)


def seen(error_us: int = 50, **changed) -> Observed:
    known = {
        "source": StampSource.KERNEL,
        "send_ns": 20_000,
        "max_lag_ns": 300_000,
        "first_output_error_ns": error_us * 1_000,
        "done_error_ns": error_us * 2_000,
    }
    return Observed(**{**known, **changed})


def observed(load: Load, sent: list[Sent], *sessions: ObserverRecord, **options):
    return analyse(load_run(load, sent, observers=sessions, **options), n_resamples=100)


def trials(n: int, **changed) -> list[Sent]:
    return [Sent(start_s=i * 0.1, **changed) for i in range(n)]


def test_a_run_of_an_earlier_version_observed_nothing():
    assert analyse(make_run(arms=1, cases=10), n_resamples=100).observer is None


def test_errors_and_lags_are_order_statistics_in_milliseconds():
    sent = [Sent(start_s=i * 0.1, observed=seen(error_us=i + 1, max_lag_ns=(i + 1) * 1_000_000)) for i in range(200)]
    found = observed(CLOSED, sent).observer
    assert found.n_attempts == 200
    assert found.sources == {"kernel": 1.0}
    # The 100th, 198th and last of 200; a time from sending is off by the sending, too.
    ttfo, latency = found.errors["ttfo_ms"], found.errors["latency_ms"]
    assert (ttfo.p50_ms, ttfo.p99_ms, ttfo.max_ms) == pytest.approx((0.120, 0.218, 0.220))
    assert latency.p99_ms == pytest.approx(2 * 0.198 + 0.02)
    assert (found.read_lag.p50_ms, found.read_lag.p99_ms) == pytest.approx((100.0, 198.0))
    assert found.send.max_ms == pytest.approx(0.02)


def test_who_dated_the_arrivals_is_a_share_of_attempts():
    sent = [Sent(start_s=i * 0.1, observed=seen(source=list(StampSource)[i % 4 == 0])) for i in range(40)]
    assert observed(CLOSED, sent).observer.sources == {"kernel": 0.75, "user": 0.25}


def test_the_lag_of_the_loop_is_at_the_upper_end_of_its_bins():
    first = ObserverRecord(session=0, loop="measuring", loop_lag_counts={10: 90, 20: 5})
    second = ObserverRecord(session=1, loop="measuring", loop_lag_counts={20: 4, 25: 1})
    lag = observed(CLOSED, trials(5), first, second).observer.loop_lag
    assert (lag.p50_ms, lag.p99_ms, lag.max_ms) == pytest.approx((2**11 / 1e6, 2**21 / 1e6, 2**26 / 1e6))
    assert lag.n == 100


def test_gaps_that_this_client_may_have_closed_are_a_share_of_all_gaps():
    sent = [*trials(10, observed=seen(n_coalesced=2)), *trials(10, observed=seen())]
    found = observed(CLOSED, sent)
    assert found.observer.coalesced_share == pytest.approx(10 * 2 / (20 * 4))
    assert found.arms[0].coalesced_share == pytest.approx(10 * 2 / (20 * 4))


def test_many_gaps_that_late_reading_closed_are_said_beside_the_times():
    found = observed(CLOSED, trials(20, observed=seen(n_coalesced=2)))
    assert any("which read late" in sentence for sentence in found.notes)
    assert not any("gaps" in sentence for sentence in observed(CLOSED, trials(20, observed=seen())).notes)


def test_an_error_beyond_one_percent_of_the_median_marks_the_metric():
    """ttfo is 40 ms: 1% are 0.4; latency 100 ms: 1.0."""

    def marked(error_us: int) -> set[str]:
        found = observed(CLOSED, trials(50, observed=seen(error_us=error_us)))
        return {mark.metric for mark in found.observer.marked}

    assert not marked(300) & {"ttfo_ms", "latency_ms"}
    assert marked(390) & {"ttfo_ms", "latency_ms"} == {"ttfo_ms"}
    assert marked(600) >= {"ttfo_ms", "latency_ms"}
    found = observed(CLOSED, trials(50, observed=seen(error_us=400)))
    [said] = [sentence for sentence in found.banners if sentence.startswith("Some times are coarse.")]
    assert "time to first output by 1.0%" in said


def test_coarse_metrics_are_one_sentence_with_the_least_exact_arm_of_each_first():
    sent = [
        replace(each, arm=i % 2, observed=seen(error_us=5_000 if i % 2 else 3_000)) for i, each in enumerate(trials(60))
    ]
    found = analyse(load_run(CLOSED, sent, arms=2), n_resamples=100)
    assert len({mark.metric for mark in found.observer.marked}) >= 4
    [said] = [sentence for sentence in found.banners if "coarse" in sentence]
    assert "“model-1”" in said
    assert "“model-0”" not in said
    assert not any(sentence.startswith("And ") for sentence in found.banners)


def test_late_starts_mark_the_total_time_and_are_told_once():
    found = observed(OPEN, trials(50, lag_ms=8.0, observed=seen()))
    [mark] = [mark for mark in found.observer.marked if mark.late_start]
    assert (mark.metric, mark.error_p99_ms) == ("total_ms", pytest.approx(8.0))
    assert (
        "50 of 50 were sent more than 5.0 ms too late, by up to 8.0 ms (8.0% of the median latency)" in mark.late_start
    )
    assert sum("8.0 ms" in sentence for sentence in found.banners) == 1
    assert observed(OPEN, trials(50)).observer.dispatch_lag.n == 50
    assert observed(CLOSED, trials(50, observed=seen())).observer.dispatch_lag is None


def test_what_sessions_noticed_comes_before_the_numbers():
    session = ObserverRecord(
        session=0,
        loop="measuring",
        routes={"sim": "measuring"},
        clock_steps_ns=(-250_000_000, 20_000_000),
        suspended_ns=90_000_000_000,
        notes=("The kernel does not date arrivals here.",),
    )
    resumed = ObserverRecord(session=1, loop="foreign", routes={"sim": "httpx: a proxy"}, notes=session.notes)
    found = observed(CLOSED, trials(30, observed=seen()), session, resumed)
    assert found.observer.routes == {"sim": ("measuring", "httpx: a proxy")}
    assert found.observer.loops == ("measuring", "foreign")
    assert found.observer.clock_steps_ms == (-250.0, 20.0)
    said = " ".join(found.banners)
    assert "was set 2 times during the run, by up to 250 ms" in said
    assert "slept for 90 s" in said
    assert found.banners.count("The kernel does not date arrivals here.") == 1


def test_only_the_longest_idle_spells_are_cut_out():
    start = np.array([0.0, 1.0, 100.0, 101.0, np.nan, 500.0])
    end = np.array([0.5, 5.0, 102.0, 101.5, np.nan, 501.0])
    same = without_pauses(start, end, 0)
    assert np.array_equal(same[0], start, equal_nan=True)
    starts, ends = without_pauses(start, end, 1)  # 102 to 500
    assert starts == pytest.approx([0, 1, 100, 101, np.nan, 102], nan_ok=True)
    starts, ends = without_pauses(start, end, 2)  # and 5 to 100
    assert starts == pytest.approx([0, 1, 5, 6, np.nan, 7], nan_ok=True)
    assert ends == pytest.approx([0.5, 5, 7, 6.5, np.nan, 8], nan_ok=True)


def test_calls_whose_error_nobody_knows_are_said_and_do_not_pass_for_exact_ones():
    session = ObserverRecord(loop="foreign")
    (note,) = observed(CLOSED, trials(20), session).observer.notes
    assert note.startswith("Of all calls it is not known how far off their times are")
    half = [Sent(start_s=i * 0.1, observed=seen() if i % 2 else None) for i in range(20)]
    (note,) = observed(CLOSED, half, session).observer.notes
    assert note.startswith("Of 10 of 20 calls it is not known")
    assert observed(CLOSED, trials(20, observed=seen()), session).observer.notes == ()


def test_each_level_of_a_load_states_its_own_error():
    """A client that is overrun at the second level saw the first as well as ever: 50 us and 20 us of sending."""
    load = Load(shape="steps", levels=(10.0, 20.0), level_unit=LevelUnit.RATE_PER_S, each_s=10.0)
    calm = [Sent(start_s=number * 0.1, observed=seen(50)) for number in range(100)]
    overrun = [Sent(start_s=10 + number * 0.05, step=1, observed=seen(30_000)) for number in range(200)]
    first, second = (stretch.times["ttfo_ms"] for stretch in observed(load, calm + overrun).stretches)
    assert first.error_p99_ms == pytest.approx(0.07)
    assert second.error_p99_ms == pytest.approx(30.02)


def test_a_figure_is_off_by_no_more_than_what_the_times_it_rests_on_are_off_by():
    """Two calls of a hundred were seen a second late: that is what calls may be off by, the median is not, p99 is."""
    sent = [
        replace(each, latency_ms=100.0 + i, observed=seen(error_us=1_000_000 if i < 2 else 50))
        for i, each in enumerate(trials(100))
    ]
    total = observed(CLOSED, sent).arms[0].times["ttfo_ms"]
    assert total.error_p99_ms > 1_000
    assert total.error_ms("0.5") < 3
    assert total.error_ms("0.99") > 500


def test_no_true_times_within_their_stated_errors_have_a_quantile_farther_off_than_stated():
    rng = np.random.default_rng(3)
    errors_us = rng.lognormal(8, 1.5, 80).astype(int)
    sent = [
        replace(each, ttfo_ms=float(ms), observed=seen(error_us=int(us)))
        for each, ms, us in zip(trials(80), 200 + rng.exponential(50, 80), errors_us, strict=True)
    ]
    times = observed(CLOSED, sent).arms[0].times["ttfo_ms"]
    seen_ms = np.array([each.ttfo_ms for each in sent])
    stated_ms = errors_us / 1_000 + 0.02
    for q in ("0.5", "0.95"):
        point = times.quantiles[q].point
        drawn = [
            np.quantile(seen_ms + rng.uniform(-1, 1, 80) * stated_ms, float(q), method="inverted_cdf")
            for _ in range(2_000)
        ]
        worst = [np.quantile(seen_ms + sign * stated_ms, float(q), method="inverted_cdf") for sign in (-1, 1)]
        assert max(abs(np.array(drawn) - point)) <= times.error_ms(q) + 1e-6
        assert times.error_ms(q) == pytest.approx(max(abs(np.array(worst) - point)), abs=1e-3)
        assert times.error_ms(q) < times.error_p99_ms / 2
