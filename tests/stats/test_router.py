"""Routers: against loops by hand, what is claimed and what is not, and the edges."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.stats.router import ONE_REPEAT, Routing, ideal_router
from evalharness.stats.sample import Sample, Settings, sample_of
from tests.stats.test_ordered import of
from tests.stats.test_properties import BINARY, SCORES, grids, printable, samples

SETTINGS = Settings(seed=5, n_resamples=199)
QUICK = settings(max_examples=60, deadline=None, derandomize=True)


def arms_of(y: np.ndarray, cluster: np.ndarray | None = None) -> list[Sample]:
    """(n, arms, K) to one sample per arm."""
    n, arms, repeats = y.shape
    labels = np.arange(n) if cluster is None else cluster
    return [sample_of(y[:, arm].ravel(), np.repeat(np.arange(n), repeats), labels) for arm in range(arms)]


def two_kinds(n: int, repeats: int, seed: int = 1) -> np.ndarray:
    """Arm 0 is right in 90% of the even cases, arm 1 in 80% of the odd ones, each in a tenth of the others."""
    shares = np.where(np.arange(n)[:, None] % 2 == np.arange(2), [0.9, 0.8], 0.1)
    return (np.random.default_rng(seed).random((n, 2, repeats)) < shares[:, :, None]).astype(float)


@of("router")
def test_router_against_loops(given, expected):
    routing = ideal_router(arms_of(np.array(given["y"])), SETTINGS)
    assert routing.best_arm == expected["best"]
    assert routing.naive.score.point == pytest.approx(expected["naive"])
    assert routing.held_out.score.point == pytest.approx(expected["held_out"])
    assert routing.held_out.gain.estimate.point == pytest.approx(expected["gain"])
    shares = routing.solved.by_none.point, routing.solved.by_all.point
    assert shares == pytest.approx((expected["none"], expected["all"]))
    assert routing.solved.flipping.point == pytest.approx(1 - sum(shares))


def test_arms_that_suit_different_cases_gain_and_their_tags_tell():
    y = two_kinds(200, 3)
    even = np.arange(200) % 2 == 0
    tags = {"even": even, "odd": ~even, "rare": np.arange(200) < 9}
    routing = ideal_router(arms_of(y), SETTINGS, tags=tags)
    assert routing.held_out.gain.estimate.lower > 0.2
    assert routing.by_tag.gain.estimate.lower > 0.2
    assert routing.by_tag.choices == pytest.approx((0.5, 0.5))
    by_name = {tag.tag: tag for tag in routing.tags}
    assert by_name["odd"].arm == 1
    assert by_name["odd"].gain.estimate.lower > 0.4
    assert by_name["odd"].p_adjusted < 0.05
    assert by_name["even"].arm == 0
    assert by_name["even"].gain.estimate.point == 0
    assert by_name["rare"].gain is None


def test_one_repeat_tells_nothing_of_an_ideal_router_but_tags_do():
    y = two_kinds(200, 1)
    routing = ideal_router(arms_of(y), SETTINGS, tags={"odd": np.arange(200) % 2 == 1})
    assert routing.held_out is None
    assert routing.reason == ONE_REPEAT
    assert routing.by_tag.gain.estimate.lower > 0.2
    assert routing.naive.score.point == pytest.approx(y.max(axis=(1, 2)).mean())


def test_luck_is_no_gain():
    """Four equally good arms: the naive maximum shows some 20 points, the held-out router none."""
    rng = np.random.default_rng(2)
    y = (rng.random((400, 4, 3)) < rng.beta(1, 1, 400)[:, None, None]).astype(float)
    routing = ideal_router(arms_of(y), SETTINGS)
    assert routing.naive.gain.estimate.lower > 0.1
    assert routing.held_out.gain.estimate.lower < 0


def test_the_cost_is_that_of_the_trials_the_router_sent():
    y = np.zeros((20, 2, 2))
    y[:10, 0], y[10:, 1] = 1, 1
    spent = np.stack([np.full((20, 2), 1.0), np.full((20, 2), 3.0)], axis=1)
    routing = ideal_router(arms_of(y), SETTINGS, costs=arms_of(spent))
    assert routing.best_arm == 0, "of equally good arms the cheaper"
    assert routing.held_out.cost.point == pytest.approx(2.0)
    assert routing.held_out.extra_cost.point == pytest.approx(1.0)
    assert routing.held_out.choices == (0.5, 0.5)
    assert routing.held_out.score.point == 1.0


def test_costs_of_other_trials_are_refused():
    y = np.ones((5, 2, 2))
    with pytest.raises(ValueError, match="row by row"):
        ideal_router(arms_of(y), SETTINGS, costs=arms_of(np.ones((5, 2, 3))))


def test_cases_that_an_arm_did_not_score_are_left_out_and_counted():
    y = two_kinds(60, 3)
    y[:7, 1] = math.nan
    y[7, 0, 0] = math.nan
    routing = ideal_router(arms_of(y), SETTINGS)
    assert (routing.n_cases, routing.n_left_out) == (53, 7)
    assert routing.held_out.gain.n_pairs == 53
    y[7, 0, 1] = math.nan
    assert ideal_router(arms_of(y), SETTINGS).held_out.gain.n_pairs == 52, "one trial cannot choose and be scored"


def test_two_arms_and_a_common_case_are_needed():
    y = np.ones((5, 2, 2))
    assert ideal_router(arms_of(y)[:1], SETTINGS) is None
    y[:3, 0], y[3:, 1] = math.nan, math.nan
    assert ideal_router(arms_of(y), SETTINGS) is None


def test_a_tag_of_one_cluster_has_no_other_cases_to_choose_by():
    y = two_kinds(40, 2)
    odd = np.arange(40) % 2 == 1
    routing = ideal_router(arms_of(y, np.where(odd, 0, np.arange(40))), SETTINGS, tags={"odd": odd})
    assert routing.by_tag.gain.estimate.point == 0


def figures(routing: Routing) -> list[float]:
    routers = [r for r in (routing.naive, routing.held_out, routing.by_tag) if r is not None]
    return [x for r in routers for x in (r.score.point, r.gain.estimate.lower, r.gain.estimate.upper, *r.choices)]


@QUICK
@given(st.one_of(grids(arms=3), grids(arms=2, scores=SCORES, max_cases=25)), st.randoms(use_true_random=False))
def test_routers_are_printable_and_the_order_of_cases_does_not_matter(grid, random):
    values, cluster = grid
    n = len(cluster)
    tags = {"a": np.arange(n) % 2 == 0, "b": np.arange(n) >= 0, "none": np.zeros(n, bool)}
    routing = ideal_router(samples(grid), SETTINGS, costs=samples(grid), tags=tags)
    order = np.array(random.sample(range(n), n))
    again = ideal_router(
        samples((values[:, order], cluster[order])), SETTINGS, tags={tag: mask[order] for tag, mask in tags.items()}
    )
    assert (routing is None) == (again is None)
    if routing is None:
        return
    assert figures(routing) == pytest.approx(figures(again), abs=1e-9)
    for router in (routing.naive, routing.held_out, routing.by_tag):
        if router is not None:
            printable(router.score, 0, 1)
            printable(router.gain)
            printable(router.gain.estimate, -1, 1)
            printable(router.cost)
            printable(router.extra_cost)
            assert sum(router.choices) == pytest.approx(1)
    for share in (routing.solved.by_none, routing.solved.by_all, routing.solved.flipping):
        printable(share, 0, 1)
    if routing.held_out is not None and routing.held_out.gain.n_pairs == routing.n_cases:
        assert routing.held_out.score.point <= routing.naive.score.point + 1e-9


@QUICK
@given(grids(arms=1, scores=BINARY))
def test_copies_of_an_arm_gain_nothing(grid):
    (sample,) = samples(grid)
    routing = ideal_router([sample, sample], SETTINGS)
    if routing is not None:
        assert routing.naive.gain.estimate.point == 0
