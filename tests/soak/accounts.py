"""A run's store against the log of the server that it asked: whether any trial or request is lost, or told twice."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalharness.core.model import Status
from evalharness.core.record import RunRecord, TrialResult
from evalharness.core.units import NS_PER_MS


@dataclass(frozen=True)
class Accounts:
    """``statuses``: of all planned trials. ``n_lost``: trials in no state, or without an answer although the server was
    asked; those that time left no room for were not. ``n_unlike``: calls of which the server saw another number of
    requests than attempts are stored. ``unexplained``: failures whose last request met no fault, by kind and words.
    ``n_faults``: requests that met one. ``lag_p99_ms``: the longest wait of arrived bytes in an attempt, 99th
    percentile over attempts."""

    n_planned: int
    statuses: Counter[str]
    n_lost: int
    n_requests: int
    n_faults: int
    n_unlike: int
    unexplained: Counter[str]
    lag_p99_ms: float | None
    loop_p99_ms: float | None


def accounts(run: RunRecord, log: Path) -> Accounts:
    requests: Counter[str] = Counter()
    last: dict[str, tuple[int, str | None]] = {}
    n_faults = 0
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            if entry["client_request_id"]:
                trial = entry["client_request_id"].split(".")[1]
                requests[trial] += 1
                # Lines are in the order in which the server was done with them.
                last[trial] = max(last.get(trial, (0, None)), (entry["read_ns"], entry["fault"]))
                n_faults += entry["fault"] is not None
    lags_ms = [
        attempt.observed.max_lag_ns / NS_PER_MS
        for result in run.results.values()
        for call in result.calls
        for attempt in call.attempts
        if attempt.observed is not None
    ]
    results = {trial.trial_id: run.results.get(trial.trial_id) for trial in run.plan.trials}
    return Accounts(
        n_planned=len(results),
        statuses=Counter(str(result.status) for result in results.values() if result is not None),
        n_lost=sum(
            result is None or (result.status is Status.PENDING and requests[trial_id] > 0)
            for trial_id, result in results.items()
        ),
        n_requests=sum(requests.values()),
        n_faults=n_faults,
        n_unlike=sum(
            requests[trial_id] != _n_sent(result) for trial_id, result in results.items() if result is not None
        ),
        unexplained=Counter(
            f"{result.failure.kind}: {result.failure.message[:60]}"
            for trial_id, result in results.items()
            if result is not None and result.failure is not None and last.get(trial_id, (0, None))[1] is None
        ),
        lag_p99_ms=float(np.quantile(lags_ms, 0.99)) if lags_ms else None,
        loop_p99_ms=_loop_p99_ms(run),
    )


def _n_sent(result: TrialResult) -> int:
    """One more where a request went out again on a new connection: the simulator reads it before it resets."""
    n_attempts = sum(len(call.attempts) for call in result.calls)
    return n_attempts + ("resent" in result.anomalies or any("resent" in call.anomalies for call in result.calls))


def _loop_p99_ms(run: RunRecord) -> float | None:
    """Upper end of the power of two in which the 99th percentile of the event loop's absences lies."""
    counts: Counter[int] = Counter()
    for observer in run.observers:
        counts.update(observer.loop_lag_counts)
    left = 0.01 * sum(counts.values())
    for size in sorted(counts, reverse=True):
        left -= counts[size]
        if left < 0:
            return 2.0 ** (size + 1) / NS_PER_MS
    return None
