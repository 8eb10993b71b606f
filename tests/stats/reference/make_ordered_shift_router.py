"""Writes ordered_shift_router.json: ordered alternatives, smoothed quantiles and routers by other means.

``python -m tests.stats.reference.make_ordered_shift_router`` (needs scipy, and R for some; imports nothing of the
project).
"""

from __future__ import annotations

import itertools
import json
import subprocess
from pathlib import Path

import numpy as np
from scipy import optimize, stats

PLACE = Path(__file__).with_name("ordered_shift_router.json")


def in_r(expression: str) -> list[float]:
    """The numbers that R prints for an expression."""
    script = f"cat(format({expression}, digits=15), sep=' ')"
    printed = subprocess.run(["Rscript", "--vanilla", "-e", script], capture_output=True, text=True, check=True)
    return [float(word) for word in printed.stdout.split()]


def c(values: list[float]) -> str:
    return f"c({','.join(map(str, values))})"


def page_by_enumeration(rows: np.ndarray) -> dict[str, float]:
    """Two-sided p of L over every order of every row."""
    ranks = stats.rankdata(rows, axis=1)
    weights = np.arange(1, rows.shape[1] + 1)
    scores = [[float(np.dot(order, weights)) for order in itertools.permutations(row)] for row in ranks]
    sums = np.array([sum(parts) for parts in itertools.product(*scores)])
    observed = float((ranks @ weights).sum())
    away = np.abs(sums - sums.mean()) >= abs(observed - sums.mean()) - 1e-9
    return {"statistic": observed, "p": float(away.mean())}


def jonckheere_by_enumeration(groups: list[list[float]]) -> dict[str, float]:
    """Two-sided p of J over every allocation of the pooled values to groups of these sizes."""
    pooled = np.concatenate(groups)
    sizes = [len(group) for group in groups]

    def j(parts: list[np.ndarray]) -> float:
        return sum(
            float((b[None, :] > a[:, None]).sum() + 0.5 * (b[None, :] == a[:, None]).sum())
            for a, b in itertools.combinations(parts, 2)
        )

    def allocations(free: tuple[int, ...], left: list[int]):
        if not left:
            yield []
            return
        for chosen in itertools.combinations(free, left[0]):
            rest = tuple(at for at in free if at not in chosen)
            yield from ([pooled[list(chosen)], *others] for others in allocations(rest, left[1:]))

    values = np.array([j(parts) for parts in allocations(tuple(range(len(pooled))), sizes)])
    observed = j([np.array(group, float) for group in groups])
    away = np.abs(values - values.mean()) >= abs(observed - values.mean()) - 1e-9
    return {"statistic": observed, "p": float(away.mean()), "variance": float(values.var())}


def entries() -> list[dict]:
    rows: list[dict] = []

    def add(what: str, given: dict, expected: object, source: str) -> None:
        rows.append({"what": what, "given": given, "expected": expected, "source": source})

    rng = np.random.default_rng(8)
    for n, k in ((3, 3), (6, 4), (10, 5), (5, 7), (30, 4)):
        x = (rng.random((n, k)) + 0.1 * np.arange(k)).round(6)
        sides = [stats.page_trend_test(sign * x, method="exact") for sign in (1, -1)]
        expected = {"statistic": sides[0].statistic, "p": min(1.0, 2 * min(side.pvalue for side in sides))}
        add("page", {"rows": x.tolist()}, expected, "scipy page_trend_test exact, both sides")
    for n, k in ((3, 3), (4, 4), (2, 5)):
        for _ in range(3):
            x = rng.integers(0, 3, (n, k)).astype(float)
            add("page", {"rows": x.tolist()}, page_by_enumeration(x), "every order of every row, with ties")
    x = rng.random((150, 5)).round(6) + 0.007 * np.arange(5)
    sides = stats.page_trend_test(x, method="asymptotic")
    add("page_normal", {"rows": x.tolist()}, 2 * float(sides.pvalue), "scipy page_trend_test asymptotic")

    for sizes in ((3, 4, 3), (2, 2, 2, 2), (5, 4)):
        for values in (rng.normal(size=sum(sizes)).round(4), rng.integers(0, 4, sum(sizes)).astype(float)):
            groups = [part.tolist() for part in np.split(values, np.cumsum(sizes)[:-1])]
            add("jonckheere", {"groups": groups}, jonckheere_by_enumeration(groups), "every allocation")
    groups = [rng.integers(0, 9, size).astype(float).tolist() for size in (14, 9, 20)]
    level = np.repeat([0, 1, 2], [14, 9, 20]).tolist()
    pooled = c([x for group in groups for x in group])
    call = f"cor.test({c(level)},{pooled},method='kendall',exact=FALSE,continuity=TRUE)$p.value"
    add("jonckheere_normal", {"groups": groups}, in_r(call)[0], "R cor.test, Kendall's S of level and value")

    for right, n in (([12, 15, 22], [40, 40, 40]), ([3, 9, 11, 19], [30, 25, 28, 30]), ([8, 2], [20, 21])):
        call = f"suppressWarnings(prop.trend.test({c(right)},{c(n)},score=seq_along({c(n)})))$p.value"
        add("cochran_armitage", {"right": right, "n": n}, in_r(call)[0], "R prop.trend.test")

    for k in (2, 4, 7):
        for weighted in (False, True):
            means, weights = rng.normal(size=k).round(3), rng.integers(1, 9, k) if weighted else np.ones(k)
            fit = optimize.isotonic_regression(means, weights=weights.astype(float)).x
            given = {"means": means.tolist(), "weights": weights.astype(float).tolist()}
            add("rising", given, fit.tolist(), "scipy isotonic_regression")

    for n, q in ((5, 0.5), (12, 0.9), (40, 0.95), (40, 0.1), (99, 0.8)):
        x = rng.lognormal(0, 1, n).round(4)
        expected = float(stats.mstats.hdquantiles(x, [q])[0])
        add("harrell_davis", {"x": x.tolist(), "q": q}, expected, "scipy mstats.hdquantiles")

    for n, repeats, arms in ((4, 2, 2), (3, 3, 3), (5, 4, 2)):
        y = (rng.random((n, arms, repeats)) < 0.5).astype(float)
        add("router", {"y": y.tolist()}, router_by_hand(y), "loops over cases, repeats and arms")
    return rows


def router_by_hand(y: np.ndarray) -> dict[str, float]:
    n, arms, repeats = y.shape
    overall = [float(y[:, arm].mean()) for arm in range(arms)]
    order = sorted(range(arms), key=lambda arm: (-round(overall[arm], 9), arm))
    held, naive = [], []
    for i in range(n):
        naive.append(max(y[i, arm].mean() for arm in range(arms)))
        for out in range(repeats):
            rest = {arm: sum(y[i, arm, k] for k in range(repeats) if k != out) for arm in range(arms)}
            held.append(y[i, max(order, key=lambda arm: rest[arm]), out])
    solved = [bool(case.any()) for case in y]
    return {
        "best": order[0],
        "naive": float(np.mean(naive)),
        "held_out": float(np.mean(held)),
        "gain": float(np.mean(held)) - overall[order[0]],
        "none": 1 - float(np.mean(solved)),
        "all": float(np.mean([bool(case.all()) for case in y])),
    }


if __name__ == "__main__":
    PLACE.write_text(json.dumps(entries(), indent=1) + "\n", encoding="utf-8")
