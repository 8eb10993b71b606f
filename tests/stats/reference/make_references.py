"""Writes references.json: values of the same quantities from programs and derivations that nobody here wrote.

``python -m tests.stats.reference.make_references`` (needs scipy and statsmodels; imports nothing of the project).
Each entry: what it is, the numbers in, the numbers out, and where they come from.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import statsmodels.api as sm
from scipy import optimize, stats
from statsmodels.distributions.empirical_distribution import _conf_set
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

PLACE = Path(__file__).with_name("references.json")


def tango_by_likelihood(gained: int, lost: int, n: int) -> list[float]:
    """Score limits with the restricted maximum of the trinomial likelihood found numerically."""

    def score(delta: float) -> float:
        def minus_log_likelihood(q: float) -> float:
            cells = np.array([q + delta, q, 1 - 2 * q - delta])
            counts = np.array([gained, lost, n - gained - lost])
            used = counts > 0
            return -float(counts[used] @ np.log(np.maximum(cells[used], 1e-300)))

        low, high = max(0.0, -delta), (1 - delta) / 2
        q = optimize.minimize_scalar(
            minus_log_likelihood, bounds=(low, high), method="bounded", options={"xatol": 1e-13}
        ).x
        return (gained - lost - n * delta) / np.sqrt(n * (2 * q + delta - delta**2))

    z, point = stats.norm.ppf(0.975), (gained - lost) / n
    lower = optimize.brentq(lambda d: score(d) - z, -1 + 1e-9, point - 1e-9)
    upper = optimize.brentq(lambda d: score(d) + z, point + 1e-9, 1 - 1e-9)
    return [lower, upper]


def enumerated_t(x: list[float], level: float) -> list[float]:
    """Bootstrap-t limits of a mean from all n^n draws, in the textbook's words and without weights."""
    data = np.array(x)
    n, mean, error = len(data), data.mean(), data.std(ddof=1) / np.sqrt(len(data))
    draws = []
    for picks in itertools.product(range(n), repeat=n):
        again = data[list(picks)]
        spread, gap = again.std(ddof=1) / np.sqrt(n), again.mean() - mean
        draws.append(gap / spread if spread > 1e-12 else np.copysign(np.inf, gap))
    low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2], method="inverted_cdf")
    return [mean - high * error, mean - low * error]


def ranks_by_enumeration(n: int, q: float, level: float) -> list[int | None]:
    """1-based order-statistic ranks: the narrowest that keep each binomial tail within alpha/2."""
    tail = (1 - level) / 2
    lower = [r for r in range(1, n + 1) if stats.binom.cdf(r - 1, n, q) <= tail]
    upper = [s for s in range(1, n + 1) if stats.binom.sf(s - 1, n, q) <= tail]
    return [max(lower) if lower else None, min(upper) if upper else None]


