"""Do the intervals cover, and do the tests err as rarely as they say? By simulation, with known truth.

This module has the cells of means, shares, differences, quantiles and costs, and what all topics share. The command is
in ``calibration_page.py``: ``poe calibrate --runs 1000``, which also measures the other ``calibrate_*`` modules and
writes evalharness/docs/calibration.md. ``test_calibration.py`` runs a few of the cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from evalharness.stats import gate_scores, mean_ratios, means, multiple, one_arm, paired, quantiles, signed_rank, trend
from evalharness.stats.sample import Sample, Settings, means_matrix, sample_of, with_level

ERRORS_ALLOWED = 2.6
RESAMPLES = 999


@dataclass(frozen=True)
class Cell:
    """One simulated situation. ``draw`` gives True where the interval covers (or the test rejects) in one run; None
    where one run answers many situations at once, and is counted elsewhere.

    Without ``at_least`` and ``at_most`` it only informs: what a mistake would cost.
    """

    name: str
    draw: Callable[[np.random.Generator, Settings], bool] | None
    at_least: float | None = None
    at_most: float | None = None


@dataclass(frozen=True)
class Rate:
    cell: Cell
    runs: int
    rate: float

    @property
    def error(self) -> float:
        return math.sqrt(max(self.rate * (1 - self.rate), 1 / self.runs) / self.runs)

    @property
    def holds(self) -> bool:
        """Within the bound, or beyond it by less than 2.6 Monte-Carlo errors at the bound."""
        low, high = self.cell.at_least, self.cell.at_most
        bound = low if low is not None else high
        if bound is None:
            return True
        slack = ERRORS_ALLOWED * math.sqrt(bound * (1 - bound) / self.runs)
        return (low is None or self.rate >= low - slack) and (high is None or self.rate <= high + slack)


def measure(cell: Cell, runs: int, seed: int = 20) -> Rate:
    """Each cell draws from its own stream, so that adding a cell changes no other."""
    rng = np.random.default_rng([seed, *cell.name.encode()])
    draw = cell.draw
    if draw is None:
        raise ValueError(f"{cell.name} is counted with others in one run, not by itself")
    hits = sum(draw(rng, Settings(seed=int(rng.integers(2**31)), n_resamples=RESAMPLES)) for _ in range(runs))
    return Rate(cell=cell, runs=runs, rate=hits / runs)


def floor_for(minority: float) -> float:
    """The floor of 95% coverage by the expected number of minority outcomes."""
    return 0.94 if minority >= 10 else 0.93 if minority >= 3 else 0.90


# ---------------------------------------------------------------- populations


def case_shares(rng: np.random.Generator, n: int, p: float, icc: float) -> np.ndarray:
    """Each case's own probability of being right: Beta with mean ``p`` and intraclass correlation ``icc``."""
    if icc == 0:
        return np.full(n, p)
    size = (1 - icc) / icc
    return rng.beta(p * size, (1 - p) * size, n)


def long(values: np.ndarray, cluster: np.ndarray | None = None) -> Sample:
    n, repeats = values.shape
    return sample_of(values.ravel(), np.repeat(np.arange(n), repeats), np.arange(n) if cluster is None else cluster)


def right_or_wrong(rng: np.random.Generator, shares: np.ndarray, repeats: int) -> Sample:
    return long((rng.random((len(shares), repeats)) < shares[:, None]).astype(float))


def covers(estimate: object, truth: float) -> bool:
    lower = -math.inf if estimate.lower is None else estimate.lower
    upper = math.inf if estimate.upper is None else estimate.upper
    return lower <= truth <= upper


def times(rng: np.random.Generator, n: int, repeats: int, icc: float, scale: float = 1.0, own=None) -> Sample:
    """Lognormal times (log sd 0.5) of which 1% stall for 20 times as long."""
    own = rng.normal(0, 0.5 * math.sqrt(icc), n) if own is None else own
    noise = rng.normal(0, 0.5 * math.sqrt(1 - icc), (n, repeats))
    stalls = np.where(rng.random((n, repeats)) < 0.01, math.log(20.0), 0.0)
    return long(scale * np.exp(6 + own[:, None] + noise + stalls))


