"""What a suite's ``slo`` asks, against counts done here."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from evalharness.core.findings import Met
from evalharness.core.model import Load, PendingReason, Slo, Status
from evalharness.verdict.compare import analyse
from tests.support.load_runs import Sent, load_run
from tests.support.runs import make_run

LOAD = Load(shape="constant", rate_per_s=10.0)
SLO = Slo(limits_ms={"ttfo_ms": 100.0}, share_at_least=0.9)


def trials(n: int, **changed: object) -> list[Sent]:
    """One every 100 ms, first output after 10, 11, ... 10 + n - 1 ms in an order that has no trend."""
    return [Sent(start_s=i / 10, ttfo_ms=10.0 + i * 37 % n, latency_ms=300.0, **changed) for i in range(n)]


def service(sent: list[Sent], slo: Slo = SLO, load: Load = LOAD):
    return analyse(load_run(load, sent, slo=slo), n_resamples=100).service


def test_the_time_within_which_the_share_got_there_is_an_order_statistic_with_one_sided_bounds():
    limit = service(trials(200)).limits[0]
    assert limit.quantile.point == 10 + math.ceil(0.9 * 200) - 1
    assert limit.quantile.level == 0.90
    assert limit.quantile.lower < limit.quantile.point < limit.quantile.upper
    assert (limit.met, limit.reason) == (Met.NOT_MET, None)


@pytest.mark.parametrize(
    ("limit_ms", "met"), [(205.0, Met.MET), (190.0, Met.OPEN), (120.0, Met.NOT_MET)], ids=lambda value: str(value)
)
def test_three_outcomes_of_a_limit(limit_ms: float, met: Met):
    found = service(trials(200), replace(SLO, limits_ms={"ttfo_ms": limit_ms}))
    assert found.limits[0].met is found.met is met
    assert (found.reason is None) is (met is not Met.OPEN)


def test_with_one_limit_and_right_answers_the_share_and_the_quantile_say_the_same():
    for limit_ms in range(150, 215, 5):
        found = service(trials(200), replace(SLO, limits_ms={"ttfo_ms": float(limit_ms)}))
        assert found.met is found.limits[0].met
        assert (found.met is Met.MET) == (found.share.lower >= 0.9)
        assert (found.met is Met.NOT_MET) == (found.share.upper < 0.9) or found.share.upper == 0.9


def test_wrong_answers_are_not_good_but_they_are_in_time():
    sent = [replace(each, right=i % 4 > 0) for i, each in enumerate(trials(200))]
    found = service(sent, replace(SLO, limits_ms={"ttfo_ms": 250.0}))
    assert found.limits[0].met is Met.MET
    assert found.met is Met.NOT_MET
    assert found.share.point == pytest.approx(0.75)


def test_failed_trials_are_infinitely_late():
    sent = [replace(each, status=Status.ERROR if i % 5 == 0 else Status.OK) for i, each in enumerate(trials(200))]
    found = service(sent, replace(SLO, limits_ms={"ttfo_ms": 1e9}))
    assert found.limits[0].unreached
    assert found.limits[0].quantile is None
    assert found.limits[0].met is found.met is Met.NOT_MET
    assert found.share.point == pytest.approx(0.8)


def test_trials_for_which_no_connection_came_about_are_late_too_where_time_ends_the_run():
    sent = [
        replace(each, status=Status.ERROR, connected=False) if i % 5 == 0 else each
        for i, each in enumerate(trials(200))
    ]
    found = service(sent, replace(SLO, limits_ms={"ttfo_ms": 1e9}), replace(LOAD, duration_s=20.0))
    assert found.share.point == pytest.approx(0.8)
    assert found.met is Met.NOT_MET


def test_good_is_inside_every_limit_at_once():
    sent = [replace(each, latency_ms=300.0 if i % 2 else 900.0) for i, each in enumerate(trials(200))]
    found = service(sent, Slo(limits_ms={"ttfo_ms": 250.0, "total_ms": 500.0}, share_at_least=0.9))
    assert [limit.met for limit in found.limits] == [Met.MET, Met.NOT_MET]
    assert found.share.point == pytest.approx(0.5)


def test_goodput_is_the_good_trials_over_the_wall_time():
    sent = [replace(each, right=i % 4 > 0) for i, each in enumerate(trials(200))]
    found = service(sent, replace(SLO, limits_ms={"ttfo_ms": 250.0}))
    wall_s = 19.9 + 0.3  # last start, and what it took
    assert found.goodput_per_s.point == pytest.approx(150 / wall_s)
    assert found.goodput_per_s.lower == pytest.approx(found.share.lower * 200 / wall_s)


def test_what_never_ended_decides_where_it_could():
    sent = trials(200)
    lost = [replace(each, start_s=None) if i < 30 else each for i, each in enumerate(sent)]
    found = service(lost, replace(SLO, limits_ms={"ttfo_ms": 250.0}))
    assert (found.met, found.n_missing) == (Met.OPEN, 30)
    assert found.reason == "30 missing trials could decide it"
    assert found.share_bounds == (pytest.approx(0.85), 1.0)


@pytest.mark.parametrize("reason", [PendingReason.DURATION, PendingReason.INTERRUPTED])
def test_where_time_ends_the_run_trials_never_sent_are_not_missing(reason: PendingReason):
    """A list of any length is cut by time: stopping early leaves no number of trials to miss."""
    sent = [*trials(200), *(Sent(start_s=None, reason=reason) for _ in range(500))]
    found = service(sent, replace(SLO, limits_ms={"ttfo_ms": 250.0}), replace(LOAD, duration_s=20.0))
    assert (found.met, found.n_missing) == (Met.MET, 0)
    assert found.share.n_trials == 200


def test_an_evaluation_has_a_service_level_too_with_the_case_as_its_unit():
    run = make_run(arms=2, cases=80, repeats=2, slo=Slo(limits_ms={"total_ms": 1e9}, share_at_least=0.3), failures=0)
    found = analyse(run, n_resamples=100)
    assert found.kind == "effort"
    assert found.service.share.n == 80
    assert all(arm.service.met is Met.MET for arm in found.arms)
    assert found.stretches == found.knees == ()


def test_without_an_slo_nothing_is_judged():
    found = analyse(load_run(LOAD, trials(60)), n_resamples=100)
    assert found.service is found.arms[0].service is found.stretches[0].service is None
