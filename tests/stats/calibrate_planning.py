"""Do plans keep what they promise? Power of planned runs, limits of a pilot, errors of flips and tags, by simulation.

By hand, larger: ``poe calibrate --topic planning --runs 1000``.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from evalharness.stats import paired
from evalharness.stats.flips import Change, case_changes
from evalharness.stats.pilot import pilot_of
from evalharness.stats.planning import Odds, Spread, cases_for, cluster_inflation
from evalharness.stats.sample import Sample, Settings
from evalharness.stats.tags import tag_effects
from tests.stats.calibrate import Cell, case_shares, long, two_arms

ODDS = Odds()


def true_spread(p: float, icc: float, mixing: float) -> Spread:
    """Of ``two_arms`` without a gain: v = p(1-p), omega^2 = 2 v icc mixing, sA^2 + sB^2 = 2 v (1 - icc)."""
    both = 2 * p * (1 - p)
    return Spread(between=both * icc * mixing, within=both * (1 - icc))


def planned_power_cell(p: float, gain: float, repeats: int, icc: float = 0.5, mixing: float = 0.3) -> Cell:
    """Cases by the formula, judged by the comparison itself: interval and p."""
    n = cases_for(gain, repeats, spread=true_spread(p, icc, mixing), odds=ODDS)

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        baseline, candidate = two_arms(rng, n, p, gain, repeats, icc, mixing)
        found = paired.compare_scores(candidate, baseline, settings)
        return found.estimate.lower > 0 and found.agrees

    return Cell(f"planned for power 0.8: share {p:g} +{gain:g} K={repeats} (n={n})", draw, at_least=0.8)


def clustered_power_cell(size: int, gain: float = 0.08, p: float = 0.6) -> Cell:
    """Clusters whose cases gain or lose together: their differences correlate by ``rho``."""
    rho = 0.2
    both = 2 * p * (1 - p)
    spread = Spread(between=both, within=0.0, inflation=cluster_inflation([size], rho))
    n = cases_for(gain, 1, spread=spread, odds=ODDS)
    n += -n % size

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        cluster = np.arange(n) // size
        of_cluster = rng.random((2, n // size))[:, cluster]
        alone = rng.random((2, n))
        u = np.where(rng.random(n) < np.sqrt(rho), of_cluster, alone)
        baseline = long((u[0] < p - gain / 2)[:, None].astype(float), cluster)
        candidate = long((u[1] < p + gain / 2)[:, None].astype(float), cluster)
        found = paired.compare_scores(candidate, baseline, settings)
        return found.estimate.lower > 0 and found.agrees

    # A case takes its cluster's fate with probability sqrt(rho): two of them share it with probability rho.
    return Cell(f"planned for power 0.8: clusters of {size} (n={n})", draw, at_least=0.8)


def pilot_limit_cell(n: int, repeats: int, p: float, planned_repeats: int) -> Cell:
    """The variance that is planned with is not below the true one: about four times in five."""
    icc, mixing = 0.5, 0.3
    spread = true_spread(p, icc, mixing)

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        found = pilot_of(*two_arms(rng, n, p, 0.0, repeats, icc, mixing))
        return found.planned.of_case(planned_repeats) >= spread.of_case(planned_repeats)

    name = f"pilot n={n} K={repeats} p={p:g}: limit for K={planned_repeats}"
    return Cell(name, draw, at_least=0.8)


def false_flips_cell(n: int, repeats: int) -> Cell:
    """No case changed: any that is said to have regressed or improved is false (so the rate of runs is the FDR)."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        shares = case_shares(rng, n, 0.6, 0.6)
        arms = [long((rng.random((n, repeats)) < shares[:, None]).astype(float)) for _ in range(2)]
        return any(each.change is not Change.CHANGED for each in case_changes(*arms))

    return Cell(f"flips: false ones, n={n} K={repeats}", draw, at_most=0.10)


def tag_arms(
    rng: np.random.Generator, sizes: tuple[int, ...], repeats: int, gains: tuple[float, ...]
) -> tuple[Sample, Sample, dict[str, np.ndarray]]:
    """Cases of one tag each, and a last tag for every third case."""
    tag = np.repeat(np.arange(len(sizes)), sizes)
    n = len(tag)
    shares = case_shares(rng, n, 0.6, 0.5)
    other = np.where(rng.random(n) < 0.3, case_shares(rng, n, 0.6, 0.5), shares)
    u = rng.random((2, n, repeats))
    # A gain by draws of its own: right wherever it was, and in that share of all others.
    gain = np.asarray(gains)[tag][:, None] / 0.4
    candidate = (u[0] < other[:, None]) | (rng.random((n, repeats)) < gain)
    members = {str(place): np.flatnonzero(tag == place) for place in range(len(sizes))}
    members["third"] = np.arange(0, n, 3)
    return long(candidate.astype(float)), long((u[1] < shares[:, None]).astype(float)), members


def heterogeneity_cell(kind: str, sizes: tuple[int, ...], repeats: int) -> Cell:
    gains = tuple(0.0 for _ in sizes) if kind == "type I" else (0.35, *(0.0 for _ in sizes[1:]))

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        found = tag_effects(*tag_arms(rng, sizes, repeats, gains), settings)
        return found.heterogeneity.p_value < 0.05

    bound = {"at_most": 0.05} if kind == "type I" else {"at_least": 0.8}
    return Cell(f"tags differ, {kind}: {sizes} K={repeats}", draw, **bound)


def false_tag_cell(sizes: tuple[int, ...], repeats: int) -> Cell:
    """No tag gained anything: one that is said to have is false."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        found = tag_effects(*tag_arms(rng, sizes, repeats, tuple(0.0 for _ in sizes)), settings)
        return any(each.is_shown for each in found.effects)

    return Cell(f"tags: a false claim, {sizes} K={repeats}", draw, at_most=0.05)


def grid() -> Iterator[Cell]:
    for repeats in (1, 3):
        yield planned_power_cell(0.6, 0.1, repeats)
        yield planned_power_cell(0.8, 0.05, repeats)
        yield planned_power_cell(0.9, 0.08, repeats)
    yield from (clustered_power_cell(size) for size in (2, 8))
    for n in (20, 50, 200):
        for repeats in (1, 2, 5):
            wanted = (1,) if repeats == 1 else (1, 10)
            yield from (pilot_limit_cell(n, repeats, p, planned) for p in (0.5, 0.9) for planned in wanted)
    yield from (false_flips_cell(n, repeats) for n in (30, 300) for repeats in (3, 5, 10))
    for sizes in ((12, 12, 12), (10, 20, 80), (20,) * 8):
        for repeats in (1, 3):
            yield heterogeneity_cell("type I", sizes, repeats)
            yield false_tag_cell(sizes, repeats)
    yield heterogeneity_cell("power", (60, 60, 60), 3)
