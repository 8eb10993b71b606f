"""The program with one constant of its own changed: what is down is asked again after 0.5 s, and not after 30 s.

``python -m tests.support.soon_probing`` takes the same arguments. A run that meets three probes in vain takes 92 s with
the real constant, which the unit tests of the breaker know.
"""

from __future__ import annotations

from evalharness.cli.main import main
from evalharness.core.units import NS_PER_MS
from evalharness.transport import breaker

PROBE_AFTER_NS = 500 * NS_PER_MS

if __name__ == "__main__":
    breaker.PROBE_AFTER_NS = PROBE_AFTER_NS
    main()
