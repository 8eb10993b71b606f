"""When the next call of an endpoint may start: its rates per minute, and the pauses it asks for. Pure.

Starts are spaced evenly instead of being let through in bursts: services meter by the second as well as by the
minute, and an even spacing keeps to both. Source: the virtual scheduling form of the generic cell rate algorithm
(ITU-T I.371) with a tolerance of zero.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from evalharness.core.model import Limits
from evalharness.core.units import NS_PER_S

_MINUTE_NS = 60 * NS_PER_S


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """The state of one endpoint's queue; every change gives a new one. Rates None: no limit.

    The ``_ns`` fields are on the monotonic clock; before them nothing may start.
    """

    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    next_request_ns: int = 0
    next_tokens_ns: int = 0
    paused_until_ns: int = 0

    @classmethod
    def of(cls, limits: Limits) -> Pace:
        return cls(requests_per_minute=limits.requests_per_minute, tokens_per_minute=limits.tokens_per_minute)

    def earliest_ns(self, now_ns: int) -> int:
        """When the next call may start: now, or later."""
        return max(now_ns, self.next_request_ns, self.next_tokens_ns, self.paused_until_ns)

    def started(self, at_ns: int, *, tokens: int = 0) -> Pace:
        """A call starts. ``tokens`` is what it is expected to take; ``settled`` corrects it when that is known."""
        # Without a rate there is no queue: whoever takes a place ahead of time holds back nobody.
        next_request_ns, next_tokens_ns = self.next_request_ns, self.next_tokens_ns
        if self.requests_per_minute is not None:
            next_request_ns = at_ns + _spacing_ns(self.requests_per_minute, 1)
        if self.tokens_per_minute is not None:
            next_tokens_ns = max(at_ns, next_tokens_ns) + _spacing_ns(self.tokens_per_minute, tokens)
        return replace(self, next_request_ns=next_request_ns, next_tokens_ns=next_tokens_ns)

    def settled(self, *, expected_tokens: int, used_tokens: int) -> Pace:
        difference_ns = _spacing_ns(self.tokens_per_minute, used_tokens - expected_tokens)
        return replace(self, next_tokens_ns=self.next_tokens_ns + difference_ns)

    def paused(self, until_ns: int) -> Pace:
        """The service asked to wait: nothing of this endpoint starts before. A pause is never shortened."""
        return replace(self, paused_until_ns=max(self.paused_until_ns, until_ns))


def _spacing_ns(per_minute: float | None, amount: int) -> int:
    # Rounded up: a nanosecond too early, a thousand times over, is one call too many in the minute.
    return 0 if per_minute is None else -int(-amount * _MINUTE_NS // per_minute)
