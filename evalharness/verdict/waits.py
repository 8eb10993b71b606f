"""The times of an arm or of a stretch of load: quantiles, their distribution, and blocks in the order of sending."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from evalharness.core.failure import FailureKind
from evalharness.core.findings import Estimate, TimeFindings
from evalharness.core.model import Status
from evalharness.metrics.table import Bools
from evalharness.stats.quantiles import distribution, estimate_quantile, ordered
from evalharness.verdict.spread import spread
from evalharness.verdict.view import RunView

#: In the order of pages. Connection set-up is no time of a trial: most have none.
TIME_METRICS = (
    "ttfo_ms",
    "total_ms",
    "gap_ms",
    "ttfe_ms",
    "ttfr_ms",
    "ttft_ms",
    "latency_ms",
    "tpot_ms",
    "queue_ms",
    "wait_ms",
)
QUANTILES = ("0.5", "0.9", "0.95", "0.99")
#: Given only where the calls are enough for an upper limit of it.
FARTHEST = "0.999"
BLOCKS = 24
FEWEST_PER_BLOCK = 5


def times(view: RunView, arm: int) -> Mapping[str, TimeFindings]:
    """Every time metric that was measured at least once in the arm."""
    return times_of(view, TIME_METRICS, view.rows(arm))


def times_of(view: RunView, names: Sequence[str], rows: Bools) -> Mapping[str, TimeFindings]:
    """Those of the time metrics ``names`` that were measured at least once in ``rows`` of the table."""
    found = {name: _time(view, name, rows) for name in names}
    return {name: finding for name, finding in found.items() if finding is not None}


def _time(view: RunView, name: str, rows: Bools) -> TimeFindings | None:
    column = view.table.described(name)
    sample = view.times(column, rows)
    finite = sample.values[np.isfinite(sample.values)]
    if not len(finite):
        return None
    quantiles = {q: estimate_quantile(sample, float(q), view.settings) for q in QUANTILES}
    farthest = estimate_quantile(sample, float(FARTHEST), view.settings)
    if farthest is not None and farthest.upper is not None:
        quantiles[FARTHEST] = farthest
    curve = distribution(sample, view.settings)
    failed = rows & view.table.has_status(Status.ERROR)
    answered = rows & ~failed & ~view.table.has_status(Status.PENDING)
    return TimeFindings(
        metric=name,
        quantiles=quantiles,
        n_measured=len(finite),
        n_failed=int((~np.isfinite(column[failed])).sum()),
        n_without=int(np.isnan(column[answered]).sum()),
        unreached=tuple(q for q, estimate in quantiles.items() if estimate is None),
        mean_given_success=float(finite.mean()),
        ecdf_x=curve.values if curve else (),
        ecdf_y=curve.shares if curve else (),
        band=curve.band if curve else None,
        error_p99_ms=_error_p99_ms(view, name, rows),
        errors_ms=_errors_ms(view, name, rows, quantiles),
    )


def _error_p99_ms(view: RunView, name: str, rows: Bools) -> float | None:
    errors = view.table.errors.get(name)
    stated = None if errors is None else spread(errors[rows])
    return None if stated is None else stated.p99_ms


def _errors_ms(view: RunView, name: str, rows: Bools, quantiles: Mapping[str, Estimate | None]) -> Mapping[str, float]:
    """By q how far each of ``quantiles`` may be off, as ``TimeFindings.errors_ms``.

    Each true time lies within its stated error, so that a true quantile lies between that of all times less their
    errors and that of all times plus theirs. A trial that states none counts as nearly the worst that do.
    """
    points = {q: estimate.point for q, estimate in quantiles.items() if estimate is not None}
    column, errors = view.table.described(name), view.table.errors.get(name)
    if errors is None or not points:
        return {}
    stated = errors[rows & np.isfinite(column) & ~np.isnan(errors)]
    if not len(stated):
        return {}
    most = float(stated.max())
    known = np.where(np.isnan(errors), np.quantile(stated, 0.99), errors)
    early, late = (ordered(view.times(np.maximum(column + known * sign, 0.0), rows)) for sign in (-1, 1))
    assert early is not None and late is not None  # there are points
    return {q: min(most, max(late.at(float(q)) - point, point - early.at(float(q)))) for q, point in points.items()}


def rates(view: RunView, arm: int) -> Mapping[str, Estimate | None]:
    """Medians of the two token rates."""
    names = ("visible_tokens_per_s", "output_tokens_per_s")
    return {name: estimate_quantile(view.metric(name, arm), 0.5, view.settings, unit="tokens/s") for name in names}


def drift_blocks(view: RunView, arm: int) -> tuple[float | None, ...]:
    """Medians of ``total_ms`` in up to 24 equal blocks of sent trials in time order; None where half of a block failed.

    Empty below two blocks of five.
    """
    total_ms = view.table.timed("total_ms")
    # The lower median: the mean of the two middle ones would be infinite as soon as one of them failed.
    medians = [float(np.quantile(total_ms[block], 0.5, method="lower")) for block in _blocks(view, arm)]
    return tuple(median if np.isfinite(median) else None for median in medians)


def retry_blocks(view: RunView, arm: int) -> tuple[int, ...]:
    """Of each block of ``drift_blocks``: how many trials were tried again or turned away (429)."""
    facts = view.table.facts
    refused = np.array([said.ended_by == FailureKind.RATE_LIMIT for said in facts.sayings], dtype=np.bool_)[facts.said]
    return tuple(int(((facts.n_retries[block] > 0) | refused[block]).sum()) for block in _blocks(view, arm))


def _blocks(view: RunView, arm: int) -> list[NDArray[np.intp]]:
    """Rows of the sent trials with a total time, in time order and equal blocks."""
    sent = np.flatnonzero(view.rows(arm) & (view.table.sent_rank >= 0))
    ordered = sent[np.argsort(view.table.sent_rank[sent])]
    timed = ordered[~np.isnan(view.table.timed("total_ms")[ordered])]
    n_blocks = min(BLOCKS, len(timed) // FEWEST_PER_BLOCK)
    return np.array_split(timed, n_blocks) if n_blocks > 1 else []
