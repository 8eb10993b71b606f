"""Stretches of load against arithmetic done by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from evalharness.core.findings import Course, Met
from evalharness.core.model import LevelUnit, Load, Slo, Status
from evalharness.core.record import ObserverRecord
from evalharness.verdict.compare import analyse
from evalharness.verdict.stretches import level
from tests.support.load_runs import Sent, load_run

RATES = Load(shape="steps", levels=(10.0, 20.0), level_unit=LevelUnit.RATE_PER_S, each_s=10.0)
CONSTANT = Load(shape="constant", rate_per_s=10.0)


def analysed(load: Load, sent: list[Sent], **options):
    return analyse(load_run(load, sent, **options), n_resamples=100)


@pytest.mark.parametrize(
    ("load", "kind"),
    [
        (Load(), "single"),
        (Load(duration_s=30.0), "latency"),
        (Load(shape="steps", levels=(1.0, 2.0), level_unit=LevelUnit.CONCURRENCY, each_s=1.0), "latency"),
        (CONSTANT, "latency"),
        (Load(shape="trace", offsets_s=(0.0, 1.0)), "latency"),
    ],
    ids=["closed", "closed by time", "steps", "open", "trace"],
)
def test_what_is_open_timed_or_in_steps_is_a_latency_run(load: Load, kind: str):
    found = analysed(load, [Sent(start_s=i / 10) for i in range(20)])
    assert found.kind == kind
    assert bool(found.stretches) is (kind == "latency")


def test_levels_are_those_of_the_shape():
    assert level(RATES, 1).words() == "20/s"
    assert level(Load(concurrency=8), 0).words() == "8 in flight"
    assert level(Load(shape="burst", size=10, every_s=4.0), 0).words() == "2.5/s"
    assert level(Load(shape="ramp", from_per_s=1.0, to_per_s=9.0, over_s=10.0), 0).words() == ""


def test_rates_and_what_is_in_flight_are_sums_over_the_wall_time():
    sent = [Sent(start_s=i * 0.1, latency_ms=500.0, output_tokens=30, reasoning_tokens=10) for i in range(101)]
    [stretch] = analysed(CONSTANT, sent).stretches
    assert stretch.wall_s == pytest.approx(10.5)
    assert stretch.intended_per_s == pytest.approx(10.0)
    assert stretch.starts_per_s == pytest.approx(10.0)
    assert stretch.ends_per_s == pytest.approx(101 / 10.5)
    assert stretch.in_flight == pytest.approx(101 * 0.5 / 10.5)
    assert stretch.output_tokens_per_s == pytest.approx(101 * 30 / 10.5)
    assert stretch.visible_tokens_per_s == pytest.approx(101 * 20 / 10.5)
    assert (stretch.n_sent, stretch.n_ended, stretch.n_failed) == (101, 101, 0)
    assert stretch.rate_kept is True


def test_errors_and_trials_without_a_count_are_said_and_not_left_out():
    sent = [Sent(start_s=i * 0.1, status=Status.ERROR if i % 10 == 0 else Status.OK) for i in range(100)]
    [stretch] = analysed(CONSTANT, sent).stretches
    assert stretch.n_failed == 10
    assert stretch.times["total_ms"].n_failed == 10
    assert stretch.times["total_ms"].unreached == ("0.95", "0.99")
    assert stretch.output_tokens_per_s is not None, "a failed trial has no answer whose tokens could be missing"
    [without] = analysed(CONSTANT, [*sent, Sent(start_s=10.0, output_tokens=None)]).stretches
    assert without.output_tokens_per_s is without.visible_tokens_per_s is None


def test_medians_are_of_the_stretch_and_arm_alone():
    sent = [
        Sent(
            start_s=i * 0.05,
            arm=i % 2,
            step=int(i >= 200),
            latency_ms=100.0 + i % 2 * 100 + (i >= 200) * 1000 + i / 100,
        )
        for i in range(400)
    ]
    found = analysed(RATES, sent, arms=2)
    assert [(each.step, each.arm_id) for each in found.stretches] == [
        (0, None), (0, "arm-0"), (0, "arm-1"), (1, None), (1, "arm-0"), (1, "arm-1"),
    ]  # fmt: skip
    medians = {(each.step, each.arm_id): each.times["latency_ms"].quantiles["0.5"].point for each in found.stretches}
    assert medians[0, "arm-0"] == pytest.approx(101, abs=1)
    assert medians[0, "arm-1"] == pytest.approx(201, abs=1)
    assert medians[1, "arm-0"] == pytest.approx(1103, abs=1)
    assert [each.level for each in found.stretches_of("arm-1")] == [10.0, 20.0]


# ---------------------------------------------------------------- the asked rate


def test_poisson_starts_are_compared_with_the_intended_ones_and_not_with_the_mean_rate():
    gaps = np.random.default_rng(4).exponential(0.1, 60)  # 15% above 10/s, as luck has it
    [stretch] = analysed(Load(shape="poisson", rate_per_s=10.0), [Sent(start_s=at) for at in np.cumsum(gaps)]).stretches
    assert abs(stretch.intended_per_s / 10 - 1) > 0.03
    assert stretch.rate_kept is True


def test_a_client_that_falls_behind_is_marked_and_says_by_how_much():
    sent = [Sent(start_s=i * 0.1, lag_ms=i * 25.0, latency_ms=100_000.0) for i in range(100)]
    found = analysed(CONSTANT, sent)
    [stretch] = found.stretches
    assert stretch.starts_per_s == pytest.approx(8.0)
    assert stretch.rate_kept is False
    assert "did not keep the rate of 10/s" in stretch.rate_sentence
    assert "20% lower" in stretch.rate_sentence
    assert stretch.rate_sentence in found.banners


def test_late_sending_beyond_five_percent_of_the_median_latency_is_marked():
    def stretch(lag_ms: float):
        return analysed(CONSTANT, [Sent(start_s=i * 0.1, lag_ms=lag_ms) for i in range(100)]).stretches[0]

    assert stretch(4.9).rate_kept is True
    assert stretch(5.1).rate_kept is False
    assert stretch(5.1).dispatch_lag.p50_ms == pytest.approx(5.1)


def test_setting_up_a_connection_is_no_delay_of_the_client():
    [stretch] = analysed(CONSTANT, [Sent(start_s=i * 0.1, connect_ms=30.0) for i in range(100)]).stretches
    assert stretch.dispatch_lag.max_ms == pytest.approx(0, abs=1e-6)
    assert stretch.rate_kept is True


def test_pauses_that_the_service_asked_for_are_no_delay_of_the_client():
    held = [Sent(start_s=i * 0.1, pause_ms=max(0.0, 5_000 - i * 100.0)) for i in range(100)]
    found = analysed(CONSTANT, held)
    [stretch] = found.stretches
    assert stretch.rate_kept is True
    assert stretch.dispatch_lag.max_ms == pytest.approx(0, abs=1e-6)
    assert not any(mark.late_start for mark in found.observer.marked)
    assert stretch.times["total_ms"].quantiles["0.95"].point > 4_000, "the caller waits all the same"
    assert found.arms[0].times["queue_ms"].mean_given_success == pytest.approx(0, abs=1e-6)


def test_a_closed_loop_has_no_rate_to_keep():
    load = Load(concurrency=1, duration_s=10.0)
    [stretch] = analysed(load, [Sent(start_s=i * 0.1, lag_ms=50.0) for i in range(100)]).stretches
    assert stretch.rate_kept is stretch.dispatch_lag is stretch.intended_per_s is None
    assert stretch.starts_per_s == pytest.approx(10.0)


# ---------------------------------------------------------------- pauses, trends, knee


def test_the_pause_before_a_resumed_session_is_no_part_of_the_wall_time():
    sent = [Sent(start_s=i * 0.1 + (86_400 if i >= 50 else 0)) for i in range(100)]
    sessions = tuple(ObserverRecord(session=number, loop="measuring") for number in range(2))
    [one] = analysed(CONSTANT, sent, observers=sessions[:1]).stretches
    [two] = analysed(CONSTANT, sent, observers=sessions).stretches
    assert one.wall_s == pytest.approx(86_400 + 10.0)
    assert two.wall_s == pytest.approx(10.0, abs=0.11)
    assert two.rate_kept is True


def noisy(n: int, growth: float = 0.0, seed: int = 1, **options) -> list[Sent]:
    rng = np.random.default_rng(seed)
    return [
        Sent(start_s=i * 0.1, latency_ms=100 * rng.lognormal(0, 0.2) * (1 + growth * i / n), **options)
        for i in range(n)
    ]


def test_a_window_that_gets_slower_is_said_before_the_numbers():
    found = analysed(CONSTANT, noisy(600, growth=0.5))
    steadiness = found.stretches[0].steadiness
    assert steadiness.course is Course.ROSE
    # First half 1 + 0.125, second half 1 + 0.375 on average.
    assert steadiness.ratio.lower < 1.375 / 1.125 < steadiness.ratio.upper
    assert any(sentence.startswith("Total time was not steady; it rose by") for sentence in found.banners)


def test_where_no_drift_is_found_the_sentence_says_how_large_one_may_be():
    found = analysed(CONSTANT, noisy(600))
    steadiness = found.stretches[0].steadiness
    assert steadiness.course is Course.NO_DRIFT
    assert steadiness.ratio.lower < 1 < steadiness.ratio.upper
    ratio = steadiness.ratio
    assert steadiness.sentence == (
        f"No drift found: the second half took {ratio.point:.2f}× as long as the first "
        f"(95% CI {ratio.lower:.2f} to {ratio.upper:.2f})."
    )
    assert not {"trend", "steady", "same"} & set(steadiness.sentence.lower().split())
    assert not found.banners


def test_a_few_trials_cannot_tell():
    assert analysed(CONSTANT, noisy(40)).stretches[0].steadiness.course is Course.UNKNOWN


def test_many_trials_of_which_most_were_in_flight_together_cannot_tell_and_are_not_called_too_few():
    """Ten starts a second, 20 s each: 200 in flight where 600 were sent, so twelve blocks see three moments."""
    crowd = [Sent(start_s=i * 0.1, latency_ms=20_000.0 + i % 7) for i in range(600)]
    steadiness = analysed(CONSTANT, crowd).stretches[0].steadiness
    assert steadiness.course is Course.CROWDED
    assert steadiness.sentence.startswith("Too many calls were in flight at once (150 of 600)")  # 600 x 20 s / 80 s


def test_trials_that_pile_up_in_an_overloaded_service_are_counted_not_tested():
    """40 starts a second, answered at 20 a second: 99 of 200 have ended half way, 199 of 400 at the last start."""
    sent = [Sent(start_s=i / 40, latency_ms=1000 * ((i + 1) / 20 - i / 40)) for i in range(400)]
    found = analysed(Load(shape="constant", rate_per_s=40.0), sent)
    steadiness = found.stretches[0].steadiness
    assert steadiness.course is Course.ROSE
    assert steadiness.sentence.startswith("Rose: 101 trials were in flight half way and 201 at the last start")
    assert any("in flight half way" in sentence for sentence in found.banners)
    in_balance = [replace(each, latency_ms=5_000.0) for each in sent]
    assert (
        analysed(Load(shape="constant", rate_per_s=40.0), in_balance).stretches[0].steadiness.course is not Course.ROSE
    )


def test_a_change_that_one_of_many_stretches_may_show_by_chance_is_too_close_to_tell():
    """Alone its p of 0.02 to 0.04 is a drift; Holm over three levels takes it back, and neither is claimed."""
    growing = next(
        trials
        for seed in range(100)
        if 0.02
        < analysed(CONSTANT, trials := noisy(300, growth=0.15, seed=seed)).stretches[0].steadiness.p_value
        < 0.04
    )
    assert analysed(CONSTANT, growing).stretches[0].steadiness.course is Course.ROSE
    still = [replace(each, start_s=each.start_s + 100 * step, step=step) for step in (1, 2) for each in noisy(300)]
    three = replace(RATES, levels=(10.0, 20.0, 30.0))
    first = analysed(three, [*growing, *still]).stretches[0].steadiness
    assert first.course is Course.TOO_CLOSE
    assert first.ratio.lower > 1
    assert first.sentence.startswith("Too close to tell: the second half took 1.")
    assert "of 3 stretches" in first.sentence


def test_each_level_has_its_whole_distribution_with_a_band():
    sent = [Sent(start_s=i * 0.05, step=int(i >= 200), latency_ms=100.0 + i % 50) for i in range(400)]
    for stretch in analysed(RATES, sent).stretches:
        times = stretch.times["total_ms"]
        assert list(times.quantiles) == ["0.5", "0.9", "0.95", "0.99"]
        assert (times.ecdf_x[0], times.ecdf_x[-1], times.ecdf_y[-1]) == pytest.approx((100, 149, 1))
        assert 0 < times.band < 1


def test_many_levels_that_were_not_kept_are_named_in_the_last_of_three_sentences():
    five = replace(RATES, levels=(10.0, 20.0, 30.0, 40.0, 50.0))
    sent = [Sent(start_s=i * 0.1, step=i // 50, lag_ms=50.0) for i in range(250)]
    found = analysed(five, sent)
    told = [sentence for sentence in found.banners if "did not keep the rate" in sentence]
    assert len(told) == 3
    assert told[-1].endswith("Nor did it keep 40/s, 50/s.")


def test_a_trend_is_looked_for_in_each_arm_of_each_stretch_and_corrected_for():
    sent = [
        replace(each, start_s=each.start_s + 100 * step, step=step, arm=i % 2)
        for step in range(2)
        for i, each in enumerate(noisy(400, growth=0.6 * step, seed=step + 1))
    ]
    found = analysed(RATES, sent, arms=2)
    assert [each.steadiness is None for each in found.stretches] == [True, False, False] * 2
    judged = [each.steadiness for each in found.stretches if each.steadiness]
    assert all(each.p_value <= each.p_adjusted <= 4 * each.p_value for each in judged)
    assert [each.course for each in judged] == [Course.NO_DRIFT] * 2 + [Course.ROSE] * 2
    assert sum("was not steady" in sentence for sentence in found.banners) == 2
    assert any("“model-0” at 20/s" in sentence for sentence in found.banners)


def test_the_knee_lies_between_the_levels_that_hold_and_those_that_fail():
    slow = {0: 80.0, 1: 90.0, 2: 400.0}
    sent = [
        Sent(start_s=100 * step + i * 0.05, step=step, latency_ms=slow[step] + i % 7)
        for step in slow
        for i in range(200)
    ]
    load = replace(RATES, levels=(10.0, 20.0, 40.0))
    [knee] = analysed(load, sent, slo=Slo(limits_ms={"latency_ms": 100.0}, share_at_least=0.95)).knees
    assert knee.met == (Met.MET, Met.MET, Met.NOT_MET)
    assert (knee.holds_up_to, knee.fails_from) == (20.0, 40.0)
    assert knee.sentence == "Holds up to 20/s; shown to fail at 40/s (95% confidence each)."
    assert analysed(load, sent).knees == ()


def test_a_rate_that_the_client_did_not_keep_was_not_tried():
    sent = [
        Sent(start_s=100 * step + i * 0.05, step=step, latency_ms=80.0 + i % 7, lag_ms=20.0 * step)
        for step in range(2)
        for i in range(200)
    ]
    found = analysed(RATES, sent, slo=Slo(limits_ms={"latency_ms": 100.0}, share_at_least=0.95))
    [knee] = found.knees
    assert knee.met == (Met.MET, Met.UNTRIED)
    assert knee.sentence == "Holds up to 10/s (95% confidence); undecided at 20/s."
    services = [stretch.service for stretch in found.stretches]
    assert tuple(service.met for service in services) == knee.met, "the table says of a level what the sentence says"
    assert services[1].reason == services[1].limits[0].reason == "the rate was not kept"
    assert services[1].limits[0].met is Met.UNTRIED


def test_arms_are_compared_in_pairs_of_one_moment_however_few_the_cases():
    rng = np.random.default_rng(2)
    busy = np.repeat(rng.lognormal(0, 0.5, 40), 10)
    times = 100 * busy[:, None] * np.array([1.0, 1.2]) * rng.lognormal(0, 0.1, (400, 2))
    sent = [
        Sent(start_s=i * 0.1 + arm * 0.01, arm=arm, case=i % 2, latency_ms=float(times[i, arm]))
        for i in range(400)
        for arm in range(2)
    ]
    ratio = analysed(Load(shape="constant", rate_per_s=20.0), sent, arms=2).ratios["total_ms"]["arm-1"]
    assert ratio.estimate.lower < 1.2 < ratio.estimate.upper
    assert ratio.estimate.upper / ratio.estimate.lower < 1.05, "what both arms saw of a busy spell falls out"
    assert (ratio.n_pairs, ratio.reading.value) == (400, "worse")


def test_a_run_of_three_cases_says_what_its_times_are_of():
    found = analysed(CONSTANT, [replace(each, case=i % 3) for i, each in enumerate(noisy(300))])
    assert any(sentence.startswith("Times are those of this mix of 3 cases") for sentence in found.notes)
    assert not any(sentence.startswith("Only 3 cases") for sentence in found.banners)
    assert found.arms[0].times["total_ms"].quantiles["0.95"].upper is not None
