"""Where the time of one trial went: a bar for each stretch of it, one below the other, on one axis."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from evalharness.report.charts.svg import decoration, rect

WIDTH, HEIGHT = 240, 12
#: No stretch is drawn narrower: it took place.
_NARROWEST = 1.0


def timeline_bars(stretches: Sequence[tuple[float, float, str]]) -> tuple[Markup, ...]:
    """A bar for each (begin, end, role), to stand in a row with its numbers; the axis goes from 0 to the last end."""
    span = max((end for _, end, _ in stretches), default=0.0) or 1.0
    bars = []
    for begin, end, role in stretches:
        left = min(WIDTH * begin / span, WIDTH - _NARROWEST)
        width = min(max(_NARROWEST, WIDTH * (end - begin) / span), WIDTH - left)
        bars.append(decoration(WIDTH, HEIGHT, [rect(left, 1, width, HEIGHT - 2, role)], kind="stretch"))
    return tuple(bars)
