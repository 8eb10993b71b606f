"""Lines over time: one arm's median from block to block of a run, and a suite's quality from run to run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.report.charts.marks import Interval, Mark
from evalharness.report.charts.scales import Scale, padded
from evalharness.report.charts.svg import decoration, element, frame, line, paint, polyline, text

DRIFT_WIDTH, DRIFT_HEIGHT = 236, 120
HISTORY_WIDTH, HISTORY_HEIGHT = 160, 28


def drift(values: Sequence[float | None], mark: Mark, *, label: str, top_text: str) -> Markup:
    """Medians of equal blocks of calls in time order, from 0 upwards; a block where no call succeeded is a hole."""
    top, bottom, left, right = 26.0, 98.0, 6.0, DRIFT_WIDTH - 6.0
    known = [value for value in values if value is not None]
    heights = Scale(0.0, max(known, default=1.0) * 1.15 or 1.0, bottom, top)
    steps = Scale(0.0, max(1.0, len(values) - 1.0), left, right)
    body = [
        text(left, 14, label, role="text", bold=True),
        text(right, 14, top_text, anchor="end"),
        line(left, bottom, right, bottom, "line"),
        text(left, 114, "start"),
        text(right, 114, "end of run", anchor="end"),
    ]
    for run in _unbroken([None if value is None else (steps(i), heights(value)) for i, value in enumerate(values)]):
        body.append(polyline(run, mark.role, 2) if len(run) > 1 else _dot(*run[0], mark.role))
    desc = f"Median total time in {len(values)} equal blocks of calls in time order; {top_text} over all."
    return frame(DRIFT_WIDTH, DRIFT_HEIGHT, body, title=f"{label}: course over the run", desc=desc)


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One run. ``broken``: suite or graders are not those of the run before, so no line joins the two."""

    quality: Interval
    broken: bool = False


def history(points: Sequence[Point]) -> Markup:
    """Oldest first. A dashed rule marks where suite or graders changed."""
    low, high = padded(min(min(p.quality.ends) for p in points), max(max(p.quality.ends) for p in points))
    heights = Scale(low, high, HISTORY_HEIGHT - 5.0, 5.0)
    steps = Scale(0.0, max(1.0, len(points) - 1.0), 6.0, HISTORY_WIDTH - 6.0)
    body: list[Markup] = []
    places: list[tuple[float, float] | None] = []
    for index, point in enumerate(points):
        x = steps(index)
        if point.broken:
            places.append(None)
            body.append(line(x - 3, 0, x - 3, HISTORY_HEIGHT, "muted", 1, stroke_dasharray="2 2"))
        places.append((x, heights(point.quality.point)))
        if point.quality.lower is not None and point.quality.upper is not None:
            body.append(line(x, heights(point.quality.lower), x, heights(point.quality.upper), "e0", 1.5))
    body += [polyline(run, "e3", 1.5) for run in _unbroken(places) if len(run) > 1]
    body += [_dot(*place, "e3") for place in places if place is not None]
    return decoration(HISTORY_WIDTH, HISTORY_HEIGHT, body, kind="history")


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
