from __future__ import annotations

from itertools import islice, pairwise

import pytest
from scipy import stats

from evalharness import load_shapes
from evalharness.core.errors import UsageError
from evalharness.core.model import LevelUnit, Load
from evalharness.load_shapes import stretches
from evalharness.load_shapes.poisson import Poisson
from evalharness.suite.load_parts import SHAPES

MS = 1_000_000
S = 1_000_000_000


def offsets(load: Load, n: int | None = None, stream: str = "sim") -> list[int]:
    (stretch,) = stretches(load)
    return list(islice(stretch.shape.offsets_ns(stream), n))


def poisson(n: int, *, rate_per_s: float = 5, seed: int = 1, step: int = 0, stream: str = "sim") -> list[int]:
    return list(islice(Poisson(rate_per_s=rate_per_s, seed=seed, step=step).offsets_ns(stream), n))


def test_every_shape_that_a_suite_may_write_has_a_module_and_none_is_left_over():
    assert set(load_shapes.names()) == set(SHAPES)


def test_a_shape_that_does_not_exist_is_told_with_those_that_do():
    with pytest.raises(UsageError, match="no load shape `square`") as caught:
        stretches(Load(shape="square"))
    assert "poisson" in (caught.value.hint or "")


def test_a_closed_load_has_no_clock_only_slots_and_pauses():
    (stretch,) = stretches(Load(concurrency=3, think_ms=1.5, duration_s=60))
    assert (stretch.shape.max_in_flight, stretch.shape.think_ns, stretch.seconds) == (3, 1_500_000, 60)
    assert list(stretch.shape.offsets_ns("sim")) == []


@pytest.mark.parametrize(
    "load",
    [
        Load(shape="constant", rate_per_s=2.0, think_ms=4, duration_s=60),
        Load(shape="poisson", rate_per_s=2.0, think_ms=4, duration_s=60),
        Load(shape="burst", size=2, every_s=1.0, think_ms=4, duration_s=60),
    ],
)
def test_an_open_load_bounds_nothing_pauses_between_turns_and_ends_where_the_suite_says(load):
    (stretch,) = stretches(load)
    assert (stretch.shape.max_in_flight, stretch.shape.think_ns, stretch.seconds) == (None, 4 * MS, 60)


def test_constant_starts_do_not_drift_from_the_rate():
    starts = offsets(Load(shape="constant", rate_per_s=3.0), 30_001)
    assert starts[:4] == [0, 333_333_333, 666_666_667, S]
    assert starts[::3] == [n * S for n in range(10_001)]


def test_a_rate_below_one_is_a_start_every_few_seconds():
    assert offsets(Load(shape="constant", rate_per_s=0.25), 3) == [0, 4 * S, 8 * S]


@pytest.mark.parametrize(("seed", "stream", "step"), [(1, "sim", 0), (1, "far", 0), (2, "sim", 0), (1, "sim", 3)])
def test_poisson_gaps_are_exponential_and_independent(seed, stream, step):
    """Against scipy's exponential law; 5,000 gaps span ten blocks of hashed draws."""
    starts = poisson(5_000, seed=seed, stream=stream, step=step)
    gaps_s = [(later - earlier) / S for earlier, later in pairwise([0, *starts])]
    assert stats.kstest(gaps_s, "expon", args=(0, 1 / 5)).pvalue > 1e-3
    assert abs(stats.spearmanr(gaps_s[:-1], gaps_s[1:]).statistic) < 4 / 5_000**0.5