def entries() -> list[dict]:
    rows: list[dict] = []

    def add(what: str, given: dict, expected: object, source: str) -> None:
        rows.append({"what": what, "given": given, "expected": expected, "source": source})

    for right, n, level in [(81, 263, 0.95), (0, 20, 0.95), (7, 10, 0.9), (30, 30, 0.95), (412, 2000, 0.99)]:
        for what, method in [("wilson", "wilson"), ("clopper_pearson", "beta")]:
            limits = proportion_confint(right, n, alpha=1 - level, method=method)
            add(
                what,
                {"right": right, "n": n, "level": level},
                [float(x) for x in limits],
                "statsmodels proportion_confint",
            )
    for gained, lost, n in [(1, 7, 21), (40, 20, 160), (5, 5, 30), (12, 1, 200), (3, 0, 10)]:
        limits = tango_by_likelihood(gained, lost, n)
        add("tango", {"gained": gained, "lost": lost, "n": n}, limits, "likelihood maximised by scipy.optimize")
    for gained, lost in [(1, 7), (12, 25), (0, 5), (40, 61)]:
        exact = mcnemar([[0, gained], [lost, 0]], exact=True).pvalue
        add("mcnemar_exact", {"gained": gained, "lost": lost}, float(exact), "statsmodels mcnemar")
        k, m = min(gained, lost), gained + lost
        mid = 2 * stats.binom.cdf(k, m, 0.5) - stats.binom.pmf(k, m, 0.5)
        add("mcnemar_midp", {"gained": gained, "lost": lost}, float(mid), "scipy.stats.binom")
    for b, n_b, a, n_a in [(56, 70, 48, 80), (9, 10, 3, 10), (5, 56, 0, 29)]:
        limits = confint_proportions_2indep(b, n_b, a, n_a, method="newcomb", compare="diff")
        add(
            "newcombe",
            {"b": b, "n_b": n_b, "a": a, "n_a": n_a},
            [float(x) for x in limits],
            "statsmodels confint_proportions_2indep",
        )

    rng = np.random.default_rng(3)
    p_values = [0.001, 0.012, 0.03, 0.04, 0.2, 0.011]
    add("holm", {"p": p_values}, multipletests(p_values, method="holm")[1].tolist(), "statsmodels multipletests")
    add("bh", {"p": p_values}, multipletests(p_values, method="fdr_bh")[1].tolist(), "statsmodels multipletests")

    x, cluster = rng.normal(2, 1, 60).round(4), rng.integers(0, 12, 60)
    fit = sm.OLS(x, np.ones(60)).fit(cov_type="cluster", cov_kwds={"groups": cluster})
    add("cluster_se", {"x": x.tolist(), "cluster": cluster.tolist()}, float(fit.bse[0]), "statsmodels OLS, clustered")

    for n in (8, 20, 49):
        d = rng.normal(0.3, 1, n).round(4)
        walsh = np.sort([(d[i] + d[j]) / 2 for i in range(n) for j in range(i, n)])
        result = stats.wilcoxon(d, method="exact")
        expected = {"p": float(result.pvalue), "point": float(np.median(walsh))}
        add("signed_rank", {"d": d.tolist()}, expected, "scipy wilcoxon exact; median of all pairwise means")
    d = rng.normal(0.15, 1, 120).round(4)
    p = stats.wilcoxon(d, method="approx", correction=True).pvalue
    walsh = np.sort([(d[i] + d[j]) / 2 for i in range(120) for j in range(i, 120)])
    expected = {"p": float(p), "point": float(np.median(walsh))}
    add("signed_rank", {"d": d.tolist()}, expected, "scipy wilcoxon, normal with continuity; pairwise means")

    for m in (5, 12):
        u = rng.normal(0.4, 1, m).round(3)
        p = stats.permutation_test(
            (u,), np.sum, permutation_type="samples", n_resamples=np.inf, alternative="two-sided"
        ).pvalue
        add("sign_flip", {"u": u.tolist()}, float(p), "scipy permutation_test, all flips")

    for n, q, level in itertools.product((5, 10, 36, 72, 100, 400), (0.5, 0.9, 0.95, 0.99), (0.95, 0.9)):
        add(
            "ranks",
            {"n": n, "q": q, "level": level},
            ranks_by_enumeration(n, q, level),
            "all ranks tried with scipy.stats.binom",
        )
    band = _conf_set(np.full(40, 0.5))[1][0] - 0.5
    add("dkw", {"n": 40}, float(band), "statsmodels empirical distribution")

    skewed = [0.4, 0.9, 1.1, 2.0, 5.5]
    add("bootstrap_t", {"x": skewed, "level": 0.8}, enumerated_t(skewed, 0.8), "all 5^5 draws")

    a, b = rng.integers(0, 6, 30).astype(float), rng.normal(size=30).round(2)
    rho = stats.spearmanr(a, b)
    add("spearman", {"x": a.tolist(), "y": b.tolist()}, [float(rho.statistic), float(rho.pvalue)], "scipy spearmanr")
    rows_ = rng.random((9, 5)).round(3)
    slopes = [stats.linregress(np.arange(5), row).slope for row in rows_]
    interval = stats.ttest_1samp(slopes, 0).confidence_interval()
    add(
        "slope",
        {"rows": rows_.tolist()},
        [float(np.mean(slopes)), *map(float, interval)],
        "scipy linregress per case, ttest_1samp",
    )
    b, a = rng.lognormal(0, 1, 25).round(4), rng.lognormal(0.2, 1, 18).round(4)
    welch = stats.ttest_ind(b, a, equal_var=False)
    interval = welch.confidence_interval()
    add(
        "welch",
        {"b": b.tolist(), "a": a.tolist()},
        [float(interval.low), float(interval.high), float(welch.pvalue)],
        "scipy ttest_ind",
    )

    trials = (rng.random((40, 4)) < rng.beta(1, 1, 40)[:, None]).astype(float)
    mixed = sm.MixedLM(trials.ravel(), np.ones(160), np.repeat(np.arange(40), 4)).fit(reml=True)
    between, within = float(mixed.cov_re[0, 0]), float(mixed.scale)
    add("icc", {"trials": trials.tolist()}, between / (between + within), "statsmodels MixedLM, REML")

    add("dunnett", {"k": 4}, _dunnett_critical(4), "scipy multivariate_normal, rho 1/2, 4 comparisons")
    tukey = float(stats.studentized_range.ppf(0.95, 5, np.inf) / np.sqrt(2))
    add("tukey", {"arms": 5}, tukey, "scipy studentized_range, 5 means")
    return rows


def _dunnett_critical(k: int) -> float:
    normal = stats.multivariate_normal(np.zeros(k), 0.5 * np.eye(k) + 0.5, seed=1)

    def miss(c: float) -> float:
        return normal.cdf(np.full(k, c), lower_limit=np.full(k, -c), rng=np.random.default_rng(1)) - 0.95

    return float(optimize.brentq(miss, 1.9, 3.0, xtol=1e-4))


if __name__ == "__main__":
    PLACE.write_text(json.dumps(entries(), indent=1) + "\n", encoding="utf-8")
