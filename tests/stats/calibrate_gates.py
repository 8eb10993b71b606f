"""How often do gates give a wrong verdict, and how often do they see what is there? By simulation, with known truth.

By hand, larger: ``poe calibrate --topic gates --runs 1000``. ``test_gates_calibration.py`` runs a few of
the cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from evalharness.core.findings import Verdict
from evalharness.stats.evidence import Evidence
from evalharness.stats.gate_costs import Spending, cost_per_correct_evidence, cost_per_correct_ratio_evidence
from evalharness.stats.gate_means import mean_evidence, mean_ratio_evidence
from evalharness.stats.gate_scores import difference_evidence, share_evidence
from evalharness.stats.gate_times import quantile_evidence, quantile_ratio_evidence, time_ratio_evidence
from evalharness.stats.gates import (
    Gate,
    Requirement,
    at_least,
    at_most,
    equivalent,
    improved,
    judge_gates,
    non_inferior,
    ratio_at_most,
)
from evalharness.stats.sample import Sample, Settings, sample_of
from evalharness.stats.sequential import judge_watches, watch
from tests.stats.calibrate import (
    Cell,
    case_shares,
    long,
    right_or_wrong,
    times,
    true_quantile,
    two_arms,
)

Draw = Callable[[np.random.Generator, Settings], Evidence]
PASS, FAIL = Verdict.PASS, Verdict.FAIL


def verdict(requirement: Requirement, evidence: Evidence) -> Verdict:
    return judge_gates([Gate(requirement=requirement, evidence=evidence)])[0].verdict


def gate_cell(
    name: str,
    requirement: Requirement,
    draw: Draw,
    wrong: Verdict,
    *,
    at_most: float | None = 0.05,
    at_least: float | None = None,
) -> Cell:
    """How often the verdict is ``wrong`` (with ``at_least``: wanted)."""

    def hit(rng: np.random.Generator, settings: Settings) -> bool:
        return verdict(requirement, draw(rng, settings)) is wrong

    words = f"power of {wrong}" if at_least else f"wrong {wrong}"
    return Cell(f"{words}: {name}", hit, at_most=None if at_least else at_most, at_least=at_least)


# ---------------------------------------------------------------- what is drawn


def differences(n: int, gain: float, repeats: int, p: float = 0.8, missing: float = 0.0) -> Draw:
    def draw(rng: np.random.Generator, settings: Settings) -> Evidence:
        baseline, candidate = two_arms(rng, n, p, gain, repeats, 0.5, 0.3)
        arms = [without_some(rng, arm, missing) for arm in (candidate, baseline)]
        return difference_evidence(arms[0], arms[1], settings)

    return draw


def without_some(rng: np.random.Generator, sample: Sample, share: float) -> Sample:
    """Missing not at random: only right answers get lost."""
    lost = (rng.random(len(sample.values)) < share) & (sample.values == 1)
    return sample_of(np.where(lost, np.nan, sample.values), sample.case, sample.cluster)


def shares(n: int, p: float, repeats: int, icc: float = 0.3) -> Draw:
    def draw(rng: np.random.Generator, settings: Settings) -> Evidence:
        return share_evidence(right_or_wrong(rng, case_shares(rng, n, p, icc), repeats), settings)

    return draw


def quantiles(n: int, q: float, repeats: int) -> Draw:
    return lambda rng, settings: quantile_evidence(times(rng, n, repeats, 0.3), q, settings)


def time_pairs(n: int, ratio: float, repeats: int, show: Callable[..., Evidence] = time_ratio_evidence) -> Draw:
    def draw(rng: np.random.Generator, settings: Settings) -> Evidence:
        own = rng.normal(0, 0.4, n)
        baseline = times(rng, n, repeats, 0.5, own=own)
        return show(times(rng, n, repeats, 0.5, scale=ratio, own=own), baseline, settings)

    return draw


def p95_ratio(candidate: Sample, baseline: Sample, settings: Settings) -> Evidence:
    return quantile_ratio_evidence(candidate, baseline, 0.95, settings)


def costs(rng: np.random.Generator, own: np.ndarray, repeats: int, mean: float = 0.01) -> Sample:
    return long(mean * np.exp(own[:, None] + rng.normal(0, 0.5, (len(own), repeats)) - 0.25))


def one_cost(n: int, repeats: int) -> Draw:
    def draw(rng: np.random.Generator, settings: Settings) -> Evidence:
        return mean_evidence(costs(rng, rng.normal(0, 0.5, n), repeats), settings, unit="usd")

    return draw


def cost_pairs(n: int, ratio: float, repeats: int) -> Draw:
    def draw(rng: np.random.Generator, settings: Settings) -> Evidence:
        own = rng.normal(0, 0.5, n)
        return mean_ratio_evidence(costs(rng, own, repeats, 0.01 * ratio), costs(rng, own, repeats), settings)

    return draw


def skewed(n: int, kind: str, repeats: int = 1, cluster_size: int = 1) -> Draw:
    """One arm's cost with a mean of 1: lognormal by the log sd of a trial, half of its variance the case's (with
    clusters: the cluster's); gamma by its shape; or log sd 0.5 with one in twenty so many times as dear. ``n``
    independent units."""
    name, number = kind.split()
    size = float(number)

    def draw(rng: np.random.Generator, settings: Settings) -> Evidence:
        if name == "gamma":
            return mean_evidence(long(rng.gamma(size, 1 / size, (n, repeats))), settings, unit="usd")
        if name == "rare":
            dear = np.where(rng.random((n, repeats)) < 0.05, size, 1.0) / (0.95 + 0.05 * size)
            return mean_evidence(long(dear * rng.lognormal(-0.125, 0.5, (n, repeats))), settings, unit="usd")
        half = size / np.sqrt(2)
        own = np.repeat(rng.normal(0, half, n), cluster_size)
        values = np.exp(own[:, None] + rng.normal(0, half, (len(own), repeats)) - half**2)
        return mean_evidence(long(values, np.arange(len(own)) // cluster_size), settings, unit="usd")

    return draw


def unequal_costs(n: int, candidate: float, baseline: float) -> Draw:
    """Lognormal costs of equal mean and unequal log sd, of which half of the variance is the case's in both arms."""

    def draw(rng: np.random.Generator, settings: Settings) -> Evidence:
        own = rng.normal(size=n)
        halves = (candidate / np.sqrt(2), baseline / np.sqrt(2))
        arms = [long(np.exp(half * (own + rng.normal(size=n)) - half**2)[:, None]) for half in halves]
        return mean_ratio_evidence(arms[0], arms[1], settings)

    return draw


def per_correct(n: int, share: float, *, against: bool) -> Draw:
    def draw(rng: np.random.Generator, settings: Settings) -> Evidence:
        own = rng.normal(0, 0.5, n)
        a, b = two_arms(rng, n, share, 0.0, 2, 0.5, 0.3)
        candidate, baseline = Spending(cost=costs(rng, own, 2), correct=b), Spending(cost=costs(rng, own, 2), correct=a)
        if against:
            return cost_per_correct_ratio_evidence(candidate, baseline, settings)
        return cost_per_correct_evidence(candidate, settings)

    return draw


# ---------------------------------------------------------------- several gates, and looking all the time


def family_cell(n_gates: int, n: int) -> Cell:
    """Gates that all hold exactly at their limit: how often any of them fails."""

    def hit(rng: np.random.Generator, settings: Settings) -> bool:
        draws = [differences(n, -0.05, 1), shares(n, 0.8, 1), time_pairs(n, 1.1, 1), cost_pairs(n, 1.1, 1)]
        demands = [non_inferior(0.05), at_least(0.8), ratio_at_most(1.1), ratio_at_most(1.1)]
        gates = [Gate(requirement=demands[k % 4], evidence=draws[k % 4](rng, settings)) for k in range(n_gates)]
        return any(finding.verdict is FAIL for finding in judge_gates(gates))

    return Cell(f"any wrong fail among {n_gates} gates: n={n}", hit, at_most=0.05)


def single_differences(rng: np.random.Generator, n: int, gain: float) -> np.ndarray:
    baseline, candidate = two_arms(rng, n, 0.8, gain, 1, 0.5, 0.3)
    return candidate.values - baseline.values


def peeking_cell(
    name: str,
    requirement: Requirement,
    values: Callable[[np.random.Generator], np.ndarray],
    wrong: Verdict,
    *,
    low: float = -1.0,
    single_pairs: bool = False,
    at_least: float | None = None,
) -> Cell:
    """A look after every case, until the verdict is not inconclusive."""

    def hit(rng: np.random.Generator, settings: Settings) -> bool:
        state = watch(requirement, low=low, high=1.0, single_pairs=single_pairs)
        for value in values(rng):
            state = state.after(float(value))
            found = state.worst.verdict
            if found is not Verdict.INCONCLUSIVE:
                return found is wrong
        return False

    words = f"power of {wrong}" if at_least else f"wrong {wrong}"
    bound = None if at_least else 0.05
    return Cell(f"peeking at every case, {words}: {name}", hit, at_most=bound, at_least=at_least)


def looking_at_each_fixed_interval(n: int, step: int) -> Cell:
    """The mistake that sequences are for: the interval of a fixed number of cases, read again and again."""

    def hit(rng: np.random.Generator, settings: Settings) -> bool:
        baseline, candidate = two_arms(rng, n, 0.8, 0.0, 1, 0.5, 0.3)
        for end in range(20, n + 1, step):
            first = [sample_of(arm.values[:end], np.arange(end), np.arange(end)) for arm in (candidate, baseline)]
            if verdict(improved(), difference_evidence(first[0], first[1], settings)) is PASS:
                return True
        return False

    return Cell(f"peeking with fixed intervals every {step} cases: n={n}", hit, at_most=0.05)


def peeking_family(n: int) -> Cell:
    """Two gates at their limits and a run that stops at the first fail that Holm keeps."""

    def hit(rng: np.random.Generator, settings: Settings) -> bool:
        d = single_differences(rng, n, -0.05)
        right = (rng.random(n) < 0.8).astype(float)
        states = [watch(non_inferior(0.05), low=-1, high=1), watch(at_least(0.8), low=0, high=1)]
        for values in zip(d, right, strict=True):
            states = [state.after(float(value)) for state, value in zip(states, values, strict=True)]
            if min(state.p_fail for state in states) <= 0.05 and any(
                finding.verdict is FAIL for finding in judge_watches(states)
            ):
                return True
        return False

    return Cell(f"peeking at every case, any wrong fail of 2 gates: n={n}", hit, at_most=0.05)


# ---------------------------------------------------------------- grid


def score_cells() -> Iterator[Cell]:
    for n in (30, 100, 500):
        for k in (1, 5):
            at = f"n={n} K={k}"
            yield gate_cell(f"non-inferior by 5 points, {at}", non_inferior(0.05), differences(n, -0.05, k), PASS)
            yield gate_cell(f"non-inferior by 5 points, {at}", non_inferior(0.05), differences(n, -0.05, k), FAIL)
            yield gate_cell(f"improved, {at}", improved(), differences(n, 0.0, k), PASS)
            yield gate_cell(f"equivalent within 5 points, {at}", equivalent(0.05), differences(n, 0.05, k), PASS)
            yield gate_cell(f"equivalent within 5 points, {at}", equivalent(0.05), differences(n, 0.05, k), FAIL)
            yield gate_cell(f"equivalent within 0.1 points, {at}", equivalent(0.001), differences(n, 0.0, k), FAIL)
            for p in (0.5, 0.8, 0.95):
                yield gate_cell(f"share {p:g} at least {p:g}, {at}", at_least(p), shares(n, p, k), PASS)
                yield gate_cell(f"share {p:g} at least {p:g}, {at}", at_least(p), shares(n, p, k), FAIL)
    lost = differences(500, -0.05, 1, missing=0.02)
    yield gate_cell("non-inferior, 2% of the right answers lost, n=500", non_inferior(0.05), lost, PASS)
    yield gate_cell("non-inferior, 2% of the right answers lost, n=500", non_inferior(0.05), lost, FAIL)
    gained = differences(200, 0.05, 5, p=0.7)
    yield gate_cell("improved by 5 points, n=200 K=5", improved(), gained, PASS, at_least=0.60)


def other_cells() -> Iterator[Cell]:
    for n in (30, 100, 500):
        at = f"n={n}"
        for wrong in (PASS, FAIL):
            for q in (0.5, 0.95):
                limit = at_most(true_quantile(q))
                yield gate_cell(f"p{100 * q:g} at most itself, {at} K=3", limit, quantiles(n, q, 3), wrong)
            slow = ratio_at_most(1.1)
            yield gate_cell(f"time ratio, {at} K=3", slow, time_pairs(n, 1.1, 3), wrong, at_most=0.07)
            yield gate_cell(f"p95 ratio, {at} K=3", slow, time_pairs(n, 1.1, 3, p95_ratio), wrong, at_most=0.07)
            yield gate_cell(f"mean cost, {at}", at_most(0.01), one_cost(n, 1), wrong)
            yield gate_cell(f"cost ratio, {at}", slow, cost_pairs(n, 1.1, 1), wrong)
            each = at_most(0.01 / 0.7)
            yield gate_cell(f"cost per right answer, {at}", each, per_correct(n, 0.7, against=False), wrong)
            same = ratio_at_most(1.0)
            yield gate_cell(f"ratio of cost per right answer, {at}", same, per_correct(n, 0.7, against=True), wrong)
    for n in (15, 30, 60, 150):
        for kind in ("lognormal 0.5", "lognormal 1", "lognormal 1.5", "gamma 0.5"):
            yield gate_cell(f"skewed cost, {kind}, n={n}", at_most(1.0), skewed(n, kind), PASS)
        rare = skewed(n, "rare 10")  # tails that few cases cannot show: what that costs, no bound to keep
        yield gate_cell(f"one cost in twenty is tenfold, n={n}", at_most(1.0), rare, PASS, at_most=None)
        three = skewed(n, "lognormal 1", repeats=3)
        yield gate_cell(f"skewed cost, lognormal 1, n={n} K=3", at_most(1.0), three, PASS)
        clusters = skewed(n, "lognormal 1", cluster_size=3)
        yield gate_cell(f"skewed cost, lognormal 1, {n} clusters of 3", at_most(1.0), clusters, PASS)
        for wrong in (PASS, FAIL):
            tails = unequal_costs(n, 1.4, 0.7)
            yield gate_cell(f"ratio of costs, log sd 1.4 to 0.7, n={n}", ratio_at_most(1.0), tails, wrong)
    yield from (family_cell(k, 100) for k in (4, 8))


def peeking_cells() -> Iterator[Cell]:
    for n in (200, 1000):
        for wrong, gain in ((PASS, -0.05), (FAIL, -0.05)):
            yield peeking_cell(
                f"non-inferior, n={n}",
                non_inferior(0.05),
                lambda rng, n=n, g=gain: single_differences(rng, n, g),
                wrong,
            )
        for wrong in (PASS, FAIL):
            yield peeking_cell(
                f"improved, n={n}",
                improved(),
                lambda rng, n=n: single_differences(rng, n, 0.0),
                wrong,
                single_pairs=True,
            )
            yield peeking_cell(
                f"share at least 0.95, n={n}",
                at_least(0.95),
                lambda rng, n=n: (rng.random(n) < 0.95).astype(float),
                wrong,
                low=0.0,
            )
    yield peeking_family(400)
    yield peeking_cell(
        "improved by 5 points, n=2000",
        improved(),
        lambda rng: single_differences(rng, 2000, 0.05),
        PASS,
        single_pairs=True,
        at_least=0.60,
    )


def grid() -> Iterator[Cell]:
    yield from score_cells()
    yield from other_cells()
    yield from peeking_cells()
