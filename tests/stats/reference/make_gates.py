"""Writes gates.json: p values, sample sizes and betting capital of the gates, from programs that nobody here wrote.

``PYTHONPATH=CONFSEQ/src python -m tests.stats.reference.make_gates`` (needs R, statsmodels and a checkout of
gostevehoward/confseq at 70b1ef3, of which only Python files are used; imports nothing of the project).
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import types
from pathlib import Path

import numpy as np
from scipy import integrate, optimize, stats
from statsmodels.stats.power import normal_sample_size_one_tail

PLACE = Path(__file__).with_name("gates.json")
R = "R: "


def in_r(code: str) -> list[float]:
    """The numbers that ``code`` gives to ``cat`` in R, at full precision."""
    run = subprocess.run(
        ["Rscript", "-e", f"options(digits=17); cat({code})"], capture_output=True, check=True, text=True
    )
    return [float(word) for word in run.stdout.split()]


def vector(values: object) -> str:
    return "c(" + ",".join(repr(float(value)) for value in values) + ")"


def tango_z(gained: int, lost: int, n: int, delta: float) -> float:
    """The score with the restricted maximum of the trinomial likelihood found numerically."""

    def minus_log_likelihood(q: float) -> float:
        cells, counts = np.array([q + delta, q, 1 - 2 * q - delta]), np.array([gained, lost, n - gained - lost])
        used = counts > 0
        return -float(counts[used] @ np.log(np.maximum(cells[used], 1e-300)))

    limits = (max(0.0, -delta), (1 - delta) / 2)
    q = optimize.minimize_scalar(minus_log_likelihood, bounds=limits, method="bounded", options={"xatol": 1e-13}).x
    return (gained - lost - n * delta) / math.sqrt(n * (2 * q + delta - delta**2))


def betting_mart(x: list[float], m: float, side: int) -> list[float]:
    """Capital of one side by ``confseq.betting``, whose plotting and processes are not needed."""
    for name in ("matplotlib", "matplotlib.pyplot", "multiprocess", "confseq.predmix", "confseq.misc"):
        sys.modules.setdefault(name, types.ModuleType(name))
    from confseq.betting_strategies import lambda_predmix_eb

    sys.modules["confseq.predmix"].lambda_predmix_eb = lambda_predmix_eb
    sys.modules["confseq.misc"].get_running_intersection = sys.modules["confseq.misc"].get_ci_seq = None
    from confseq.betting import betting_mart as capital

    return capital(np.array(x), m, alpha=0.05, theta=side).tolist()


def half_mixture(gained: int, lost: int, above: bool | None) -> float:
    """Likelihood ratio against equal chances, averaged over Jeffreys' prior on one side of 1/2, or on both (None)."""

    def likelihood(p: float) -> float:
        return (2 * p) ** gained * (2 * (1 - p)) ** lost / math.pi / math.sqrt(p * (1 - p))

    if above is None:
        return integrate.quad(likelihood, 0, 0.5, limit=200)[0] + integrate.quad(likelihood, 0.5, 1, limit=200)[0]
    limits = (0.5, 1) if above else (0, 0.5)
    return 2 * integrate.quad(likelihood, *limits, limit=200)[0]


