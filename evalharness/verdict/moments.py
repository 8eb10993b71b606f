"""When each trial of a run was meant to start, was sent and ended, on one clock without the pauses between sessions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalharness.core.units import NS_PER_S
from evalharness.metrics.facts import Facts
from evalharness.metrics.table import Bools, Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """Columns of the table's length (N), NaN where a trial did not get there.

    ``intended_s`` and ``ended_s`` from the run's first start, ``lag_ms`` from the intended start to sending without the
    time the connection took to set up and without a pause that the service caused: how late the client was. A trial
    was sent when it has a call, also where no connection came about. ``n_calls`` counts the calls of the trial itself,
    without its judges'.
    """

    intended_s: Floats
    ended_s: Floats
    lag_ms: Floats
    n_calls: Floats

    def sent(self, rows: Bools) -> Bools:
        return rows & ~np.isnan(self.intended_s)

    def ended(self, rows: Bools) -> Bools:
        return rows & ~np.isnan(self.ended_s)

    def wall_s(self, rows: Bools) -> float | None:
        """First intended start to last end of ``rows``; None where nothing ended or it took no time."""
        ended = self.ended(rows)
        if not ended.any():
            return None
        wall_s = float(self.ended_s[ended].max() - self.intended_s[self.sent(rows)].min())
        return wall_s if wall_s > 0 else None

    def in_flight(self, rows: Bools) -> float | None:
        """Mean number of trials between intended start and end (Little's law); None as ``wall_s``."""
        wall_s, ended = self.wall_s(rows), self.ended(rows)
        return None if wall_s is None else float((self.ended_s[ended] - self.intended_s[ended]).sum()) / wall_s

    def in_flight_at(self, rows: Bools, at_s: float) -> int:
        """How many trials of ``rows`` were between intended start and end, never ended ones included."""
        return int((rows & (self.intended_s <= at_s) & ~(self.ended_s <= at_s)).sum())

    def begun_s(self, rows: Bools) -> Floats:
        """When the client was ready to send the trials of ``rows`` that were sent, from the run's first start."""
        began = rows & ~np.isnan(self.lag_ms)
        return np.asarray(self.intended_s[began] + self.lag_ms[began] / 1_000)


def moments_of(facts: Facts, n_sessions: int) -> Moments:
    """The wall clock places trials: a resumed run has two monotonic ones."""
    known = facts.n_calls > 0
    origin_ns = facts.first_utc_ns[known].min() if known.any() else 0
    start_s = np.where(known, (facts.first_utc_ns - origin_ns) / NS_PER_S, np.nan)
    intended_s, ended_s = without_pauses(start_s, start_s + facts.took_s, n_sessions - 1)
    return Moments(
        intended_s=intended_s,
        ended_s=ended_s,
        lag_ms=facts.lag_ms,
        n_calls=facts.n_calls.astype(np.float64),
    )


def without_pauses(intended_s: Floats, ended_s: Floats, n_pauses: int) -> tuple[Floats, Floats]:
    """The same moments with the ``n_pauses`` longest spells in which nothing was in flight cut out.

    A run of k sessions had k - 1 pauses, of minutes or days; between the trials of a session are shorter ones.
    """
    known = ~np.isnan(intended_s)
    if n_pauses < 1 or known.sum() < 2:
        return intended_s, ended_s
    order = np.argsort(intended_s[known], kind="stable")
    starts = intended_s[known][order]
    busy_until = np.maximum.accumulate(np.fmax(ended_s[known][order], starts))
    idle = np.maximum(0.0, starts[1:] - busy_until[:-1])
    pauses = np.sort(np.argsort(idle, kind="stable")[-n_pauses:])
    after, lengths = starts[1:][pauses], idle[pauses]
    removed = np.concatenate([[0.0], np.cumsum(lengths)])[np.searchsorted(after, intended_s, side="right")]
    return intended_s - removed, ended_s - removed
