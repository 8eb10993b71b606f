"""The same questions as ``calibrate.py`` for orders of efforts, fronts, shift functions, routers and drifting times.

By hand: ``poe calibrate --topic orders --runs 1000``.
``test_ordered_shift_router_calibration.py`` runs some of the cells.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import cache

import numpy as np
from scipy import stats

from evalharness.stats.blocks import block_labels, block_length
from evalharness.stats.domination import Contender, pareto_front
from evalharness.stats.ordered import page_trend
from evalharness.stats.ordered_unpaired import jonckheere_trend, share_trend
from evalharness.stats.quantiles import estimate_quantile
from evalharness.stats.router import Routing, ideal_router
from evalharness.stats.sample import Sample, Settings, sample_of
from evalharness.stats.shift import shift_function
from tests.stats.calibrate import Cell, case_shares, covers, long, right_or_wrong, times
from tests.stats.calibrate_times import noise

ARMS = 4


def page_cell(n: int, levels: int, *, tied: bool = False, clusters_of: int = 1) -> Cell:
    """Cases differ tenfold; those of a cluster share the order of their levels by chance."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        cluster = np.arange(n) // clusters_of
        shared = rng.normal(0, 0.5, (n, levels))[cluster]
        rows = np.exp(rng.normal(0, 1, n)[:, None] + rng.normal(0, 0.5, (n, levels)) + (clusters_of > 1) * shared)
        found = page_trend(rows.round(0) if tied else rows, cluster, settings)
        return found is not None and found.p_value < 0.05

    name = f"Page's L type I: n={n} levels={levels}{' tied' if tied else ''}"
    return Cell(name + (f" clusters of {clusters_of}" if clusters_of > 1 else ""), draw, at_most=0.05)


def page_coverage_cell(n: int) -> Cell:
    """The mean rank correlation of five levels, each 0.3 log sd above the one below, by simulation of 200,000 cases."""

    def rows(rng: np.random.Generator, n: int) -> np.ndarray:
        return rng.normal(0, 1, (n, 5)) + 0.3 * np.arange(5)

    ranks = stats.rankdata(rows(np.random.default_rng(1), 200_000), axis=1)
    truth = float(((ranks - 3) @ np.arange(-2, 3)).mean() / 10)

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        return covers(page_trend(rows(rng, n), np.arange(n), settings).estimate, truth)

    return Cell(f"rank correlation with level: n={n}", draw, at_least=0.94 if n >= 30 else 0.93)


def unpaired_cell(kind: str, n: int, shift: float) -> Cell:
    between = [stats.norm.cdf(shift * apart / math.sqrt(2)) for apart in (1, 1, 2)]

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        found = jonckheere_trend([long(rng.normal(shift * at, 1, (n, 1))) for at in range(3)], settings)
        return covers(found.estimate, float(np.mean(between))) if kind == "coverage" else found.p_value < 0.05

    name = f"Jonckheere {kind}: 3 arms of {n}, shift {shift:g}"
    return Cell(name, draw, at_least=0.94) if kind == "coverage" else Cell(name, draw, at_most=0.05)


def share_trend_cell(kind: str, n: int, repeats: int, slope: float) -> Cell:
    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        arms = [right_or_wrong(rng, case_shares(rng, n, 0.6 + slope * at, 0.5), repeats) for at in range(4)]
        found = share_trend(arms, settings)
        return covers(found.estimate, slope) if kind == "coverage" else found.p_value < 0.05

    name = f"trend of shares, other cases in each arm, {kind}: n={n} K={repeats} slope={slope:g}"
    return Cell(name, draw, at_least=0.94) if kind == "coverage" else Cell(name, draw, at_most=0.05)


def shift_cell(n: int, repeats: int, icc: float, *, failed: float = 0.0, rounded_ms: float = 0.0) -> Cell:
    """All ratios of a shift function at once, where the candidate takes 1.2 times as long throughout."""

    def arm(rng: np.random.Generator, own: np.ndarray, scale: float) -> Sample:
        sample = times(rng, n, repeats, icc, scale=scale, own=own)
        values = np.where(rng.random(len(sample.values)) < failed, math.inf, sample.values)
        return sample_of(np.round(values, -1) if rounded_ms else values, sample.case, sample.cluster)

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        own = rng.normal(0, 0.5 * math.sqrt(icc), n)
        shift = shift_function(arm(rng, own, 1.2), arm(rng, own, 1.0), settings)
        return all(covers(ratio.estimate, 1.2) for ratio in shift.ratios if ratio.estimate is not None)

    notes = f"{' 5% failed' if failed else ''}{' rounded to 10 ms' if rounded_ms else ''}"
    return Cell(f"shift function, all quantiles: n={n} K={repeats} icc={icc:g}{notes}", draw, at_least=0.94)


