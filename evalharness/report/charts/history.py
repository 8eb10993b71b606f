"""A figure from run to run: a strip for a row of the index, a chart for the page of a suite's runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.report.charts.marks import Interval
from evalharness.report.charts.scales import LETTER, Scale, apart, padded, positive_scale
from evalharness.report.charts.svg import decoration, element, frame, line, paint, polyline, text

STRIP_WIDTH, STRIP_HEIGHT = 160, 28
CHART_WIDTH, CHART_HEIGHT = 400, 170
_TOP, _BOTTOM, _LEFT, _RIGHT = 40.0, 146.0, 58.0, 392.0
_BREAK = "3 3"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One run. ``broken``: it did not measure what the run before it did, so no line joins the two. ``whole``: whether
    the run is finished."""

    value: Interval
    broken: bool = False
    whole: bool = True


def history_strip(points: Sequence[Point]) -> Markup:
    """Oldest first. A dashed rule marks where something else was measured."""
    low, high = padded(min(min(p.value.ends) for p in points), max(max(p.value.ends) for p in points))
    heights = Scale(low, high, STRIP_HEIGHT - 4.0, 4.0)
    steps = Scale(0.0, max(1.0, len(points) - 1.0), 6.0, STRIP_WIDTH - 6.0)
    half = (steps(1.0) - steps(0.0)) / 2 if len(points) > 1 else 0.0
    body: list[Markup] = []
    for index, point in enumerate(points):
        if point.broken:
            x = steps(index) - min(half, 3.0)
            body.append(line(x, 0, x, STRIP_HEIGHT, "muted", 1, stroke_dasharray="2 2"))
    body += _series(list(enumerate(points)), steps, heights, radius=2.0)
    return decoration(STRIP_WIDTH, STRIP_HEIGHT, body, kind="history")


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A level before or after a change, from the first to the last of its runs."""

    value: float
    first: int
    last: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMark:
    """``at``: the first run of the new level. ``role``: ``better``, ``worse`` or ``text``."""

    at: int
    label: str
    role: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """``points`` by run, None where a run has none; the axis has a place for each run. ``ends``: when the first and
    the last run were. ``write`` gives a tick its label. ``is_positive``: a time, money or a ratio, drawn in logarithms
    where it spans much. ``limits``: what a gate asks for, each with its label."""

    title: str
    desc: str
    points: Sequence[Point | None]
    ends: tuple[str, str]
    write: Callable[[float], str]
    is_positive: bool
    changes: Sequence[ChangeMark] = ()
    levels: Sequence[Level] = ()
    limits: Sequence[tuple[float, str]] = ()


def history_chart(plot: Plot) -> Markup:
    """Runs at equal distances, oldest to the left; intervals as bars; changes as rules with their size."""
    known = [point for point in plot.points if point is not None]
    ends = [end for point in known for end in point.value.ends] + [value for value, _ in plot.limits]
    if plot.is_positive:
        heights = positive_scale(ends, _BOTTOM, _TOP)
    else:
        heights = Scale(*padded(min(ends), max(ends)), _BOTTOM, _TOP)
    steps = Scale(-0.5, len(plot.points) - 0.5, _LEFT, _RIGHT)
    body = [text(0, 13, plot.title, role="text", bold=True)]
    if plot.limits:
        body.append(text(_RIGHT, 13, "grey rule: " + ", ".join(label for _, label in plot.limits), anchor="end"))
    for tick in heights.ticks(4):
        y = heights(tick)
        body += [line(_LEFT, y, _RIGHT, y, "line"), text(_LEFT - 6, y + 4, plot.write(tick), anchor="end")]
    for value, _ in plot.limits:
        y = heights(value)
        body.append(line(_LEFT, y, _RIGHT, y, "muted", 1.5))
    for index, point in enumerate(plot.points):
        if point is not None and point.broken:
            x = steps(index - 0.5)
            body.append(line(x, _TOP, x, _BOTTOM, "muted", 1, stroke_dasharray=_BREAK))
    body += _changes(plot, steps)
    for level in plot.levels:
        y = heights(level.value)
        body.append(line(steps(level.first - 0.4), y, steps(level.last + 0.4), y, "e4", 2.5, stroke_opacity="0.55"))
    drawn = [(place, point) for place, point in enumerate(plot.points) if point is not None]
    body += _series(drawn, steps, heights, radius=3.0, apart_at=[change.at for change in plot.changes])
    body += [text(_LEFT, 164, plot.ends[0]), text(_RIGHT, 164, plot.ends[1], anchor="end")]
    return frame(CHART_WIDTH, CHART_HEIGHT, body, title=plot.title, desc=plot.desc)


def _changes(plot: Plot, steps: Scale) -> list[Markup]:
    """A rule before the first run of each new level; its label where there is room for it."""
    places = {steps(change.at - 0.5): change for change in plot.changes}
    body = [line(x, _TOP - 8, x, _BOTTOM, change.role, 2) for x, change in places.items()]
    labels = [(x, change.label) for x, change in places.items()]
    roles = {change.label: change.role for change in plot.changes}
    kept = apart(labels, _LEFT, _RIGHT + LETTER)
    return [*body, *(text(x, _TOP - 12, label, anchor="middle", role=roles[label], bold=True) for x, label in kept)]


def _series(
    points: Sequence[tuple[int, Point]],
    steps: Scale,
    heights: Scale,
    *,
    radius: float,
    apart_at: Collection[int] = (),
) -> list[Markup]:
    """Bars, then the lines between runs that can be joined, then dots, hollow for a run that is not finished."""
    bars: list[Markup] = []
    dots: list[Markup] = []
    runs: list[list[tuple[float, float]]] = []
    for place, point in points:
        x, y = steps(place), heights(point.value.point)
        if point.broken or place in apart_at or not runs:
            runs.append([])
        runs[-1].append((x, y))
        if point.value.lower is not None and point.value.upper is not None:
            bars.append(line(x, heights(point.value.lower), x, heights(point.value.upper), "e0", radius * 0.8))
        colour = paint(fill="e3") if point.whole else paint(fill="bg", stroke="e3", width=1.5)
        dots.append(element("circle", colour | {"cx": x, "cy": y, "r": radius}))
    return [*bars, *(polyline(run, "e3", 1.5) for run in runs if len(run) > 1), *dots]
