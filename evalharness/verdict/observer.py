"""How well did the client see what it measured? From what each attempt and each session say of themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

import numpy as np

from evalharness.core.findings import ArmFindings, Mark, ObserverFindings, Spread, TimeFindings
from evalharness.core.record import ObserverRecord
from evalharness.core.units import NS_PER_MS, NS_PER_S
from evalharness.metrics.catalog import CATALOG
from evalharness.metrics.table import Floats
from evalharness.verdict.late_starts import late_starts
from evalharness.verdict.remarks import named
from evalharness.verdict.sightings import Sightings
from evalharness.verdict.spread import COARSE_SHARE, spread
from evalharness.verdict.view import RunView

#: Metrics whose stated error is printed.
STATED = ("ttfo_ms", "latency_ms")
_MAIN = ("0.5", "0.95")


def observer_findings(view: RunView, arms: Sequence[ArmFindings]) -> ObserverFindings | None:
    """None where neither an attempt nor a session was observed, and no open loop says how late its starts were."""
    seen = view.gathered.sightings
    sessions = view.run.observers
    lag = spread(view.moments.lag_ms) if view.suite.load.is_open else None
    if not seen.n_seen and not sessions and lag is None:
        return None
    errors = {name: spread(view.table.errors[name]) for name in STATED}
    marked = tuple(mark for place, arm in enumerate(arms) for mark in _marks(view, place, arm, arms))
    return ObserverFindings(
        n_attempts=seen.n_seen,
        sources=seen.sources,
        send=spread(seen.send_ms),
        errors={name: error for name, error in errors.items() if error is not None},
        read_lag=spread(seen.max_lag_ms),
        loop_lag=_loop_lag(sessions),
        coalesced_share=seen.coalesced_share,
        dispatch_lag=lag,
        routes=_routes(sessions),
        loops=tuple(dict.fromkeys(session.loop for session in sessions)),
        n_workers=max((session.n_workers for session in sessions), default=0),
        notes=(
            *dict.fromkeys(chain.from_iterable(session.notes for session in sessions)),
            *_unseen(seen, sessions),
        ),
        clock_steps_ms=tuple(step / NS_PER_MS for session in sessions for step in session.clock_steps_ns),
        suspended_s=sum(session.suspended_ns for session in sessions) / NS_PER_S,
        marked=marked,
        coarse=_coarse(marked, arms),
    )


def _unseen(seen: Sightings, sessions: Sequence[ObserverRecord]) -> Iterable[str]:
    """Times without a stated error must not pass for times without an error. Runs of earlier versions stated none and
    recorded no session."""
    if sessions and seen.n_unseen:
        of = f"Of {seen.n_unseen:,} of {seen.n_seen + seen.n_unseen:,} calls" if seen.n_seen else "Of all calls"
        yield (
            f"{of} it is not known how far off their times are through this client: arrivals were dated by this "
            "program when it read them, and nothing says how late that was."
        )


def _loop_lag(sessions: Sequence[ObserverRecord]) -> Spread | None:
    """From counts by the binary logarithm of nanoseconds; each at the upper end of its bin."""
    counts: Counter[int] = Counter()
    for session in sessions:
        counts.update(session.loop_lag_counts)
    bins = sorted(key for key, count in counts.items() if count > 0)
    if not bins:
        return None
    upto = np.cumsum([counts[key] for key in bins])
    ends_ms = [2.0 ** (key + 1) / NS_PER_MS for key in bins]
    p50_ms, p99_ms = (ends_ms[int(np.searchsorted(upto, q * upto[-1]))] for q in (0.5, 0.99))
    return Spread(p50_ms=p50_ms, p99_ms=p99_ms, max_ms=ends_ms[-1], n=int(upto[-1]))


def _routes(sessions: Sequence[ObserverRecord]) -> Mapping[str, tuple[str, ...]]:
    """All ways an endpoint was reached, in the order of sessions: a resumed run may have taken another."""
    routes: dict[str, dict[str, None]] = {}
    for session in sessions:
        for endpoint, route in session.routes.items():
            routes.setdefault(endpoint, {})[route] = None
    return {endpoint: tuple(ways) for endpoint, ways in routes.items()}


def _marks(view: RunView, place: int, arm: ArmFindings, arms: Sequence[ArmFindings]) -> Iterable[Mark]:
    rows = view.rows(place)
    for metric, errors in view.table.errors.items():
        error, times = spread(errors[rows]), arm.times.get(metric)
        told = times.quantiles.get("0.5") if times else None
        median_ms = told.point if told else _median_ms(view.table.metrics[metric][rows])
        if error is None or not median_ms:
            continue
        share = _share(times, error, median_ms)
        if share > COARSE_SHARE:
            yield Mark(arm_id=arm.arm_id, metric=metric, error_p99_ms=error.p99_ms, median_ms=median_ms, share=share)
    lag = spread(view.moments.lag_ms[rows]) if view.suite.load.is_open else None
    latency_ms, total_ms = (_median_ms(view.table.metrics[name][rows]) for name in ("latency_ms", "total_ms"))
    late = late_starts(view.moments.lag_ms[rows], latency_ms)
    if lag is not None and late is not None and total_ms:
        of_arm = f" of {named([arm], arms)}" if len(arms) > 1 else ""
        yield Mark(
            arm_id=arm.arm_id,
            metric="total_ms",
            error_p99_ms=lag.p99_ms,
            median_ms=total_ms,
            share=lag.p99_ms / total_ms,
            late_start=f"{CATALOG['total_ms'].title}{of_arm} holds a delay of the client itself: {late.words()}.",
        )


def _share(times: TimeFindings | None, error: Spread, median_ms: float) -> float:
    """``Mark.share``."""
    if times is None:
        return error.p99_ms / median_ms
    figures = {q: estimate.point for q in _MAIN if (estimate := times.quantiles.get(q)) and estimate.point > 0}
    return max(((times.error_ms(q) or 0.0) / point for q, point in figures.items()), default=0.0)


def _coarse(marks: Sequence[Mark], arms: Sequence[ArmFindings]) -> str:
    """All metrics in one sentence, the least exact first, of several arms the one whose times are least exact."""
    worst: dict[str, Mark] = {}
    known = [mark for mark in marks if not mark.late_start]  # late starts: rates not kept
    for mark in sorted(known, key=lambda mark: -mark.share):
        worst.setdefault(mark.metric, mark)
    if not worst:
        return ""
    listed = "; ".join(_mark_words(mark, arms) for mark in worst.values())
    return f"Some times are coarse. Their median or p95 may be off through this client, at most: {listed}."


def _mark_words(mark: Mark, arms: Sequence[ArmFindings]) -> str:
    """``latency by 2.4%``; with several arms the arm too."""
    title = CATALOG[mark.metric].title
    of_arm = f" of {named([arm for arm in arms if arm.arm_id == mark.arm_id], arms)}" if len(arms) > 1 else ""
    size = f"{mark.share:.{1 if mark.share < 0.1 else 0}%}" if mark.share <= 1 else "more than itself"
    return f"{title[:1].lower()}{title[1:]}{of_arm} by {size}"


def _median_ms(values_ms: Floats) -> float | None:
    known = values_ms[~np.isnan(values_ms)]
    return float(np.median(known)) if len(known) else None
