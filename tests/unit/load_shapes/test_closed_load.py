from __future__ import annotations

from evalharness.core.model import Load
from evalharness.load_shapes.closed import shape


def test_a_closed_load_has_no_clock_only_slots_and_pauses():
    closed = shape(Load(concurrency=3, think_ms=1.5))
    assert (closed.max_in_flight, closed.think_ns, list(closed.offsets_ns())) == (3, 1_500_000, [])
