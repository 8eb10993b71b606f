"""What attempts say of how well they were seen, over a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalharness.core.record import StampSource
from evalharness.core.units import NS_PER_MS
from evalharness.metrics.facts import Seen
from evalharness.metrics.table import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Sightings:
    """``n_seen`` attempts say how well they were seen; ``n_unseen`` came to their end and do not."""

    seen: Seen

    @property
    def n_seen(self) -> int:
        return len(self.seen.kernel)

    @property
    def n_unseen(self) -> int:
        return self.seen.n_unseen

    @property
    def sources(self) -> Mapping[str, float]:
        """Share of the attempts that were seen, by who dated them."""
        n_kernel = int(self.seen.kernel.sum())
        counts = {StampSource.KERNEL.value: n_kernel, StampSource.USER.value: self.n_seen - n_kernel}
        return {name: count / self.n_seen for name, count in counts.items() if count}

    @property
    def send_ms(self) -> Floats:
        return self.seen.send_ns / NS_PER_MS

    @property
    def max_lag_ms(self) -> Floats:
        return self.seen.max_lag_ns / NS_PER_MS

    @property
    def coalesced_share(self) -> float | None:
        return self.seen.n_coalesced / self.seen.n_gaps if self.seen.n_gaps else None
