"""Which loads ``doctor`` measures under, from the loads of suites."""

from __future__ import annotations

import pytest

from evalharness.app.rehearsal import CALL_S, Level, busiest, levels_of
from evalharness.core.model import Arm, Endpoint, EndpointKind, LevelUnit, Limits, Load, Plan, Suite
from evalharness.load_shapes import names

S = 1_000_000_000


def plan(load: Load, *limits: Limits) -> Plan:
    """With one endpoint for each of ``limits``, one without any where none is given."""
    endpoints = tuple(
        Endpoint(name=f"e{place}", kind=EndpointKind.HTTP, target="http://127.0.0.1:1/v1", limits=limit)
        for place, limit in enumerate(limits or (Limits(),))
    )
    suite = Suite(name="s", endpoints=endpoints, prompts=(), cases=(), graders=(), load=load)
    arms = tuple(Arm(arm_id=e.name, key={}, endpoint=e.name, model="m", prompt="p") for e in endpoints)
    return Plan(suite=suite, arms=arms, trials=(), plan_hash="", hashed={})


def test_without_a_suite_from_one_call_in_flight_to_many() -> None:
    assert [level.streams for level in levels_of(None)] == [1, 16, 64, 256]


def test_a_closed_load_is_so_many_in_flight() -> None:
    assert levels_of(plan(Load(concurrency=12))) == (Level(label="12 in flight", streams=12),)


def test_steps_of_concurrency_are_levels_each() -> None:
    load = Load(shape="steps", levels=(4, 2000), level_unit=LevelUnit.CONCURRENCY, each_s=10)
    assert [level.label for level in levels_of(plan(load))] == ["4 in flight", "2,000 in flight"]


def test_a_client_carries_all_endpoints_at_once_each_within_its_own_limit() -> None:
    load = Load(concurrency=100)
    assert levels_of(plan(load, Limits(), Limits(max_concurrency=20)))[0].streams == 120


def test_a_rate_is_measured_for_three_seconds_at_every_endpoint() -> None:
    (level,) = levels_of(plan(Load(shape="constant", rate_per_s=50)))
    assert (level.label, level.n_calls) == ("50 a second", 150)
    assert level.offsets_ns[:3] == (0, S // 50, 2 * S // 50)
    (level,) = levels_of(plan(Load(shape="constant", rate_per_s=50), Limits(), Limits()))
    assert (level.label, level.n_calls) == ("50 a second at each of 2", 300)


def test_steps_of_rates_are_levels_each_with_the_starts_of_the_suite() -> None:
    load = Load(shape="steps", levels=(20, 200), level_unit=LevelUnit.RATE_PER_S, each_s=10)
    slow, quick = levels_of(plan(load))
    assert (slow.label, quick.label) == ("20 a second", "200 a second")
    # Poisson: so many in three seconds, give or take four standard deviations.
    assert abs(slow.n_calls - 60) < 32
    assert abs(quick.n_calls - 600) < 100


def test_a_burst_starts_at_once() -> None:
    (level,) = levels_of(plan(Load(shape="burst", size=40, every_s=60)))
    assert (level.label, level.offsets_ns) == ("40 at once", (0,) * 40)
    assert level.most_in_flight == 40


def test_a_ramp_is_measured_at_its_top() -> None:
    (level,) = levels_of(plan(Load(shape="ramp", from_per_s=1, to_per_s=100, over_s=60)))
    assert level.label == "up to 100 a second"
    # The integral of the rate over the last three of sixty seconds.
    assert level.n_calls == pytest.approx(3 * (100 - 99 / 60 * 1.5), abs=1.5)


def test_a_trace_is_measured_where_it_is_busiest_at_its_speed() -> None:
    offsets = (0.0, 100.0, *(200 + place / 10 for place in range(40)), 300.0)
    (level,) = levels_of(plan(Load(shape="trace", offsets_s=offsets, speed=2.0)))
    assert (level.label, level.n_calls) == ("busiest 3 s", 40)
    assert level.offsets_ns[-1] == pytest.approx(3.9 / 2 * S)


def test_a_load_too_light_to_measure_is_measured_under_a_little_more_and_says_so() -> None:
    (level,) = levels_of(plan(Load(shape="poisson", rate_per_s=0.01)))
    assert (level.label, level.n_calls) == ("0.01 a second, measured at 2.7", 8)
    assert level.offsets_ns[-1] < 3 * S


def test_every_load_shape_can_be_rehearsed() -> None:
    loads = {
        "burst": Load(shape="burst", size=4, every_s=1),
        "closed": Load(),
        "constant": Load(shape="constant", rate_per_s=5),
        "poisson": Load(shape="poisson", rate_per_s=5),
        "ramp": Load(shape="ramp", from_per_s=5, to_per_s=5, over_s=4),
        "steps": Load(shape="steps", levels=(5,), level_unit=LevelUnit.RATE_PER_S),
        "trace": Load(shape="trace", offsets_s=(0.0,)),
    }
    assert set(loads) == set(names())
    for load in loads.values():
        assert all(level.n_calls >= 8 for level in levels_of(plan(load)))


@pytest.mark.parametrize(("streams", "n_calls"), [(1, 8), (4, 32), (16, 112), (50, 100), (256, 512)])
def test_a_hundred_calls_at_least_where_that_takes_no_longer_than_eight_rounds(streams: int, n_calls: int) -> None:
    assert Level(label="", streams=streams).n_calls == n_calls


def test_in_flight_at_a_rate_are_the_starts_within_one_call() -> None:
    (level,) = levels_of(plan(Load(shape="constant", rate_per_s=100)))
    assert level.most_in_flight == round(100 * CALL_S)


def test_the_busiest_window_is_the_first_of_the_fullest_and_half_open() -> None:
    starts = [0, 10 * S, 11 * S, 12 * S, 13 * S, 20 * S, 21 * S, 22 * S]
    assert busiest(starts, 3) == (0, S, 2 * S)
    assert busiest([], 3) == ()
