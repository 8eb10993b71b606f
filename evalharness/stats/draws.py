"""Draws of whole clusters with replacement, made once for all figures of an analysis, and sums over them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Floats: TypeAlias = npt.NDArray[np.float64]
Counts: TypeAlias = npt.NDArray[np.uint8]

#: Counts kept at once, in bytes: 10,000 draws of 25,000 clusters. What does not fit is drawn anew for each use.
KEPT_BYTES = 250_000_000
#: Counts drawn at once, before they shrink to a byte each.
CHUNK = 1_000_000
#: A product of this many multiplications stays on one thread of OpenBLAS. Waiting for a second one, where cores are
#: shared, made the sums four times slower.
TILE = 2**18
TILE_ROWS = 64
#: From so many clusters on 12 digits are enough: a second part would double the products, the dearest step of all.
MANY = 1_000


class Draws:
    """How often each cluster is in each draw. The counts depend on seed and numbers alone, so keeping them only saves
    time: some sixty figures of a report are drawn from the same counts."""

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int, int], tuple[Counts, ...]] = {}

    def sums(self, seed: int, n_draws: int, columns: Floats) -> Floats:
        """(draws, k) sums of each of ``columns`` (clusters, k) over the clusters of each draw.

        Of many clusters what most of them have is added once and not summed: a column of sizes, or of right and wrong,
        then has sums of whole numbers, and a column of equal values needs none. No draw of many is without the usual.
        """
        if len(columns) < MANY:
            return sums_over(self.counts(seed, n_draws, len(columns)), columns)
        usual = np.partition(columns, len(columns) // 2, axis=0)[len(columns) // 2]
        beyond = columns - usual
        varying = np.flatnonzero(beyond.any(axis=0))
        sums: Floats = np.tile(len(columns) * usual, (n_draws, 1))
        if len(varying):
            sums[:, varying] += sums_over(self.counts(seed, n_draws, len(columns)), beyond[:, varying])
        return sums

    def counts(self, seed: int, n_draws: int, n_clusters: int) -> Iterator[Counts]:
        """Blocks of (rows, clusters), ``n_draws`` rows in all; each row sums to ``n_clusters``."""
        if n_draws * n_clusters > KEPT_BYTES:
            yield from _drawn(seed, n_draws, n_clusters)
            return
        key = (seed, n_draws, n_clusters)
        blocks = self._kept.pop(key, None)
        if blocks is None:
            self._make_room(n_draws * n_clusters)
            blocks = tuple(_drawn(seed, n_draws, n_clusters))
        self._kept[key] = blocks  # last in the order of use
        yield from blocks

    def _make_room(self, n_bytes: int) -> None:
        while self._kept and n_bytes + sum(rows * clusters for _, rows, clusters in self._kept) > KEPT_BYTES:
            del self._kept[next(iter(self._kept))]


def _drawn(seed: int, n_draws: int, n_clusters: int) -> Iterator[Counts]:
    """The size of the blocks does not change what is drawn. Bincount: gathering rows would be four times slower.

    One byte is enough: that one of many clusters comes up 256 times has a chance below 1e-500.
    """
    rng = np.random.default_rng(seed)
    step = max(1, CHUNK // n_clusters)
    for start in range(0, n_draws, step):
        rows = min(step, n_draws - start)
        drawn = rng.integers(0, n_clusters, size=(rows, n_clusters), dtype=np.int64)
        drawn += (np.arange(rows) * n_clusters)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * n_clusters)
        yield counts.reshape(rows, n_clusters).astype(np.uint8)


def sums_over(blocks: Iterator[Counts], columns: Floats) -> Floats:
    """(rows, k) sums of each of ``columns`` (n, k), weighted by each row of counts.

    The last bits of a matrix product depend on the order of its additions, which a BLAS chooses by its threads and
    kernels. Here every addition is exact, so that the order cannot matter: each value is rounded to so few bits that no
    sum is ever rounded, which are 12 digits of the largest of 1,000 values. Of fewer values a second part has the bits
    that the first leaves: where a draw may miss all large values, the spread of the small ones counts.
    Source: error-free splitting of Ozaki, Ogita, Oishi and Rump 2012.
    """
    coarse = _rounded(columns)
    if len(columns) >= MANY:
        return np.concatenate([_products(counts, coarse) for counts in blocks])
    fine = _rounded(columns - coarse)
    uneven = np.flatnonzero(fine.any(axis=0))
    parts = np.hstack([coarse, fine[:, uneven]])
    sums = np.concatenate([_products(counts, parts) for counts in blocks])
    k = columns.shape[1]
    total = sums[:, :k]
    total[:, uneven] += sums[:, k:]
    return total


def _rounded(columns: Floats) -> Floats:
    """Each value at so many leading bits of its column's largest that sums over a draw fit into 53 bits."""
    bits = 53 - (len(columns) - 1).bit_length()
    shift = bits - np.frexp(np.abs(columns).max(axis=0))[1]
    rounded: Floats = np.ldexp(np.rint(np.ldexp(columns, shift)), -shift)
    return rounded


def _products(counts: Counts, parts: Floats) -> Floats:
    """counts @ parts, by tiles that no BLAS hands to several threads."""
    sums = np.zeros((len(counts), parts.shape[1]))
    step = max(1, TILE // (TILE_ROWS * parts.shape[1]))
    room = np.empty((TILE_ROWS, step))  # once: new memory for each tile costs more than filling it
    for row in range(0, len(counts), TILE_ROWS):
        for start in range(0, len(parts), step):
            tile = counts[row : row + TILE_ROWS, start : start + step]
            weights = room[: tile.shape[0], : tile.shape[1]]
            weights[:] = tile
            sums[row : row + TILE_ROWS] += weights @ parts[start : start + step]
    return sums
