"""The same questions as ``calibrate.py`` for the times of latency runs: trials in the order of time, not cases.

By hand, larger: ``poe calibrate --topic times --runs 1000``; the rates are quoted in
``evalharness/docs/decisions/0010-latency-estimand.md``. ``test_calibration.py`` runs some of the cells.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats

from evalharness.core.findings import Met, ServiceLevel, StretchFindings
from evalharness.core.model import LevelUnit
from evalharness.stats.blocks import sample_in_time
from evalharness.stats.halves import half_ratio
from evalharness.stats.multiple import holm
from evalharness.stats.quantiles import estimate_quantile
from evalharness.stats.sample import Settings, sample_of, with_level
from evalharness.stats.signed_rank import ratio_of_times
from evalharness.stats.targets import Target, judge
from evalharness.verdict.knee import knee
from tests.stats.calibrate import Cell, covers, true_quantile

Draw = Callable[[np.random.Generator, int], tuple[np.ndarray, np.ndarray]]
CASES = (1.0, 2.0, 4.0)
IN_FLIGHT = 8


def noise(rng: np.random.Generator, n: int, phi: float) -> np.ndarray:
    """Stationary AR(1) with variance 1."""
    x, step = np.empty(n), rng.normal(0, math.sqrt(1 - phi * phi), n)
    x[0] = rng.normal()
    for i in range(1, n):
        x[i] = phi * x[i - 1] + step[i]
    return x


def lognormal(phi: float) -> Draw:
    """Log sd 0.5 with lag-1 correlation ``phi`` of the logs; 1% of the trials stall for 20 times as long."""

    def draw(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        stalls = np.where(rng.random(n) < 0.01, math.log(20.0), 0.0)
        return np.exp(6 + 0.5 * noise(rng, n, phi) + stalls), np.zeros(n, dtype=np.int64)

    return draw


def stalls_together(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """The same distribution, but a stall hits the eight trials that are in flight."""
    stalled = np.repeat(rng.random(n // IN_FLIGHT + 1) < 0.01, IN_FLIGHT)[:n]
    return np.exp(6 + 0.5 * rng.normal(size=n) + np.where(stalled, math.log(20.0), 0.0)), np.zeros(n, dtype=np.int64)


def three_cases(rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
    """Three requests whose medians are as 1 to 2 to 4, each once a round in random order."""
    case = np.concatenate([rng.permutation(3) for _ in range(n // 3 + 1)])[:n]
    values, _ = lognormal(0.0)(rng, n)
    return values * np.array(CASES)[case], case


def true_mix(q: float) -> float:
    """Quantile of the three cases together, by bisection of their mean distribution function."""

    def share(log_x: float) -> float:
        parts = [(log_x - math.log(scale), stall) for scale in CASES for stall in (0.0, math.log(20))]
        return sum((0.01 if stall else 0.99) * stats.norm.cdf(at - stall, 6, 0.5) for at, stall in parts) / len(CASES)

    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if share(middle) < q else (low, middle)
    return math.exp(high)


DRAWS: dict[str, tuple[Draw, float, Callable[[float], float]]] = {
    "independent": (lognormal(0.0), 0.0, true_quantile),
    "AR(1) .5": (lognormal(0.5), 0.0, true_quantile),
    "AR(1) .8": (lognormal(0.8), 0.0, true_quantile),
    "stalls of 8 in flight": (stalls_together, IN_FLIGHT, true_quantile),
    "3 cases": (three_cases, 0.0, true_mix),
}


#: (coverage, wrong verdicts) where it is not (0.94, 0.05): a correlation beyond what blocks are made for, and three
#: thousand trials that hold fewer than four stalls, from which nobody can learn how long the next ones are.
BOUNDS = {"AR(1) .8": (0.90, 0.10), "stalls of 8 in flight": (0.92, 0.10)}


def quantile_cell(name: str, n: int, q: float, at_least: float = 0.94) -> Cell:
    draw_times, in_flight, truth_of = DRAWS[name]
    truth = truth_of(q)

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        return covers(estimate_quantile(sample_in_time(draw_times(rng, n)[0], in_flight), q, settings), truth)

    return Cell(f"time quantile {q:g}, {name}: N={n}", draw, at_least=at_least)


def naive_quantile_cell(name: str, n: int, q: float) -> Cell:
    """As if each trial were a case of its own."""
    draw_times, _, truth_of = DRAWS[name]
    truth = truth_of(q)

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        values = draw_times(rng, n)[0]
        return covers(estimate_quantile(sample_of(values, np.arange(n), np.arange(n)), q, settings), truth)

    return Cell(f"time quantile {q:g} without blocks, {name}: N={n}", draw, at_least=0.94)


def wrong_verdict_cell(name: str, n: int, kind: Met, at_most: float = 0.05) -> Cell:
    """How often a limit at the true p95 is called met, or not met."""
    draw_times, in_flight, truth_of = DRAWS[name]
    target = Target(limit=truth_of(0.95), share=0.95)

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        sample = sample_in_time(draw_times(rng, n)[0], in_flight)
        return judge(sample, target, with_level(settings, 0.90)).met is kind

    return Cell(f"a limit at the true p95 called {kind}, {name}: N={n}", draw, at_most=at_most)


def trend_cell(name: str, n: int, growth: float = 0.0, at_most: float = 0.07) -> Cell:
    """``growth`` 0: false alarms; else the power for times that grow by this share from the first to the last."""
    draw_times, in_flight, _ = DRAWS[name]

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        values, case = draw_times(rng, n)
        found = half_ratio(values * (1 + growth * np.arange(n) / n), case, in_flight, settings)
        return found is not None and found.p_value < 0.05

    if growth:
        return Cell(f"trend of {growth:.0%} found, {name}: N={n}", draw, at_least=0.60)
    return Cell(f"trend where there is none, {name}: N={n}", draw, at_most=at_most)


def family_cell(name: str, n: int, stretches: int) -> Cell:
    draw_times, in_flight, _ = DRAWS[name]

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        found = [half_ratio(*draw_times(rng, n), in_flight, settings) for _ in range(stretches)]
        return min(holm([ratio.p_value for ratio in found])) < 0.05

    return Cell(f"a trend in any of {stretches} steady stretches, {name}: N={n}", draw, at_most=0.07)


def ratio_cell(kind: str, n: int, ratio: float, phi: float) -> Cell:
    """Two arms on the same moments: the load of the service, AR(1), is common to a pair."""

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        busy = 0.3 * noise(rng, n, phi)
        arms = [np.exp(busy + rng.normal(0, 0.4, n)) * scale for scale in (ratio, 1.0)]
        found = ratio_of_times(*(sample_in_time(arm, 0.0) for arm in arms), settings)
        return covers(found.estimate, ratio) if kind == "coverage" else found.p_value < 0.05

    name = f"time ratio in time, {kind}, phi={phi:g}: N={n} ratio={ratio:g}"
    return Cell(name, draw, at_least=0.94) if kind == "coverage" else Cell(name, draw, at_most=0.07)


def knee_cell(side: str, n: int = 400) -> Cell:
    """The hardest case: levels that clearly hold (or fail), then one that misses the target by a hair, then others.

    A false claim is that the service holds at a level that does not (or fails at one that holds).
    """
    shares = (0.995, 0.99, 0.9499, 0.9499, 0.9) if side == "holds" else (0.99, 0.9501, 0.9501, 0.8, 0.7)

    def draw(rng: np.random.Generator, settings: Settings) -> bool:
        one_sided = with_level(settings, 0.90)
        met = [
            judge(sample_in_time(rng.random(n) / share, 0.0), Target(limit=1.0, share=0.95), one_sided).met
            for share in shares
        ]
        found = knee([_stretch(step, each) for step, each in enumerate(met)], LevelUnit.RATE_PER_S)
        if side == "holds":
            return found.holds_up_to is not None and found.holds_up_to >= 3
        return found.fails_from is not None and found.fails_from <= 3

    return Cell(f"knee: a level falsely said to {side.rstrip('s')}, N={n} each", draw, at_most=0.05)


def _stretch(step: int, met: Met) -> StretchFindings:
    return StretchFindings(
        step=step,
        arm_id=None,
        level=float(step + 1),
        level_unit=LevelUnit.RATE_PER_S,
        n_sent=1,
        n_ended=1,
        n_failed=0,
        service=ServiceLevel(share_at_least=0.95, met=met, limits=()),
    )


def grid() -> Iterator[Cell]:
    for n in (200, 1000, 3000):
        for name in DRAWS:
            floor, ceiling = BOUNDS.get(name, (0.94, 0.05))
            yield from (quantile_cell(name, n, q, floor) for q in (0.5, 0.9, 0.95))
            yield from (wrong_verdict_cell(name, n, kind, ceiling) for kind in (Met.MET, Met.NOT_MET))
            yield trend_cell(name, n, at_most=0.10 if name == "AR(1) .8" else 0.07)
        yield from (ratio_cell(kind, n, ratio, 0.5) for kind, ratio in (("coverage", 1.2), ("type I", 1.0)))
    yield trend_cell("independent", 1000, growth=0.3)
    yield from (family_cell(name, 300, 6) for name in ("independent", "AR(1) .5"))
    yield from (knee_cell(side) for side in ("holds", "fails"))
