"""Fronts: who dominates whom by hand, and the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.stats.domination import CLOUD_POINTS, Contender, pareto_front
from evalharness.stats.sample import Sample, Settings, sample_of
from tests.stats.test_properties import COSTS, SCORES, TIMES, grids, samples

SETTINGS = Settings(seed=5, n_resamples=299)
QUICK = settings(max_examples=40, deadline=None, derandomize=True)


def one_each(values: np.ndarray) -> Sample:
    return sample_of(values, np.arange(len(values)), np.arange(len(values)))


def arm(share: float, cost: float, ms: float, n: int = 400, seed: int = 1) -> Contender:
    rng = np.random.default_rng(seed)
    return Contender(
        quality=one_each((np.arange(n) < share * n).astype(float)),
        cost=one_each(cost * rng.uniform(0.9, 1.1, n)),
        time=one_each(ms * rng.lognormal(0, 0.3, n)),
    )


def test_a_worse_dearer_and_slower_arm_is_dominated_and_a_trade_is_not():
    front = pareto_front([arm(0.9, 2.0, 900), arm(0.6, 1.0, 300, seed=2), arm(0.4, 4.0, 2000, seed=3)], SETTINGS)
    assert front.axes == ("quality", "cost", "time")
    assert front.time_quantile == 0.95
    good, cheap, bad = front.places
    assert (good.on_front, cheap.on_front, bad.on_front) == (True, True, False)
    assert good.front_share == cheap.front_share == pytest.approx(299 / 300)
    assert bad.front_share == pytest.approx(1 / 300), "draws do not show certainty"
    assert [by for by, _ in bad.dominated_by] == [0, 1]
    assert good.dominated_by == ()
    assert good.point[0] == pytest.approx(0.9)


def test_an_arm_as_good_as_seen_is_not_for_certain_dominated():
    """30 of 30 right in both arms: that the cheaper is as good has not been shown."""
    n = 30
    arms = [Contender(quality=one_each(np.ones(n)), cost=one_each(cost + np.arange(n) / n)) for cost in (1.0, 2.0)]
    dearer = pareto_front(arms, SETTINGS).places[1]
    assert not dearer.on_front, "by the points it is"
    assert 0.4 < dearer.front_share < 0.6
    assert min(quality for quality, _ in dearer.cloud) < max(quality for quality, _ in dearer.cloud) <= 1.0


def test_draws_are_joint():
    """Same cases, the same noise in both arms: the one that is better by a little everywhere wins every draw."""
    rng = np.random.default_rng(4)
    base = rng.uniform(0, 0.8, 300)
    better = Contender(quality=one_each(base + 0.05), cost=one_each(np.ones(300)))
    worse = Contender(quality=one_each(base), cost=one_each(np.ones(300)))
    assert pareto_front([worse, better], SETTINGS).places[0].dominated_by == ((1, pytest.approx(299 / 300)),)


@pytest.mark.parametrize(("n", "q"), [(72, 0.95), (71, 0.9), (36, 0.9), (35, 0.5), (6, 0.5)])
def test_the_time_axis_is_the_highest_quantile_that_the_trials_can_give(n, q):
    assert pareto_front([arm(0.5, 1, 100, n=n), arm(0.5, 2, 200, n=n)], SETTINGS).time_quantile == q


def test_too_few_times_leave_the_axis_out():
    assert pareto_front([arm(0.5, 1, 100, n=5), arm(0.5, 2, 200, n=5)], SETTINGS).axes == ("quality", "cost")


def test_an_unknown_cost_takes_the_axis_out_for_all():
    known, unknown = arm(0.5, 1, 100), arm(0.7, 1, 300)
    front = pareto_front([known, Contender(quality=unknown.quality, time=unknown.time)], SETTINGS)
    assert front.axes == ("quality", "time")
    bare = [Contender(quality=each.quality) for each in (known, unknown)]
    assert pareto_front(bare, SETTINGS) is None, "quality alone has a best arm, and no front"


def test_a_p95_among_failed_trials_is_worse_than_any_other_and_drawn_as_none():
    good, failing = arm(0.5, 1, 100), arm(0.5, 1, 100)
    late = np.where(np.arange(400) % 10 == 0, math.inf, failing.time.values)
    front = pareto_front([good, Contender(quality=good.quality, cost=good.cost, time=one_each(late))], SETTINGS)
    assert front.places[1].point[2] is None
    assert not front.places[1].on_front


def test_an_arm_without_a_score_has_no_place():
    none = Contender(quality=one_each(np.full(400, math.nan)), cost=one_each(np.ones(400)))
    front = pareto_front([none, arm(0.5, 1, 100), arm(0.7, 2, 100)], SETTINGS)
    assert front.places[0] is None
    assert all(by in (1, 2) for place in front.places[1:] for by, _ in place.dominated_by)
    assert pareto_front([none, arm(0.5, 1, 100)], SETTINGS) is None


def test_clouds_are_thinned_and_the_same_seed_gives_the_same():
    arms = [arm(0.5, 1, 100), arm(0.6, 2, 100)]
    front = pareto_front(arms, SETTINGS)
    assert len(front.places[0].cloud) == CLOUD_POINTS
    assert front == pareto_front(arms, Settings(seed=5, n_resamples=299))
    assert front != pareto_front(arms, Settings(seed=6, n_resamples=299))


@QUICK
@given(grids(arms=3, scores=SCORES), st.data())
def test_fronts_are_printable_and_follow_the_arms(grid, data):
    values, cluster = grid
    shape = values.shape

    def like(elements):
        flat = data.draw(st.lists(elements, min_size=values.size, max_size=values.size))
        return samples((np.array(flat).reshape(shape), cluster))

    quality, cost, time = samples(grid), like(COSTS), like(TIMES)
    arms = [Contender(quality=q, cost=c, time=t) for q, c, t in zip(quality, cost, time, strict=True)]
    front, turned = pareto_front(arms, SETTINGS), pareto_front(arms[::-1], SETTINGS)
    assert (front is None) == (turned is None)
    if front is None:
        return
    for place, other in zip(front.places, turned.places[::-1], strict=True):
        assert (place is None) == (other is None)
        if place is None:
            continue
        assert place.point == other.point
        assert place.on_front == other.on_front
        assert 0 < place.front_share < 1
        assert all(0 < share < 1 for _, share in place.dominated_by)
        assert all(x is None or math.isfinite(x) for row in (place.point, *place.cloud) for x in row)
        assert all(0 <= row[0] <= 1 for row in place.cloud)
