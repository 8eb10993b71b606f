"""Trials in the order of time, cut into blocks: the independent units of what a service does by the minute.

A stall hits the trials that are in flight together, and a busy minute all trials of it. Trials are therefore not
independent, but blocks of them that are long against such spells nearly are. Labelled by block, a sample of trials goes
through the same functions as one of cases in clusters: variance between blocks, effective number, t factor.
"""

from __future__ import annotations

import math

import numpy as np

from evalharness.stats.sample import Floats, Ints, Sample, sample_of

FEWEST_BLOCKS = 10


def block_length(n: int, in_flight: float) -> int:
    """How many of ``n`` trials make a block: sqrt(n), at least twice those ``in_flight``, but ten blocks or more.

    Longer than the n^(1/3) that a moving-block bootstrap would take: with a lag-1 correlation of .8 intervals at
    n^(1/3) cover the truth in 84 to 88% of the runs, at sqrt(n) in 92 to 95%, for a tenth of the effective number where
    trials are independent. Source: Flegal and Jones 2010, Annals of Statistics 38:1034 (batch means of sqrt(n)).
    """
    wanted = max(math.isqrt(max(n, 1)), math.ceil(2 * in_flight))
    return max(1, min(wanted, n // FEWEST_BLOCKS))


def block_labels(n: int, n_blocks: int) -> Ints:
    """(n) labels 0 to ``n_blocks`` - 1 of blocks of neighbours, whose sizes differ by one at most."""
    return np.arange(n, dtype=np.int64) * n_blocks // max(n, 1)


def sample_in_time(values: Floats, in_flight: float) -> Sample:
    """Trials in the order they were sent as a sample whose unit is the trial: each its own case, blocks the clusters.

    NaN and +inf as in ``Sample``.
    """
    n = len(values)
    return sample_of(values, np.arange(n), block_labels(n, n // block_length(n, in_flight)), unit="trial")
