"""What usual mistakes cost, in situations of the other topics: the reasons for methods that look laborious."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
from scipy import stats

from evalharness.stats import one_arm
from evalharness.stats.sample import Sample, Settings
from tests.stats.calibrate import Cell, case_shares, covers, long, right_or_wrong, two_arms
from tests.stats.calibrate_gates import looking_at_each_fixed_interval
from tests.stats.calibrate_ordered_shift_router import naive_router_cell
from tests.stats.calibrate_times import naive_quantile_cell

Z = float(stats.norm.ppf(0.975))


def repeats_as_cases(n: int, repeats: int, icc: float) -> Cell:
    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        sample = right_or_wrong(rng, case_shares(rng, n, 0.5, icc), repeats)
        return covers(one_arm.estimate_share(long(sample.values[:, None]), settings), 0.5)

    return Cell(f"coverage, repeats taken for cases: n={n} K={repeats} icc={icc:g}", draw)


def plain_error_bars(n: int, p: float) -> Cell:
    """Mean and 1.96 standard errors, the interval most tools print if they print one."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        right = rng.random(n) < p
        share = right.mean()
        return abs(share - p) <= Z * math.sqrt(share * (1 - share) / n)

    return Cell(f"coverage, mean and 1.96 standard errors: n={n} p={p:g}", draw)


Rule = Callable[[Sample, Sample], bool]


def unpaired(baseline: Sample, candidate: Sample) -> bool:
    return bool(stats.ttest_ind(candidate.means, baseline.means).pvalue < 0.05)


def no_overlap(baseline: Sample, candidate: Sample) -> bool:
    half = [Z * arm.means.std(ddof=1) / math.sqrt(arm.n_cases) for arm in (baseline, candidate)]
    return bool(candidate.means.mean() - half[1] > baseline.means.mean() + half[0])


def by_another_reading(name: str, rule: Rule) -> Cell:
    """The situation in which the paired comparison has to find 5 points in at least 60% of the runs."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        return rule(*two_arms(rng, 200, 0.7, 0.05, 5, 0.75, 0.2))

    return Cell(f"power, {name}: n=200 p=0.7 gain=0.05 K=5 icc=0.75", draw)


def point_gate(n: int, repeats: int) -> Cell:
    """Fails where the candidate's mean is 2 points lower. Nothing changed."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        baseline, candidate = two_arms(rng, n, 0.8, 0.0, repeats, 0.5, 0.3)
        return bool(candidate.means.mean() < baseline.means.mean() - 0.02)

    return Cell(f"false alarm, gate on the mean alone, 2 points: n={n} K={repeats}", draw)


def best_of_several(arms: int, n: int) -> Cell:
    """Each effort against the first, uncorrected, none of them better."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        own = case_shares(rng, n, 0.7, 0.5)
        first, *others = [right_or_wrong(rng, own, 3).means for _ in range(arms)]
        return any(stats.ttest_rel(other, first).pvalue < 0.05 for other in others)

    return Cell(f"any false claim, {arms - 1} uncorrected comparisons: n={n} K=3", draw)


def grid() -> Iterator[Cell]:
    yield from (repeats_as_cases(*options) for options in ((50, 5, 0.5), (100, 10, 0.5), (100, 10, 0.8)))
    yield from (plain_error_bars(n, p) for n, p in ((50, 0.98), (30, 0.95), (20, 0.9)))
    yield by_another_reading("unpaired t test", unpaired)
    yield by_another_reading("intervals that do not overlap", no_overlap)
    yield from (point_gate(n, repeats) for n, repeats in ((50, 1), (100, 3), (300, 1)))
    yield best_of_several(5, 100)
    for cell in (
        looking_at_each_fixed_interval(200, 15),
        naive_router_cell("equal", 100, 2),
        naive_quantile_cell("AR(1) .8", 1000, 0.5),
    ):
        yield replace(cell, at_least=None, at_most=None)