def true_quantile(q: float) -> float:
    def share(log_x: float) -> float:
        return 0.99 * stats.norm.cdf(log_x, 6, 0.5) + 0.01 * stats.norm.cdf(log_x, 6 + math.log(20), 0.5)

    low, high = 0.0, 20.0
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if share(middle) < q else (low, middle)
    return math.exp(high)


# ---------------------------------------------------------------- cells


def share_cell(n: int, p: float, repeats: int, icc: float, cluster_size: int = 1) -> Cell:
    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        shares = np.repeat(case_shares(rng, n // cluster_size, p, icc), cluster_size)
        values = (rng.random((len(shares), repeats)) < shares[:, None]).astype(float)
        cluster = np.arange(len(shares)) // cluster_size
        return covers(one_arm.estimate_share(long(values, cluster), settings), p)

    clusters = f", clusters of {cluster_size}" if cluster_size > 1 else ""
    minority = n / cluster_size * min(p, 1 - p)
    return Cell(f"share {p:g}: n={n} K={repeats} icc={icc:g}{clusters}", draw, at_least=floor_for(minority))


def score_cell(n: int, p: float, repeats: int) -> Cell:
    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        own = case_shares(rng, n, p, 0.3)
        values = rng.beta(np.maximum(own, 1e-6)[:, None] * 4, np.maximum(1 - own, 1e-6)[:, None] * 4, (n, repeats))
        return covers(one_arm.estimate_share(long(values), settings), p)

    return Cell(f"score in [0,1], mean {p:g}: n={n} K={repeats}", draw, at_least=floor_for(n * min(p, 1 - p)))


def suite_cell(n: int, p: float, repeats: int, icc: float) -> Cell:
    fixed = case_shares(np.random.default_rng(7), n, p, icc)

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        fixed_scope = Settings(seed=settings.seed, scope="suite")
        return covers(one_arm.estimate_share(right_or_wrong(rng, fixed, repeats), fixed_scope), float(fixed.mean()))

    name = f"share {p:g}, scope suite: n={n} K={repeats} icc={icc:g}"
    return Cell(name, draw, at_least=floor_for(n * repeats * min(p, 1 - p)))


def two_arms(
    rng: np.random.Generator, n: int, p: float, gain: float, repeats: int, icc: float, mixing: float
) -> tuple[Sample, Sample]:
    """Arms that share their cases' difficulty; a share ``mixing`` of the cases is drawn afresh for the candidate.

    The gain is a push towards right or wrong by the same share everywhere, so that the true difference is ``gain``.
    """
    a = case_shares(rng, n, p, icc)
    fresh = rng.random(n) < mixing
    b = np.where(fresh, case_shares(rng, n, p, icc), a)
    b = b + gain / (1 - p) * (1 - b) if gain >= 0 else b * (1 + gain / p)
    return right_or_wrong(rng, a, repeats), right_or_wrong(rng, b, repeats)


def paired_cell(kind: str, n: int, p: float, gain: float, repeats: int, icc: float = 0.5, mixing: float = 0.3) -> Cell:
    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        baseline, candidate = two_arms(rng, n, p, gain, repeats, icc, mixing)
        result = paired.compare_scores(candidate, baseline, settings)
        return covers(result.estimate, gain) if kind == "coverage" else result.p_value < 0.05

    name = f"paired {kind}: n={n} p={p:g} gain={gain:g} K={repeats} icc={icc:g}"
    if kind == "coverage":
        return Cell(name, draw, at_least=floor_for(n * min(p, 1 - p)))
    return Cell(name, draw, at_most=0.05) if gain == 0 else Cell(name, draw, at_least=0.60)


def bound_cell(kind: str, side: str, n: int, repeats: int) -> Cell:
    """How often the one-sided 95% bound of a gate or a limit (level 0.90) lies on the wrong side of the truth."""

    def bound(rng: np.random.Generator, settings: Settings) -> tuple[object, float]:
        if kind == "difference":
            baseline, candidate = two_arms(rng, n, 0.8, 0.05, repeats, 0.5, 0.3)
            return gate_scores.difference_evidence(candidate, baseline, settings).observed.estimate, 0.05
        if kind == "p95":
            return quantiles.estimate_quantile(times(rng, n, repeats, 0.3), 0.95, settings), true_quantile(0.95)
        own = rng.normal(0, 0.5, n)
        cost = long(0.01 * np.exp(own[:, None] + rng.normal(0, 0.5, (n, repeats)) - 0.25))
        return means.estimate_mean(cost, settings, unit="usd"), 0.01

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        estimate, truth = bound(rng, with_level(settings, 0.90))
        limit = estimate.lower if side == "lower" else estimate.upper
        return limit is not None and (limit > truth if side == "lower" else limit < truth)

    return Cell(f"wrong {side} bound, {kind}: n={n} K={repeats}", draw, at_most=0.05)


def joint_cell(n: int, p: float, repeats: int, arms: int = 5, all_pairs: bool = False) -> Cell:
    pairs = [(i, j) for i in range(arms) for j in range(i) if all_pairs or j == 0]

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        own = case_shares(rng, n, p, 0.5)
        samples = [right_or_wrong(rng, own, repeats) for _ in range(arms)]
        joint = multiple.simultaneous_differences(means_matrix(samples), np.arange(n), pairs, settings)
        return all(covers(estimate, 0.0) for estimate in joint.estimates)

    which = "all pairs" if all_pairs else "against baseline"
    name = f"joint coverage, {arms} arms, {which}: n={n} p={p:g} K={repeats}"
    return Cell(name, draw, at_least=floor_for(n * min(p, 1 - p)))


def holm_cell(n: int, p: float, repeats: int, arms: int = 5) -> Cell:
    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        own = case_shares(rng, n, p, 0.5)
        first, *others = [right_or_wrong(rng, own, repeats) for _ in range(arms)]
        return min(multiple.holm([paired.compare_scores(b, first, settings).p_value for b in others])) < 0.05

    return Cell(f"family-wise error, Holm over {arms - 1}: n={n} p={p:g} K={repeats}", draw, at_most=0.05)


def quantile_cell(n: int, q: float, repeats: int, icc: float) -> Cell:
    truth = true_quantile(q)

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        return covers(quantiles.estimate_quantile(times(rng, n, repeats, icc), q, settings), truth)

    return Cell(f"quantile {q:g}: n={n} K={repeats} icc={icc:g}", draw, at_least=floor_for(n * (1 - q)))


def time_ratio_cell(kind: str, n: int, ratio: float, repeats: int) -> Cell:
    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        own = rng.normal(0, 0.4, n)
        baseline = times(rng, n, repeats, 0.5, own=own)
        candidate = times(rng, n, repeats, 0.5, scale=ratio, own=own)
        result = signed_rank.ratio_of_times(candidate, baseline, settings)
        return covers(result.estimate, ratio) if kind == "coverage" else result.p_value < 0.05

    name = f"time ratio {kind}: n={n} ratio={ratio:g} K={repeats}"
    return Cell(name, draw, at_least=0.94) if kind == "coverage" else Cell(name, draw, at_most=0.07)


def cost_cell(kind: str, n: int, repeats: int, sd: float = 0.7) -> Cell:
    """Lognormal cost per trial, half of the log variance between cases; a right answer costs as much as a wrong one."""

    def costs(rng: np.random.Generator, own: np.ndarray) -> Sample:
        log_cost = own[:, None] + rng.normal(0, sd * math.sqrt(0.5), (n, repeats))
        return long(0.01 * np.exp(log_cost - sd * sd / 2))

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        own = rng.normal(0, sd * math.sqrt(0.5), n)
        cost = costs(rng, own)
        if kind == "mean cost":
            return covers(means.estimate_mean(cost, settings, unit="usd"), 0.01)
        if kind == "cost ratio":
            return covers(mean_ratios.ratio_of_means(costs(rng, own), cost, settings).estimate, 1.0)
        share = 0.97 if kind == "cost per correct, nearly all right" else 0.3
        right = right_or_wrong(rng, case_shares(rng, n, share, 0.3), repeats)
        estimate = mean_ratios.cost_per_correct(cost, right, settings)
        return estimate is None or covers(estimate, 0.01 / share)

    return Cell(f"{kind}: n={n} K={repeats} log sd={sd:g}", draw, at_least=0.94 if n >= 100 else 0.93)


def trend_cell(kind: str, n: int, slope: float) -> Cell:
    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        own = case_shares(rng, n, 0.5, 0.5)
        scale = 1 - 2 * slope * 2
        arms = [right_or_wrong(rng, own * scale + slope * level, 2) for level in range(5)]
        result = trend.slope_per_step(means_matrix(arms), np.arange(n), settings)
        return covers(result.estimate, slope) if kind == "coverage" else result.p_value < 0.05

    name = f"trend {kind}: n={n} slope={slope:g}"
    return Cell(name, draw, at_least=0.94) if kind == "coverage" else Cell(name, draw, at_most=0.05)


def grid() -> Iterator[Cell]:
    for n in (10, 30, 100, 500, 2000):
        for p in (0.02, 0.1, 0.5, 0.9, 0.98):
            yield share_cell(n, p, 1, 0)
            if n <= 500:
                yield from (share_cell(n, p, repeats, icc) for repeats in (3, 10) for icc in (0, 0.5, 0.9))
    yield from (share_cell(n, p, 3, 0.5, 5) for n in (100, 300) for p in (0.1, 0.5, 0.8))
    yield from (score_cell(n, p, repeats) for n in (10, 50, 200) for p in (0.1, 0.5, 0.9) for repeats in (1, 5))
    yield from (
        suite_cell(n, p, repeats, icc)
        for n in (20, 100)
        for p in (0.5, 0.9)
        for repeats in (2, 5)
        for icc in (0.2, 0.8)
    )
    for n in (30, 100, 500):
        for repeats in (1, 5):
            yield from (paired_cell("coverage", n, p, g, repeats) for p, g in ((0.5, 0.1), (0.8, 0.05), (0.9, -0.1)))
            yield from (paired_cell("type I", n, p, 0, repeats) for p in (0.1, 0.5, 0.9))
    # So correlated that an unpaired test finds the gain in one run of eight (``calibrate_mistakes.py``).
    yield paired_cell("power", 200, 0.7, 0.05, 5, icc=0.75, mixing=0.2)
    for kind in ("difference", "p95", "mean cost"):
        for side in ("lower", "upper"):
            yield from (bound_cell(kind, side, n, repeats) for n in (30, 100, 500) for repeats in (1, 5))
    for n in (30, 100, 500):
        yield from (joint_cell(n, p, 3, all_pairs=every) for p in (0.5, 0.9) for every in (False, True))
        yield holm_cell(n, 0.7, 3)
    for n in (50, 200, 1000):
        yield from (
            quantile_cell(n, q, repeats, icc)
            for q in (0.5, 0.9, 0.95, 0.99)
            for repeats, icc in ((1, 0), (5, 0.2), (5, 0.8))
        )
    for n in (10, 50, 200):
        yield time_ratio_cell("coverage", n, 1.2, 1)
        yield time_ratio_cell("coverage", n, 1.2, 5)
        yield time_ratio_cell("type I", n, 1.0, 3)
    for kind in ("mean cost", "cost ratio", "cost per correct"):
        yield from (cost_cell(kind, n, repeats) for n in (20, 100, 500) for repeats in (1, 5))
    yield from (cost_cell("cost per correct, nearly all right", n, 1, sd=0.1) for n in (20, 100, 500))
    for n in (20, 100):
        yield trend_cell("coverage", n, 0.03)
        yield trend_cell("type I", n, 0.0)


if __name__ == "__main__":
    from tests.stats.calibration_page import main  # here: the topics it wires build on this module

    main()
