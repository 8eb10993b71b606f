"""Writes judge.json: values for judge correction, preference, Bradley-Terry and pass@k from programs nobody here wrote.

``python -m tests.stats.reference.make_judge`` imports nothing of the project. It needs statsmodels and scipy, the
authors' ``ppi-python``, and R. The limits of Lang and Reiczigel are the exception: the package that has them, ``asht``,
is neither in Debian nor on PyPI, so its formula is written down here, compared with the published source of asht 1.0.1.
"""

from __future__ import annotations

import itertools
import json
import math
import subprocess
from pathlib import Path

import numpy as np
import statsmodels.api as sm
from ppi_py import ppi_mean_ci, ppi_mean_pointestimate
from scipy import optimize, stats
from statsmodels.stats.inter_rater import cohens_kappa
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

PLACE = Path(__file__).with_name("judge.json")

#: Wins of the row over the column. Agresti 2002, Categorical Data Analysis, table 10.10 (baseball, 1987 season).
BASEBALL = [
    [0, 7, 9, 7, 7, 9, 11],
    [6, 0, 7, 5, 11, 9, 9],
    [4, 6, 0, 7, 7, 8, 12],
    [6, 8, 6, 0, 6, 7, 10],
    [6, 2, 6, 7, 0, 7, 12],
    [4, 4, 5, 6, 6, 0, 6],
    [2, 4, 1, 3, 1, 7, 0],
]


def in_r(code: str) -> list[float]:
    done = subprocess.run(["Rscript", "-e", code], capture_output=True, text=True, check=True)
    return [float(number) for number in done.stdout.split()]


def lang_reiczigel(raw: tuple[int, int], se: tuple[int, int], sp: tuple[int, int], level: float) -> list[float]:
    """Rogan and Gladen's estimate, and the limits as the normal interval of a delta method at adjusted counts.

    The variance is that of f(rate, se, sp) = (rate + sp - 1) / (se + sp - 1) by numerical derivatives, where asht and
    the project have it in closed form. Lang and Reiczigel 2014, equations 6, 7, 16 and 17.
    """
    z = stats.norm.ppf((1 + level) / 2)
    shares = np.array([(raw[0] + z * z / 2) / (raw[1] + z * z), (se[0] + 1) / (se[1] + 2), (sp[0] + 1) / (sp[1] + 2)])
    numbers = np.array([raw[1] + z * z, se[1] + 2, sp[1] + 2])

    def prevalence(rate: float, se: float, sp: float) -> float:
        return (rate + sp - 1) / (se + sp - 1)

    variances = shares * (1 - shares) / numbers
    step = 1e-5
    slopes = np.array([(prevalence(*(shares + h)) - prevalence(*(shares - h))) / (2 * step) for h in np.eye(3) * step])
    at = prevalence(*shares)
    centre = at + 2 * z * z * (at * variances[1] - (1 - at) * variances[2])
    half = z * math.sqrt(float(slopes**2 @ variances))
    point = prevalence(raw[0] / raw[1], se[0] / se[1], sp[0] / sp[1])
    return [float(np.clip(x, 0, 1)) for x in (point, centre - half, centre + half)]


def bradley_terry(wins: list[list[float]], baseline: int) -> list[float]:
    """Strengths against the baseline by R's binomial regression on differences of indicators."""
    n = len(wins)
    rows, shares, weights = [], [], []
    for i, j in itertools.combinations(range(n), 2):
        if games := wins[i][j] + wins[j][i]:
            row = [0] * n
            row[i], row[j] = 1, -1
            rows.append([x for arm, x in enumerate(row) if arm != baseline])
            shares.append(wins[i][j] / games)
            weights.append(games)

    def vector(x: list[float]) -> str:
        return "c(" + ",".join(map(repr, x)) + ")"

    columns = vector([x for row in rows for x in row])
    return in_r(
        f"x <- matrix({columns}, ncol={n - 1}, byrow=TRUE); "
        f"f <- glm({vector(shares)} ~ x - 1, weights={vector(weights)}, family=quasibinomial, "
        "control=glm.control(epsilon=1e-14, maxit=100)); cat(format(unname(coef(f)), digits=15))"
    )


