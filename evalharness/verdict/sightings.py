"""What attempts say of how well they were seen, added up over a run."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping

import numpy as np

from evalharness.core.record import Attempt, Observed, Purpose, TrialResult
from evalharness.core.units import NS_PER_MS
from evalharness.metrics.table import Floats


class Sightings:
    """Of the last attempts of all subject calls: those whose times are in the tables.

    ``n_seen`` say how well they were seen; ``n_unseen`` came to their end and do not.
    """

    def __init__(self) -> None:
        self.n_unseen = 0
        self._sources: Counter[str] = Counter()
        self._send_ns, self._max_lag_ns = array("q"), array("q")
        self._n_gaps = self._n_coalesced = 0

    def add(self, result: TrialResult) -> None:
        for call in result.calls:
            if call.purpose is Purpose.SUBJECT and call.attempts:
                last = call.last_attempt
                if last.observed is not None:
                    self._add_seen(last, last.observed)
                elif last.stamps.done_ns is not None:
                    self.n_unseen += 1

    def _add_seen(self, attempt: Attempt, seen: Observed) -> None:
        self._sources[seen.source.value] += 1
        self._send_ns.append(seen.send_ns)
        self._max_lag_ns.append(seen.max_lag_ns)
        self._n_gaps += max(0, len(attempt.stamps.deltas_ns) - 1)
        self._n_coalesced += seen.n_coalesced

    @property
    def n_seen(self) -> int:
        return len(self._send_ns)

    @property
    def sources(self) -> Mapping[str, float]:
        """Share of the attempts that were seen, by who dated them."""
        return {name: count / self.n_seen for name, count in sorted(self._sources.items())}

    @property
    def send_ms(self) -> Floats:
        return np.array(self._send_ns, dtype=np.float64) / NS_PER_MS

    @property
    def max_lag_ms(self) -> Floats:
        return np.array(self._max_lag_ns, dtype=np.float64) / NS_PER_MS

    @property
    def coalesced_share(self) -> float | None:
        return self._n_coalesced / self._n_gaps if self._n_gaps else None
