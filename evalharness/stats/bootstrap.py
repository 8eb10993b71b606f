"""Resampling whole clusters, and flipping their signs. Same seed, same data: the same bits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evalharness.stats.draws import Counts, sums_over
from evalharness.stats.proportions import Interval, t_quantile
from evalharness.stats.sample import Floats, Ints, Settings, without_noise

#: Rows of random signs made at once.
CHUNK = 500
NO_SPREAD = "no interval: no spread between independent cases"
EXACT_FLIPS_UP_TO = 16
#: Of the smallest total, into how many parts it may fall to make a step, and all totals together in steps; times the
#: number of different totals. Beyond that draws take less time: a tenth of a second.
MOST_PARTS, MOST_STEPS, MOST_TERMS = 12, 2**18, 2**20
#: A p value is never 0: tails this thin rest on the method's assumptions more than on data.
SMALLEST_P = 1e-12


def resampled_sums(columns: Floats, settings: Settings) -> Floats:
    """(B, k): sums of each column of ``columns`` (G clusters, k) over B draws of G clusters with replacement.

    Trials are never resampled within a case: the spread of case means already holds their noise, and a second stage
    would count it twice.
    """
    return settings.draws.sums(settings.seed, settings.n_resamples, columns)


def studentised(deviation: Floats, standard_error: Floats) -> Floats:
    """deviation / standard_error, +-inf where a draw has no spread, 0 where it does not deviate either."""
    t = np.where(deviation == 0, 0.0, np.copysign(np.inf, deviation))
    np.divide(deviation, standard_error, out=t, where=standard_error > 0)
    return t


def studentised_means(totals: Floats, sizes: Floats, settings: Settings) -> Floats:
    """(B, k): t of k means in each draw. ``totals`` (G, k) are cluster totals of deviations from the means.

    ``sizes`` (G, k) are the cases of a cluster that each mean is over, 0 where it has none of that cluster.
    """
    n_groups = (sizes > 0).sum(axis=0)
    columns = [totals, totals**2]
    single = bool((sizes <= 1).all())  # one case a cluster: squares and products of 0 and 1 add nothing
    full = bool((sizes == 1).all())
    if not full:
        columns += [sizes] if single else [sizes, totals * sizes, sizes**2]
    total, squares, *others = np.hsplit(resampled_sums(np.hstack(columns), settings), len(columns))
    size = np.full_like(total, len(sizes)) if full else others[0]
    cross, size_squares = (total, size) if single else others[1:]
    size = np.maximum(size, 1.0)
    shift = without_noise(total / size, np.abs(totals).max(axis=0))
    spread = without_noise(squares - 2 * shift * cross + shift**2 * size_squares, squares)
    return studentised(shift, np.sqrt(n_groups / np.maximum(1, n_groups - 1) * np.maximum(spread, 0.0)) / size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Studentised:
    """A point with its standard error (> 0) and the draws of (draw - point) / (standard error of the draw)."""

    point: float
    standard_error: float
    draws: Floats
    n_clusters: int

    def interval(self, level: float) -> Interval:
        """Bootstrap-t limits; t limits on a side where too many draws had no spread (fewer than about 4 clusters).

        Source: Efron and Tibshirani 1993, chapter 12; Davison and Hinkley 1997, section 5.2.
        """
        tail = (1 - level) / 2
        low, high = np.quantile(self.draws, (tail, 1 - tail), method="inverted_cdf")
        if not (np.isfinite(low) and np.isfinite(high) and low < 0 < high):
            high = t_quantile(level, self.n_clusters - 1)
            low = -high
        return self.point - float(high) * self.standard_error, self.point - float(low) * self.standard_error

    def p_value(self, null: float = 0.0) -> float:
        """Two-sided p of ``point == null`` from the same draws as the interval; at least 1/(B+1)."""
        t = (self.point - null) / self.standard_error
        hits = min(int((self.draws >= t).sum()), int((self.draws <= t).sum()))
        return min(1.0, 2 * (hits + 1) / (len(self.draws) + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class SignTest:
    """p of no difference and the least p that so many non-zero differences could have given."""

    p_value: float
    smallest_p: float
    method: str


def sign_flip(totals: Floats, settings: Settings) -> SignTest:
    """Two-sided test that ``totals`` (G cluster totals of differences) are symmetric about 0.

    All 2^m flips of the m non-zero totals where m <= 16 or the totals are multiples of one step, as those of scores
    with equal repeats are; else B random ones with p = (hits+1)/(B+1).
    Source: Fisher 1935; Phipson and Smyth 2010 for the +1.
    """
    moved = totals[totals != 0]
    m = len(moved)
    if m == 0:
        return SignTest(p_value=1.0, smallest_p=1.0, method="sign flip (no case moved)")
    observed = abs(float(moved.sum()))
    bar = observed - 1e-9 * float(np.abs(moved).sum())
    if m <= EXACT_FLIPS_UP_TO:
        bits = (np.arange(2**m)[:, None] >> np.arange(m)) & 1
        hits = int((np.abs((2.0 * bits - 1.0) @ moved) >= bar).sum())
        return SignTest(p_value=hits / 2**m, smallest_p=2.0 ** (1 - m), method="sign flip, exact")
    smallest = max(2.0 ** (1 - min(m, 1000)), SMALLEST_P)
    steps = _steps(moved)
    if steps is not None:
        p = max(_tail_of_flips(steps), SMALLEST_P)
        return SignTest(p_value=p, smallest_p=smallest, method="sign flip, exact")
    plus = sums_over(_signs(m, settings), moved[:, None])[:, 0]
    hits = int((np.abs(2.0 * plus - moved.sum()) >= bar).sum())
    floor = 1 / (settings.n_resamples + 1)
    p = (hits + 1) * floor
    return SignTest(p_value=p, smallest_p=max(smallest, floor), method=f"sign flip, {settings.n_resamples:,} draws")


def _steps(x: Floats) -> Ints | None:
    """``x`` (none of it 0) as multiples of one step; None where they have none that is coarse enough."""
    smallest = float(np.abs(x).min())
    for parts in range(1, MOST_PARTS + 1):
        multiples = x / (smallest / parts)
        whole = np.rint(multiples)
        if np.abs(whole).sum() > MOST_STEPS:
            return None
        if (np.abs(multiples - whole) <= 1e-9 * np.abs(multiples)).all():
            n_terms = len(np.unique(np.abs(whole))) * np.abs(whole).sum()
            return whole.astype(np.int64) if n_terms <= MOST_TERMS else None
    return None


def _tail_of_flips(steps: Ints) -> float:
    """P(|sum of +-steps| >= |sum of steps|): the characteristic function of the sum is a product of cosines, from which
    a Fourier transform gives the chance of every sum, each to about 1e-16."""
    observed = abs(int(steps.sum()))
    if observed == 0:
        return 1.0
    sizes, counts = np.unique(np.abs(steps), return_counts=True)
    n = 1 << (2 * int(sizes @ counts) + 1).bit_length()
    angles = 2 * np.pi / n * np.arange(n // 2 + 1)
    transform = np.ones_like(angles)
    for size, count in zip(sizes.tolist(), counts.tolist(), strict=True):
        transform *= np.cos(size * angles) ** count
    chances = np.fft.irfft(transform, n)
    return min(1.0, 2 * max(0.0, float(chances[observed : n // 2].sum())))


def _signs(m: int, settings: Settings) -> Iterator[Counts]:
    """Blocks of (rows, m) random 0 and 1, B rows in all."""
    rng = np.random.default_rng(settings.seed)
    for start in range(0, settings.n_resamples, CHUNK):
        rows = min(CHUNK, settings.n_resamples - start)
        packed = rng.integers(0, 256, size=(rows, (m + 7) // 8), dtype=np.uint8)
        yield np.unpackbits(packed, axis=1, count=m)
