"""A run's exported trials against the log of the server that answered them, call by call. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.bench.units import NS_PER_MS

Milliseconds = npt.NDArray[np.float64]
#: Names as in an export. All but the last have a stated error there; that of the last follows from its two ends.
METRICS = ("ttft_ms", "ttfo_ms", "latency_ms", "tpot_ms")
_US_PER_MS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One metric, one entry per call: what the run says, what the log says, and how far off the run says it may be.

    The log knows when a write began and how long it took: the truth lies between ``true_ms - early_ms`` and
    ``true_ms + late_ms``.
    """

    said_ms: Milliseconds
    true_ms: Milliseconds
    early_ms: Milliseconds
    late_ms: Milliseconds
    stated_ms: Milliseconds

    @property
    def error_ms(self) -> Milliseconds:
        """By how much the run missed the span in which the truth lies."""
        off_ms = self.said_ms - self.true_ms
        return np.maximum(np.maximum(-off_ms - self.early_ms, off_ms - self.late_ms), 0)

    @property
    def within_share(self) -> float:
        return float(np.mean(self.error_ms <= self.stated_ms))


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """``n_failed``: trials without an answer. ``n_unstated``: answers whose error the run does not know.
    ``late_ms``: how late the server itself was, an entry per event."""

    metrics: Mapping[str, Compared]
    n_calls: int
    n_failed: int
    n_unstated: int
    n_tokens_differ: int
    late_ms: Milliseconds


def agreement(
    trials: Sequence[Mapping[str, Any]], log: Sequence[Mapping[str, Any]], *, key: str = "request_id"
) -> Agreement:
    """``trials``: lines of an export; ``log``: lines of the truth log. Joined on ``key``: the id of the response's head
    or that of the response itself.

    Raises:
        KeyError: a call was answered that the log does not know.
    """
    by_id = {line[key]: line for line in log}
    answered = [trial for trial in trials if trial["status"] == "ok"]
    pairs = [(trial, by_id[trial[key]]) for trial in answered]
    stated = [pair for pair in pairs if pair[0]["timing"]["ttft_error_ms"] is not None]
    rows: dict[str, list[tuple[float, ...]]] = {name: [] for name in METRICS}
    for trial, line in stated:
        for name, row in _rows(trial, line):
            rows[name].append(row)
    return Agreement(
        metrics={name: _compared(found) for name, found in rows.items() if found},
        n_calls=len(answered),
        n_failed=len(trials) - len(answered),
        n_unstated=len(pairs) - len(stated),
        n_tokens_differ=sum(trial["usage"]["output_tokens"] != line["output_tokens"] for trial, line in pairs),
        late_ms=np.array([(sent - due) / NS_PER_MS for _, line in pairs for _, due, sent, _ in line["events"]]),
    )


def _rows(trial: Mapping[str, Any], line: Mapping[str, Any]) -> Iterator[tuple[str, tuple[float, ...]]]:
    """(metric, (said, true, early, late, stated)) of one call."""
    timing, read_ns = trial["timing"], line["read_ns"]
    writes = [
        ((sent_ns - read_ns) / NS_PER_MS, (took_us or 0) / _US_PER_MS) for _, _, sent_ns, took_us in line["events"]
    ]
    deltas = [write for write, event in zip(writes, line["events"], strict=True) if event[0].endswith(".delta")]
    (first_ms, first_took_ms), (last_ms, last_took_ms), (end_ms, end_took_ms) = deltas[0], deltas[-1], writes[-1]
    for name in ("ttft_ms", "ttfo_ms"):
        yield name, (timing[name], first_ms, 0, first_took_ms, timing[name.replace("_ms", "_error_ms")])
    yield "latency_ms", (timing["latency_ms"], end_ms, 0, end_took_ms, timing["latency_error_ms"])
    if timing["tpot_ms"] is not None:
        following = trial["usage"]["output_tokens"] - trial["usage"]["reasoning_tokens"] - 1
        # The last delta is dated by itself, with the end, or in a read that gathered several.
        ends_ms = timing["ttfo_error_ms"] + timing["latency_error_ms"] - 2 * timing["send_ms"]
        ends_ms += timing["max_lag_ms"] if timing["n_coalesced"] else 0
        row = (last_ms - first_ms, first_took_ms, last_took_ms, ends_ms)
        true_ms, early_ms, late_ms, stated_ms = (value / following for value in row)
        yield "tpot_ms", (timing["tpot_ms"], true_ms, early_ms, late_ms, stated_ms)


def _compared(rows: Sequence[tuple[float, ...]]) -> Compared:
    said, true, early, late, stated = np.array(rows, dtype=np.float64).T
    return Compared(said_ms=said, true_ms=true, early_ms=early, late_ms=late, stated_ms=stated)
