"""A client's stamps against the truth of the same run: every error as a column. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.bench.race import Heat
from tests.bench.servers.answers import Answer
from tests.bench.servers.truth import TrueCall

Nanoseconds = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Errors:
    """In nanoseconds, client minus truth. ``arrival``: one row per call, a column per delta. ``sure`` (arrivals) and
    ``gap`` (between deltas): without the calls whose client itself says that it read several deltas, or the last one
    and the end, at once (coalesced).

    ``arrival``: stamp minus the server's write. ``ttft``: the client's TTFT minus (write minus receipt); ``delivery``
    is its part that the request's way makes up. ``end``: the same for the end of the answer. ``mean_gap``: per call, of
    all; ``sure_mean_gap``: of the same calls as ``gap``.
    ``lateness``: the server's own, write minus due. ``write_took``: how long its writes took, the doubt in the truth.
    """

    arrival: Nanoseconds
    sure: Nanoseconds
    ttft: Nanoseconds
    delivery: Nanoseconds
    end: Nanoseconds
    gap: Nanoseconds
    mean_gap: Nanoseconds
    sure_mean_gap: Nanoseconds
    lateness: Nanoseconds
    write_took: Nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Stated:
    """What a client said of its own error, one entry per call, beside what it was. In nanoseconds.

    ``missed``: by how much the first delta's stamp lies outside of the time the server's write took. ``ttft_bound``
    adds the time the sending took, within which the request arrived.
    """

    bound: Nanoseconds
    missed: Nanoseconds
    ttft_bound: Nanoseconds
    ttft_missed: Nanoseconds
    n_coalesced: int
    n_gaps: int
    max_lag_ns: float
    sources: tuple[str, ...]


def errors_of(heat: Heat, answer: Answer) -> Errors:
    pairs = _pairs(heat)
    place = answer.delta_writes
    stamps = np.array([_delta_stamps(call, answer, heat.summary["unit"]) for call, _ in pairs], dtype=np.float64)
    before = np.array([true.before_ns[place] for _, true in pairs], dtype=np.float64)
    sent = np.array([call["sent_ns"] for call, _ in pairs], dtype=np.float64)
    received = np.array([true.received_ns for _, true in pairs], dtype=np.float64)
    last = np.array([true.before_ns[-1] for _, true in pairs], dtype=np.float64)
    done = np.array([call.get("done_ns", call["reads"][-1][0]) for call, _ in pairs], dtype=np.float64)
    gap = np.diff(stamps, axis=1) - np.diff(before, axis=1)
    is_sure = [not call.get("n_coalesced") and not _ends_together(call, answer) for call, _ in pairs]
    mean_gap = gap.mean(axis=1) if gap.shape[1] else np.zeros(len(pairs))
    every_before = np.concatenate([true.before_ns for _, true in pairs])
    return Errors(
        arrival=stamps - before,
        sure=(stamps - before)[is_sure],
        ttft=(stamps[:, 0] - sent) - (before[:, 0] - received),
        delivery=received - sent,
        end=(done - sent) - (last - received),
        gap=gap[is_sure],
        mean_gap=mean_gap,
        sure_mean_gap=mean_gap[is_sure],
        lateness=(every_before - np.concatenate([true.due_ns for _, true in pairs])).astype(np.float64),
        write_took=(np.concatenate([true.after_ns for _, true in pairs]) - every_before).astype(np.float64),
    )


def stated_of(heat: Heat, answer: Answer) -> Stated | None:
    """None where the client states no error."""
    pairs = [(call, true) for call, true in _pairs(heat) if call.get("first_output_error_ns") is not None]
    if not pairs:
        return None
    first = answer.delta_writes[0]
    stamps = np.array([call["reads"][0][0] for call, _ in pairs])
    before = np.array([true.before_ns[first] for _, true in pairs])
    after = np.array([true.after_ns[first] for _, true in pairs])
    bound = np.array([call["first_output_error_ns"] for call, _ in pairs])
    sending = np.array([call["send_ns"] for call, _ in pairs])
    delivery = np.array([true.received_ns - call["sent_ns"] for call, true in pairs])
    missed = np.maximum(np.maximum(before - stamps, stamps - after), 0)
    return Stated(
        bound=bound.astype(np.float64),
        missed=missed.astype(np.float64),
        ttft_bound=(bound + sending).astype(np.float64),
        ttft_missed=(missed + delivery).astype(np.float64),
        n_coalesced=sum(call["n_coalesced"] for call, _ in pairs),
        n_gaps=len(pairs) * (answer.n_deltas - 1),
        max_lag_ns=max(call["max_lag_ns"] for call, _ in pairs),
        sources=tuple(sorted({call["source"] for call, _ in pairs})),
    )


def _pairs(heat: Heat) -> list[tuple[Mapping[str, Any], TrueCall]]:
    assert heat.truth is not None
    return [(call, heat.truth.calls[call["call"]]) for call in heat.calls]


def _ends_together(call: Mapping[str, Any], answer: Answer) -> bool:
    """Whether the client says by its stamps that the last delta came with the end, which was written later: it read
    both at once, and dates the delta as late as the end. No gap of 0 shows it."""
    return answer.delta_writes[-1] < len(answer.writes) - 1 and call.get("done_ns") == call["reads"][-1][0]


def _delta_stamps(call: Mapping[str, Any], answer: Answer, unit: str) -> Sequence[int]:
    """When each delta was there as a whole: the stamp of the first read up to which so much had come."""
    at_ns, totals = zip(*call["reads"], strict=True)
    wanted = [getattr(answer.writes[index], unit) for index in answer.delta_writes]
    return [at_ns[index] for index in np.searchsorted(totals, wanted)]
