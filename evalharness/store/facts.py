"""What is told of many plain results beside their metrics, from their packed numbers and the texts beside them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from evalharness.core.record import StampSource
from evalharness.core.units import NS_PER_MS, NS_PER_S
from evalharness.metrics.columns import PlainCalls
from evalharness.metrics.facts import Facts, Numbered, Said, Seen
from evalharness.store.cells import TextCell
from evalharness.store.numbers import SOURCE
from evalharness.store.result_texts import decoded
from evalharness.store.word_arrays import Int64s, Records

if TYPE_CHECKING:
    from evalharness.store.loaded import PackedRows


def plain_facts(
    rows: PackedRows, places: Int64s, attempt: Records, calls: PlainCalls, started_utc_ns: Int64s, n_zero_gaps: Int64s
) -> Facts:
    """Of results of one call with one attempt that ended well, at ``places``."""
    n = len(places)
    seen, n_gaps = attempt.present("source"), np.maximum(attempt.integers("n_arrivals") - 1, 0)
    numbered = Numbered()
    said = _sayings(rows, places, numbered)
    n_closed = np.where(seen & (n_gaps > 0), attempt.integers("n_coalesced"), np.where(seen, 0, n_zero_gaps))
    tokens = np.nan_to_num(calls.output_tokens)
    ready_ns = np.rint(calls.wait_ms * NS_PER_MS) + np.nan_to_num(calls.connect_ns)
    return Facts(
        n_calls=np.ones(n, dtype=np.int64),
        first_utc_ns=started_utc_ns,
        took_s=calls.done_ns / NS_PER_S,
        lag_ms=(calls.sent_ns - ready_ns) / NS_PER_MS,
        n_retries=np.zeros(n, dtype=np.int64),
        n_connected=attempt.present("reused").astype(np.int64),
        n_reused=attempt.integers("reused"),
        n_gaps=n_gaps,
        n_closed_gaps=n_closed,
        n_lumped_gaps=np.maximum(n_zero_gaps - n_closed, 0),
        longest_tokens=tokens.astype(np.int64),
        output_tokens=calls.output_tokens,
        reasoning_tokens=calls.reasoning_tokens,
        wasted_usd=np.full(n, np.nan),
        said=said,
        sayings=numbered.sayings,
        seen=Seen(
            kernel=attempt.words("source")[seen] == SOURCE[StampSource.KERNEL],
            send_ns=attempt.integers("send_ns")[seen],
            max_lag_ns=attempt.integers("max_lag_ns")[seen],
            n_gaps=int(n_gaps[seen].sum()),
            n_coalesced=int(attempt.integers("n_coalesced")[seen].sum()),
            n_unseen=int((~seen & ~np.isnan(calls.done_ns)).sum()),
        ),
    )


def _sayings(rows: PackedRows, places: Int64s, numbered: Numbered) -> Int64s:
    """(places) the number of what each result says; texts that are equal are decoded once."""
    known: dict[tuple[TextCell, bytes], int] = {}
    said = np.empty(len(places), dtype=np.int64)
    heads = rows.heads(places.tolist())
    for index, (place, head) in enumerate(zip(places.tolist(), heads, strict=True)):
        text = rows.remarks[place], head
        number = known.get(text)
        if number is None:
            number = known[text] = numbered.number(_said(*text))
        said[index] = number
    return said


def _said(remarks: TextCell, calls: TextCell) -> Said:
    """Of a trial with one call that did not fail."""
    call: dict[str, Any] = decoded(calls)[0]
    of_trial: dict[str, Any] = decoded(remarks) or {}
    anomalies = [*of_trial.get("anomalies", ()), *call.get("anomalies", ())]
    return Said(
        stop_reason=call.get("stop_reason"),
        model=call.get("model_reported"),
        tier=call.get("tier_reported"),
        effort=call.get("effort_reported"),
        anomalies=tuple(dict.fromkeys(anomalies)),
        failure=of_trial.get("failure", {}).get("kind"),
        call_failure=call.get("failure", {}).get("kind"),
    )
