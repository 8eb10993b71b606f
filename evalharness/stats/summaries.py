"""Samples made again from what a baseline file keeps of a run: sums by case."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from evalharness.stats.sample import Floats, Ints, Sample, sample_of

#: A sum of scores that is whole but for rounding is whole.
ROUNDING = 1e-9


def scores_from_sums(
    sums: npt.ArrayLike, squares: npt.ArrayLike, trials: npt.ArrayLike, missing: npt.ArrayLike, cluster: Ints
) -> Sample:
    """Scores in [0, 1] with the sums and sums of squares that each case (n) had over its ``trials`` scored ones.

    For 0 and 1 these are the trials themselves, in another order. Other scores are one of many sets with the same
    mean and variance, which is all that any comparison takes of them. ``missing`` counts the trials of a case without
    a score. Raises ``ValueError`` where no scores in [0, 1] have such sums.
    """
    total, square = np.asarray(sums, float), np.asarray(squares, float)
    n_trials, n_missing = np.asarray(trials, np.int64), np.asarray(missing, np.int64)
    if ((total < -ROUNDING) | (total > n_trials + ROUNDING)).any():
        raise ValueError("a sum of scores lies outside 0 to the number of trials: the baseline file is not of scores")
    parts = [_scores(s, q, int(k)) for s, q, k in zip(total, square, n_trials, strict=True)]
    return _long(parts, n_missing, cluster)


def _scores(total: float, square: float, n: int) -> Floats:
    """``n`` numbers in [0, 1] with this sum and sum of squares.

    As many ones as fit, the rest in one number, and zeros: of all numbers in [0, 1] with this sum these spread the
    most (they majorise the others), so some step from them to their mean has the spread wanted.
    """
    if n == 0:
        return np.empty(0)
    ones = min(n, int(np.floor(total + ROUNDING)))
    extreme = np.zeros(n)
    extreme[:ones] = 1.0
    if ones < n:
        extreme[ones] = max(0.0, total - ones) if total - ones > ROUNDING else 0.0
    mean = extreme.mean()
    most = float(np.square(extreme - mean).sum())
    wanted = max(0.0, square - total * total / n)
    if wanted > most + 1e-6:
        raise ValueError(f"no {n} scores in [0, 1] have the sum {total:g} and the sum of squares {square:g}")
    if most <= ROUNDING or wanted >= most - ROUNDING:
        return extreme
    spread: Floats = np.clip(mean + np.sqrt(wanted / most) * (extreme - mean), 0.0, 1.0)
    return spread


def values_from_sums(sums: npt.ArrayLike, trials: npt.ArrayLike, missing: npt.ArrayLike, cluster: Ints) -> Sample:
    """Costs or tokens of which only the sums by case are kept: each trial counts as its case's mean.

    What is taken of such a sample is the mean of each case; how repeats of one case differ is not in it.
    """
    total, n_trials, n_missing = np.asarray(sums, float), np.asarray(trials, np.int64), np.asarray(missing, np.int64)
    means = np.divide(total, n_trials, out=np.full(len(total), np.nan), where=n_trials > 0)
    return _long([np.full(k, mean) for mean, k in zip(means, n_trials, strict=True)], n_missing, cluster)


def _long(parts: Sequence[Floats], n_missing: Ints, cluster: Ints) -> Sample:
    """``parts``: the values of each case, to which its missing ones are added."""
    filled = [np.append(x, np.full(m, np.nan)) for x, m in zip(parts, n_missing, strict=True)]
    lengths = [len(x) for x in filled]
    return sample_of(np.concatenate([np.empty(0), *filled]), np.repeat(np.arange(len(filled)), lengths), cluster)