def test_poisson_counts_of_a_second_have_the_rate_as_mean_and_as_variance():
    starts = poisson(20_000, rate_per_s=8)
    n_seconds = starts[-1] // S
    counts = [0] * (n_seconds + 1)
    for start in starts:
        counts[start // S] += 1
    mean, variance = (float(value) for value in stats.describe(counts[:n_seconds])[2:4])
    # Standard errors of a Poisson mean and of its variance, over about 2,500 seconds.
    assert mean == pytest.approx(8, abs=4 * (8 / n_seconds) ** 0.5)
    assert variance == pytest.approx(8, abs=4 * 8 * (2 / n_seconds) ** 0.5)


def test_poisson_starts_are_those_of_their_seed_endpoint_and_step():
    one = poisson(2_000)
    assert one == poisson(2_000) and one[0] > 0
    others = [poisson(2_000, seed=2), poisson(2_000, stream="far"), poisson(2_000, step=1)]
    assert len({*one}.union(*others)) == 8_000, "no start in common"
    assert [start // 2 for start in one[:50]] == pytest.approx(poisson(50, rate_per_s=10), abs=50), "scaled by the rate"


def test_a_name_of_any_characters_has_starts_of_its_own():
    assert poisson(3, stream="\ud800 端点") != poisson(3, stream="端点")


@pytest.mark.parametrize(
    ("from_per_s", "to_per_s", "over_s", "n_planned"), [(0, 10, 20, 100), (10, 0, 20, 100), (2, 7, 9, 41), (3, 3, 2, 6)]
)
def test_a_ramp_has_as_many_starts_before_any_moment_as_its_rate_adds_up_to(from_per_s, to_per_s, over_s, n_planned):
    """The integral by the trapezium's area. Between two starts it lies between their numbers."""
    ramp = Load(shape="ramp", from_per_s=float(from_per_s), to_per_s=float(to_per_s), over_s=float(over_s))
    starts = offsets(ramp)
    assert len(starts) == n_planned and starts[-1] < over_s * S
    for tenth in range(1, 10 * over_s):
        seconds = tenth / 10 + 1e-6
        rate_then = from_per_s + (to_per_s - from_per_s) * seconds / over_s
        area = (from_per_s + rate_then) / 2 * seconds
        before = sum(start < seconds * S for start in starts)
        assert before - 1 < area <= before, seconds


def test_a_ramp_without_slope_is_a_constant_load_that_ends():
    flat = offsets(Load(shape="ramp", from_per_s=7.0, to_per_s=7.0, over_s=3.0))
    assert flat == pytest.approx(offsets(Load(shape="constant", rate_per_s=7.0), 21), abs=1)


def test_a_ramp_and_a_trace_end_by_themselves():
    ends = [Load(shape="ramp", from_per_s=1.0, to_per_s=2.0, over_s=3.0), Load(shape="trace", offsets_s=(0.0, 1.0))]
    assert [stretches(load)[0].seconds for load in ends] == [None, None]


def test_a_burst_starts_all_at_once_again_and_again():
    assert offsets(Load(shape="burst", size=3, every_s=0.1), 7) == [0, 0, 0, 100 * MS, 100 * MS, 100 * MS, 200 * MS]
    assert offsets(Load(shape="burst", size=1, every_s=0.1), 10_001)[-1] == 1_000 * S


def test_steps_of_concurrency_are_closed_loads_one_after_the_other():
    load = Load(shape="steps", levels=(1, 4, 2), level_unit=LevelUnit.CONCURRENCY, each_s=30, think_ms=5)
    found = stretches(load)
    assert [(each.step, each.seconds, each.shape.max_in_flight) for each in found] == [
        (0, 30, 1),
        (1, 30, 4),
        (2, 30, 2),
    ]
    assert {each.shape.think_ns for each in found} == {5 * MS}


def test_steps_of_rates_are_poisson_loads_with_starts_of_their_own():
    load = Load(shape="steps", levels=(5.0, 5.0), level_unit=LevelUnit.RATE_PER_S, seed=4)
    found = stretches(load)
    assert [(each.step, each.seconds, each.shape.max_in_flight) for each in found] == [(0, None, None), (1, None, None)]
    starts = [list(islice(each.shape.offsets_ns("sim"), 20)) for each in found]
    assert starts == [poisson(20, seed=4, step=0), poisson(20, seed=4, step=1)]


def test_a_trace_is_replayed_at_its_speed_and_the_same_everywhere():
    trace = Load(shape="trace", offsets_s=(0.0, 0.5, 0.5, 2.0))
    assert offsets(trace) == [0, 500 * MS, 500 * MS, 2 * S] == offsets(trace, stream="far")
    assert offsets(Load(shape="trace", offsets_s=(0.0, 0.5, 2.0), speed=4.0)) == [0, 125 * MS, 500 * MS]