def majority_by_all_draws(answers: list[int], score: list[float], k: int) -> float:
    credits = []
    for draw in itertools.combinations(answers, k):
        votes = {answer: draw.count(answer) for answer in draw if answer >= 0}
        winners = [answer for answer in votes if votes[answer] == max(votes.values())]
        credits.append(sum(score[answer] for answer in winners) / len(winners) if winners else 0.0)
    return math.fsum(credits) / len(credits)


def clustered_sum(y: np.ndarray, which: np.ndarray, sign: np.ndarray, weight: np.ndarray, cluster: np.ndarray) -> tuple:
    """Sum of signed group means, and its cluster-robust variance, from weighted least squares on group indicators."""
    x = (which[:, None] == np.arange(len(sign))).astype(float)
    fit = sm.WLS(y, x, weights=weight).fit(cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": False})
    return float(sign @ fit.params), float(sign @ fit.cov_params() @ sign)


def ratio_by_roots(top: float, of_top: list[float], bottom: float, of_bottom: list[float]) -> list[float]:
    """The ratios r at which an interval of top - r * bottom, by square-and-add, touches 0."""

    def limit(r: float, side: int) -> float:
        scaled = sorted(r * x for x in of_bottom)
        distance = math.hypot(of_top[side] - top, scaled[1 - side] - r * bottom)
        return top - r * bottom + (distance if side else -distance)

    point = top / bottom
    return [
        optimize.brentq(lambda r: limit(r, 0), point - 50, point, xtol=1e-13),
        optimize.brentq(lambda r: limit(r, 1), point, point + 50, xtol=1e-13),
    ]


def entries() -> list[dict]:
    rows: list[dict] = []
    rng = np.random.default_rng(17)

    def add(what: str, given: dict, expected: object, source: str) -> None:
        rows.append({"what": what, "given": given, "expected": expected, "source": source})

    for n, c, k in [(5, 0, 2), (5, 1, 2), (5, 3, 3), (5, 5, 5), (10, 3, 5), (20, 7, 10), (200, 13, 100), (3, 2, 1)]:
        product = 1.0 if n - c < k else 1 - float(np.prod(1 - k / np.arange(n - c + 1, n + 1)))
        add("pass_at", {"n": n, "c": c, "k": k}, product, "the product of Chen et al. 2021, figure 3")
    for n, c, k in [(4, 3, 4), (4, 4, 4), (5, 3, 2), (8, 6, 4), (10, 9, 5), (20, 15, 10), (200, 180, 8), (6, 1, 2)]:
        add("pass_every", {"n": n, "c": c, "k": k}, float(stats.hypergeom.pmf(k, n, c, k)), "scipy.stats.hypergeom")
    for n, k in [(5, 3), (5, 5), (8, 4), (10, 5), (10, 3), (9, 6)]:
        for kinds in (2, 4):
            answers = rng.integers(-1 if kinds == 4 else 0, kinds, n).tolist()
            score = [1.0, 0.0, 0.5, 0.0][:kinds]
            given = {"answers": answers, "score": score, "k": k}
            add("majority", given, majority_by_all_draws(answers, score, k), "all draws of k")

    for raw, se, sp, level in [
        ((120, 300), (90, 100), (80, 100), 0.95),
        ((250, 300), (45, 50), (36, 50), 0.95),
        ((30, 300), (95, 100), (85, 100), 0.95),
        ((3, 263), (88, 89), (132, 134), 0.95),
        ((700, 1000), (180, 200), (140, 200), 0.9),
        ((50, 60), (19, 20), (18, 20), 0.95),
        ((400, 1000), (60, 100), (70, 100), 0.95),
        ((150, 200), (30, 30), (28, 30), 0.99),
        ((20, 40), (40, 40), (40, 40), 0.95),
        ((900, 1000), (475, 500), (430, 500), 0.95),
    ]:
        given = {"raw": raw, "se": se, "sp": sp, "level": level}
        add(
            "lang_reiczigel", given, lang_reiczigel(raw, se, sp, level), "Lang and Reiczigel 2014, as in asht::prevSeSp"
        )

    for table in [[[20, 5], [10, 15]], [[45, 15], [25, 15]], [[80, 4], [7, 29]], [[9, 2], [1, 8]], [[3, 30], [25, 4]]]:
        fit = cohens_kappa(np.array(table))
        add("kappa", {"table": table}, [float(fit.kappa), float(fit.std_kappa)], "statsmodels cohens_kappa")
    for right, n in [(45, 50), (20, 20), (7, 30)]:
        expected = [float(x) for x in proportion_confint(right, n, method="wilson")]
        add("sensitivity", {"right": right, "n": n}, expected, "statsmodels proportion_confint")
    for se, n_right, sp, n_wrong in [(45, 50, 36, 40), (20, 20, 5, 30), (30, 60, 30, 60)]:
        limits = confint_proportions_2indep(se, n_right, n_wrong - sp, n_wrong, method="newcomb", compare="diff")
        given = {"se": se, "n_right": n_right, "sp": sp, "n_wrong": n_wrong}
        add("informed", given, [float(x) for x in limits], "statsmodels confint_proportions_2indep")

    for n, N, p, agree in [
        (40, 300, 0.5, 0.9),
        (100, 400, 0.7, 0.8),
        (60, 60, 0.4, 0.95),
        (200, 1000, 0.8, 0.6),
        (50, 2000, 0.6, 0.5),
    ]:
        y = (rng.random(n + N) < p).astype(float)
        f = np.where(rng.random(n + N) < agree, y, 1 - y)
        point = float(np.squeeze(ppi_mean_pointestimate(y[:n], f[:n], f[n:])))
        lower, upper = (float(np.squeeze(x)) for x in ppi_mean_ci(y[:n], f[:n], f[n:], alpha=0.05))
        error = (upper - lower) / 2 / stats.norm.ppf(0.975)
        given = {"label": y[:n].tolist(), "judge": f[:n].tolist(), "unlabelled": f[n:].tolist()}
        add("ppi", given, [point, error], "ppi-python ppi_mean_pointestimate, ppi_mean_ci")
    for cases, repeats, n in [(60, 4, 90), (150, 3, 120), (40, 6, 60)]:
        case = np.repeat(np.arange(cases), repeats)
        y = (rng.random(len(case)) < rng.beta(1.5, 1, cases)[case]).astype(float)
        f = np.where(rng.random(len(case)) < 0.85, y, 1 - y)
        asked = np.zeros(len(case), bool)
        asked[rng.choice(len(case), n, replace=False)] = True
        worth = 0.6
        outcome = np.where(asked, y - worth * f, worth * f)
        expected = clustered_sum(outcome, asked.astype(int), np.ones(2), np.ones(len(case)), case)
        given = {"label": np.where(asked, y, -1).tolist(), "judge": f.tolist(), "case": case.tolist(), "worth": worth}
        add("ppi_clustered", given, list(expected), "statsmodels WLS, clustered, at a given lambda")

    for wins in [
        BASEBALL,
        [[0, 8, 5.5], [4, 0, 6], [2.5, 7, 0]],
        [[0, 20, 0, 3], [10, 0, 7.5, 0], [0, 9.5, 0, 12], [2, 0, 4, 0]],
        [[0, 1, 0], [0, 0, 1], [1, 0, 0]],
        [[0, 99.5], [0.5, 0]],
    ]:
        baseline = len(wins) - 1
        given = {"wins": wins, "baseline": baseline}
        add("bradley_terry", given, bradley_terry(wins, baseline), "R, glm of the quasibinomial family")

    for scores in [[1, 1, 0.5, 0, 1, 1], [1] * 7 + [0] * 2 + [0.5] * 3, [0.75, 1, 1, 0.25, 0.5, 1, 0, 1, 1, 1]]:
        lead = np.array(scores) - 0.5
        p = stats.permutation_test((lead,), np.sum, permutation_type="samples", n_resamples=np.inf).pvalue
        add("preference_p", {"scores": scores}, float(p), "scipy permutation_test, all flips")

    for top, of_top, bottom, of_bottom in [
        (0.1, [0.04, 0.16], 0.7, [0.6, 0.78]),
        (0.1, [-0.02, 0.22], 0.5, [0.3, 0.65]),
        (-0.2, [-0.3, -0.08], 0.8, [0.7, 0.9]),
        (0.0, [-0.1, 0.1], 0.4, [0.2, 0.9]),
        (0.3, [0.25, 0.36], 0.3, [0.1, 0.7]),
    ]:
        given = {"top": top, "of_top": of_top, "bottom": bottom, "of_bottom": of_bottom}
        add("ratio", given, ratio_by_roots(top, of_top, bottom, of_bottom), "roots by scipy.optimize.brentq")
    return rows


if __name__ == "__main__":
    PLACE.write_text("[\n" + ",\n".join(map(json.dumps, entries())) + "\n]\n", encoding="utf-8")