def front_cell(n: int, p: float, repeats: int) -> Cell:
    """An arm that is as good and dearer, on the edge of being dominated: its place on the front is called unlikely."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        shares = case_shares(rng, n, p, 0.5)
        arms = [
            Contender(quality=right_or_wrong(rng, shares, repeats), cost=long(cost + rng.random((n, repeats))))
            for cost in (1.0, 2.0)
        ]
        return pareto_front(arms, settings).places[1].front_share < 0.05

    return Cell(f"front share of an equal, dearer arm below .05: n={n} p={p:g} K={repeats}", draw, at_most=0.05)


def true_rates(rng: np.random.Generator, n: int, kind: str) -> np.ndarray:
    """(n, arms) log-odds with a difficulty in common; arms equal, better by a step each, or each with its own cases."""
    own = rng.normal(0.3, 1.3, n)[:, None]
    step, apart = {"equal": (0.0, 0.0), "better": (0.25, 0.0), "crossing": (0.25, 1.2)}[kind]
    return 1 / (1 + np.exp(-(own + step * np.arange(ARMS) + rng.normal(0, apart, (n, ARMS)))))


@cache
def true_gain(kind: str) -> float:
    rates = true_rates(np.random.default_rng(9), 400_000, kind)
    return float(rates.max(axis=1).mean() - rates.mean(axis=0).max())


def routing(rng: np.random.Generator, settings: Settings, kind: str, n: int, repeats: int) -> Routing:
    rates = true_rates(rng, n, kind)
    tags = {"first": np.arange(n) < n // 2, "second": np.arange(n) >= n // 2}
    found = ideal_router([right_or_wrong(rng, rates[:, arm], repeats) for arm in range(ARMS)], settings, tags=tags)
    assert found is not None
    return found


def router_cell(kind: str, n: int, repeats: int) -> Cell:
    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        return routing(rng, settings, kind, n, repeats).held_out.gain.estimate.lower > true_gain(kind)

    return Cell(
        f"held-out router's gain bound above the ideal one's, arms {kind}: n={n} K={repeats}", draw, at_most=0.05
    )


def naive_router_cell(kind: str, n: int, repeats: int) -> Cell:
    """The reason for holding out: how often the lower bound of the naive maximum is above the truth."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        return routing(rng, settings, kind, n, repeats).naive.gain.estimate.lower > true_gain(kind)

    return Cell(f"naive router's gain bound above the ideal one's, arms {kind}: n={n} K={repeats}", draw, at_most=0.05)


def tag_cell(which: str, kind: str, n: int, repeats: int) -> Cell:
    """Tags that say nothing: a gain by routing on them is claimed, or for any one of them after Holm."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        found = routing(rng, settings, kind, n, repeats)
        if which == "router":
            return found.by_tag.gain.estimate.lower > 0
        return any(tag.p_adjusted < 0.05 and tag.gain.estimate.point > 0 for tag in found.tags)

    return Cell(f"gain by empty tags claimed, {which}, arms {kind}: n={n} K={repeats}", draw, at_most=0.05)


def drifting_quantile_cell(n: int, repeats: int, q: float, phi: float, at_least: float) -> Cell:
    """Lognormal times of cases (log sd .4 and, between cases, .3), each pass in an order of its own, with lag-1
    correlation in the order of sending: intervals by cases and blocks of time."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        case = np.concatenate([rng.permutation(n) for _ in range(repeats)])
        values = np.exp(0.4 * noise(rng, len(case), phi) + rng.normal(0, 0.3, n)[case])
        block = block_labels(len(case), len(case) // block_length(len(case), 0.0))
        sample = sample_of(values, case, np.arange(n), block=block)
        return covers(estimate_quantile(sample, q, settings), math.exp(0.5 * stats.norm.ppf(q)))

    return Cell(
        f"quantile {q:g} by cases and blocks of time, AR(1) {phi:g}: n={n} K={repeats}", draw, at_least=at_least
    )


def grid() -> Iterator[Cell]:
    for n in (5, 20, 100, 500):
        yield from (page_cell(n, levels) for levels in (3, 5, 7))
    yield from (page_cell(n, 5, tied=True) for n in (20, 100))
    yield page_cell(60, 5, clusters_of=3)
    yield from (page_coverage_cell(n) for n in (20, 100))
    for n in (10, 40):
        yield unpaired_cell("type I", n, 0.0)
        yield unpaired_cell("coverage", n, 0.3)
    for n, repeats in ((30, 1), (100, 1), (30, 3), (100, 3)):
        yield share_trend_cell("type I", n, repeats, 0.0)
        yield share_trend_cell("coverage", n, repeats, 0.05)
    yield from (shift_cell(n, 1, 0.3) for n in (20, 50, 100, 200, 400))
    yield from (shift_cell(n, 5, icc) for n in (30, 100) for icc in (0.2, 0.8))
    yield shift_cell(100, 1, 0.3, failed=0.05)
    yield shift_cell(100, 1, 0.3, rounded_ms=10.0)
    yield from (front_cell(n, p, repeats) for n in (20, 100) for p in (0.5, 0.9, 0.97) for repeats in (1, 3))
    for kind in ("equal", "better", "crossing"):
        yield from (router_cell(kind, n, repeats) for n in (20, 100, 300) for repeats in (2, 5, 10))
        yield from (tag_cell(which, kind, n, 2) for which in ("router", "any tag") for n in (30, 200))
    for n, repeats in ((100, 3), (200, 1), (1000, 1)):
        yield from (drifting_quantile_cell(n, repeats, q, 0.5, 0.93) for q in (0.5, 0.95))
        yield from (drifting_quantile_cell(n, repeats, q, 0.8, 0.90) for q in (0.5, 0.95))
