"""Where the total time of trials went: parts that follow one another and add up."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from evalharness.core.findings import Part, TimeDivision
from evalharness.metrics.table import Bools, Floats
from evalharness.stats.quantiles import ordered
from evalharness.verdict.view import RunView

#: Differences of times in milliseconds below this are rounding: stamps count nanoseconds.
ROUNDING_MS = 1e-6


def time_division(view: RunView, rows: Bools) -> TimeDivision | None:
    """Over the trials of ``rows`` that ended with an answer; None without one.

    A connection's set-up lies before the sending of its attempt: in the client's wait with one attempt, else among the
    retries. Pauses that the service caused count as retries, whichever call was refused. What a service does not
    send apart (no stream, no reasoning shown) is in ``waiting``.
    """
    columns = view.table.metrics
    use = rows & ~np.isnan(columns["total_ms"]) & ~np.isnan(columns["latency_ms"]) & ~np.isnan(columns["queue_ms"])
    if not use.any():
        return None
    parts = _parts({name: column[use] for name, column in columns.items()}, view.moments.n_calls[use] > 1)
    present = {name: part for name, part in parts.items() if name not in ("earlier", "reasoning") or part.any()}
    return TimeDivision(
        n_trials=int(use.sum()),
        total=_part(view, use, columns["total_ms"][use]),
        parts={name: _part(view, use, part) for name, part in present.items()},
        reasoning_hidden=_reasoning_hidden({name: column[use] for name, column in columns.items()}),
    )


def _parts(columns: Mapping[str, Floats], several_calls: Bools) -> Mapping[str, Floats]:
    latency = columns["latency_ms"]
    first_output = np.where(np.isnan(columns["ttfo_ms"]), latency, columns["ttfo_ms"])
    first_token = np.fmin(np.where(np.isnan(columns["ttft_ms"]), latency, columns["ttft_ms"]), first_output)
    connect = np.nan_to_num(columns["connect_ms"])
    before = columns["total_ms"] - columns["queue_ms"] - latency
    before = np.where(np.abs(before) < ROUNDING_MS, 0.0, before)
    # Of one attempt all that is left is a pause; of several also the time of those that failed.
    besides_pauses = before - columns["wait_ms"]
    retried = ~several_calls & (np.where(besides_pauses < ROUNDING_MS, 0.0, besides_pauses) > connect)
    return {
        "earlier": np.where(several_calls, before, 0.0),
        "queue": columns["queue_ms"] - np.where(retried, 0.0, connect),
        "connect": connect,
        "retry": np.where(several_calls, 0.0, before - np.where(retried, connect, 0.0)),
        "waiting": first_token,
        "reasoning": first_output - first_token,
        "answer": latency - first_output,
    }


def _reasoning_hidden(columns: Mapping[str, Floats]) -> bool:
    return bool(np.isnan(columns["ttfr_ms"]).all() and np.nansum(columns["reasoning_tokens"]) > 0)


def _part(view: RunView, use: Bools, values_ms: Floats) -> Part:
    """The median is that of every other table: a measured value, and cases weigh equally."""
    column = np.full(len(use), np.nan)
    column[use] = values_ms
    order = ordered(view.times(column, use))
    assert order is not None  # of no trial there is no division
    return Part(mean_ms=float(values_ms.mean()), median_ms=order.at(0.5))
