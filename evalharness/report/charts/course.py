"""One arm's median from block to block of a run."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from evalharness.report.charts.marks import Mark
from evalharness.report.charts.scales import Scale
from evalharness.report.charts.svg import element, frame, line, paint, polyline, text
from evalharness.report.numbers import plural
from evalharness.report.visible import shortened

DRIFT_WIDTH, DRIFT_HEIGHT = 236, 120
_LONGEST_LABEL = 30


def drift(
    values: Sequence[float | None], mark: Mark, *, label: str, top_text: str, retried: Sequence[int] = ()
) -> Markup:
    """Medians of equal blocks of calls in time order, from 0 upwards; a block where no call succeeded is a hole.

    ``retried``: how many calls of each block were tried again or turned away; a mark under each block with one.
    """
    top, bottom, left, right = 38.0, 98.0, 6.0, DRIFT_WIDTH - 6.0
    known = [value for value in values if value is not None]
    heights = Scale(0.0, max(known, default=1.0) * 1.15 or 1.0, bottom, top)
    steps = Scale(0.0, max(1.0, len(values) - 1.0), left, right)
    body = [
        text(left, 12, shortened(label, _LONGEST_LABEL), role="text", bold=True),
        text(left, 28, top_text),
        line(left, bottom, right, bottom, "line"),
        text(left, 116, "start"),
        text(right, 116, "end of run", anchor="end"),
    ]
    body += [line(steps(place), bottom, steps(place), bottom + 6, "worse", 3) for place, n in enumerate(retried) if n]
    for run in _unbroken([None if value is None else (steps(i), heights(value)) for i, value in enumerate(values)]):
        body.append(polyline(run, mark.role, 2) if len(run) > 1 else _dot(*run[0], mark.role))
    desc = f"Median total time in {len(values)} equal blocks of calls in time order; {top_text} over all."
    if any(retried):
        desc += f" Tried again or turned away: {plural(sum(retried), 'call')}."
    return frame(DRIFT_WIDTH, DRIFT_HEIGHT, body, title=f"{label}: course over the run", desc=desc)


def _unbroken(places: Sequence[tuple[float, float] | None]) -> list[list[tuple[float, float]]]:
    """The runs of places between the holes."""
    runs: list[list[tuple[float, float]]] = [[]]
    for place in places:
        if place is None:
            runs.append([])
        else:
            runs[-1].append(place)
    return [run for run in runs if run]


def _dot(x: float, y: float, role: str) -> Markup:
    return element("circle", paint(fill=role) | {"cx": x, "cy": y, "r": 2.0})