def entries() -> list[dict]:
    rows: list[dict] = []

    def add(what: str, given: dict, expected: object, source: str) -> None:
        rows.append({"what": what, "given": given, "expected": expected, "source": source})

    for right, n, limit in [(81, 100, 0.75), (81, 100, 0.85), (40, 60, 0.8), (1980, 2000, 0.985), (12, 20, 0.9)]:
        for side in ("greater", "less"):
            given = {"right": right, "n": n, "limit": limit, "above": side == "greater"}
            code = f"binom.test({right},{n},p={limit},alternative='{side}')$p.value"
            add("share", given, in_r(code)[0], R + "binom.test")
    for right, n, limit in [(9, 9, 0.6), (7, 7, 0.7), (3, 9, 0.7)]:
        side = "greater" if right / n > limit else "less"
        code = f"binom.test({right},{n},p={limit},alternative='{side}')$p.value"
        add(
            "few", {"right": right, "n": n, "limit": limit, "above": side == "greater"}, in_r(code)[0], R + "binom.test"
        )
    for inside, n, q in [(97, 100, 0.95), (100, 100, 0.95), (88, 100, 0.95), (60, 100, 0.5), (300, 320, 0.9)]:
        for side in ("greater", "less"):
            code = f"binom.test({inside},{n},p={q},alternative='{side}')$p.value"
            given = {"inside": inside, "n": n, "q": q, "met": side == "greater"}
            add("quantile", given, in_r(code)[0], R + "binom.test")
    for gained, lost, n, margin in [(10, 12, 120, 0.05), (3, 9, 60, 0.02), (40, 30, 500, 0.03), (0, 6, 44, 0.1)]:
        z = tango_z(gained, lost, n, -margin)
        given = {"gained": gained, "lost": lost, "n": n, "margin": margin}
        expected = {"above": float(stats.norm.sf(z)), "below": float(stats.norm.cdf(z))}
        add("non_inferior", given, expected, "likelihood maximised by scipy.optimize")
    rng = np.random.default_rng(5)
    for n, limit in [(9, 1.0), (20, 1.15), (48, 1.3), (48, 0.9)]:
        a = rng.lognormal(6, 0.5, n).round(2)
        b = (a * rng.lognormal(0.1, 0.2, n)).round(2)
        d = vector(np.log(b) - np.log(a))
        sides = [
            in_r(f"wilcox.test({d},mu=log({limit}),alternative='{side}',exact=TRUE)$p.value")[0]
            for side in ("greater", "less")
        ]
        given = {"candidate": b.tolist(), "baseline": a.tolist(), "limit": limit}
        add("time_ratio", given, {"above": sides[0], "below": sides[1]}, R + "wilcox.test, exact")
    for ps in ([0.001, 0.03, 0.04], [0.02, 0.02, 0.2, 1.0], [0.012, 0.049]):
        add("holm", {"p": ps}, in_r(f"p.adjust({vector(ps)},'holm')"), R + "p.adjust")
    for distance, at_limit, variance in [(0.02, 0.1, 0.09), (0.05, 0.04, 0.04), (0.01, 0.3, 0.2)]:
        n = normal_sample_size_one_tail(
            distance, 0.8, 0.05, std_null=math.sqrt(at_limit), std_alternative=math.sqrt(variance)
        )
        given = {"distance": distance, "at_limit": at_limit, "variance": variance}
        add("cases", given, math.ceil(n), "statsmodels normal_sample_size_one_tail")

    for n, probabilities in [(60, [0.1, 0.8, 0.1]), (150, [0.05, 0.75, 0.2]), (40, [0.6, 0.3, 0.1])]:
        d = rng.choice([-1.0, 0.0, 1.0], p=probabilities, size=n)
        for limit in (-0.05, 0.0, 0.2):
            x, m = ((d + 1) / 2).tolist(), (limit + 1) / 2
            sides = [max(betting_mart(x, m, side)) for side in (1, 0)]
            expected = {"above": float(np.log(sides[0])), "below": float(np.log(sides[1]))}
            add("betting", {"d": d.tolist(), "limit": limit}, expected, "confseq betting_mart, largest capital")
    scores = rng.beta(4, 2, 80).round(3)
    for m in (0.5, 0.66, 0.8):
        sides = [max(betting_mart(scores.tolist(), m, side)) for side in (1, 0)]
        expected = {"above": float(np.log(sides[0])), "below": float(np.log(sides[1]))}
        add("betting_scores", {"x": scores.tolist(), "limit": m}, expected, "confseq betting_mart, largest capital")
    for gained, lost in [(0, 0), (5, 0), (9, 3), (3, 9), (30, 12), (6, 6)]:
        expected = {name: math.log(half_mixture(gained, lost, side)) for name, side in _SIDES}
        add("discordant", {"gained": gained, "lost": lost}, expected, "scipy quad of the likelihood ratio")
    return rows


_SIDES = (("above", True), ("below", False), ("two_sided", None))

if __name__ == "__main__":
    PLACE.write_text(json.dumps(entries(), indent=1) + "\n", encoding="utf-8")
