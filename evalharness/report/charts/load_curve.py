"""Latency against throughput, step by step of a rising load: where it bends, the service is full."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.report.charts.labels import Box, free_place
from evalharness.report.charts.marks import Interval, Mark, marker
from evalharness.report.charts.scales import Scale, apart, positive_scale, told
from evalharness.report.charts.svg import element, frame, grid, line, paint, polyline, text

WIDTH, HEIGHT = 400, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 388, 30, 250


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPoint:
    """One step.

    ``level`` is what was asked, in words (``20/s``); ``per_s`` the calls a second that ended. ``tail_ms`` is the
    quantile drawn with its interval, ``median_ms`` stands below it without one (None: not drawn). ``mark`` is the
    step's own: with one arm that of the level, as elsewhere on the page. ``holds``: the highest level at which the
    service level is shown to hold.
    """

    level: str
    mark: Mark
    per_s: float
    tail_ms: Interval
    median_ms: float | None = None
    holds: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadLine:
    """One arm's steps in the order of their levels."""

    label: str
    mark: Mark
    points: Sequence[LoadPoint]


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadPanel:
    """``limit_ms``: the suite's limit for this time, None without one. ``tail`` names the quantile (``p95``)."""

    title: str
    tail: str
    lines: Sequence[LoadLine]
    limit_ms: float | None
    write_ms: Callable[[float], str]
    write_per_s: Callable[[float], str]


def load_curve(panel: LoadPanel) -> Markup:
    """Both axes logarithmic where their values span a factor of three or more: levels are usually doubled."""
    points = [point for arm in panel.lines for point in arm.points]
    x_scale = positive_scale([point.per_s for point in points], _LEFT + 14, _RIGHT - 14)
    y_scale = positive_scale(_heights(points, panel.limit_ms), _BOTTOM, _TOP + 6, always_log=True)
    body = [*_axes(panel, x_scale, y_scale), *_limit(panel, y_scale)]
    for arm in panel.lines:
        body += _medians(arm, x_scale, y_scale)
    for arm in panel.lines:
        body += _tail(arm, x_scale, y_scale)
    body += _labels(panel, x_scale, y_scale)
    return frame(WIDTH, HEIGHT, body, title=panel.title, desc=_description(panel))


def _heights(points: Sequence[LoadPoint], limit_ms: float | None) -> list[float]:
    ends = [end for point in points for end in point.tail_ms.ends]
    medians = [point.median_ms for point in points if point.median_ms is not None]
    return [value for value in [*ends, *medians, limit_ms or 0.0] if value > 0]


def _axes(panel: LoadPanel, x_scale: Scale, y_scale: Scale) -> list[Markup]:
    x_title = f"calls ended per second{', log scale' if x_scale.logarithmic else ''}"
    parts = [text(0, 14, f"{panel.tail}, log scale"), text(_RIGHT, HEIGHT - 6, x_title, anchor="end")]
    levels, ticks = y_scale.ticks(5), x_scale.ticks(6)
    parts += grid(
        [
            *((_LEFT, y_scale(level), _RIGHT, y_scale(level)) for level in levels),
            *((x_scale(tick), _TOP, x_scale(tick), _BOTTOM) for tick in ticks),
        ]
    )
    parts += [text(_LEFT - 6, y_scale(level) + 4, panel.write_ms(level), anchor="end") for level in levels]
    labels = apart([(x_scale(tick), panel.write_per_s(tick)) for tick in ticks], _LEFT - 12, WIDTH)
    return parts + [text(x, _BOTTOM + 18, label, anchor="middle") for x, label in labels]


def _limit(panel: LoadPanel, y_scale: Scale) -> list[Markup]:
    if panel.limit_ms is None:
        return []
    y = y_scale(panel.limit_ms)
    label = f"limit {panel.write_ms(panel.limit_ms)}"
    return [
        line(_LEFT, y, _RIGHT, y, "worse", 1.5, stroke_dasharray="4 2"),
        text(_LEFT + 4, y - 5, label, role="worse", halo=True),
    ]


def _medians(arm: LoadLine, x_scale: Scale, y_scale: Scale) -> list[Markup]:
    places = [(x_scale(point.per_s), y_scale(point.median_ms)) for point in arm.points if point.median_ms is not None]
    dots = [element("circle", paint(fill=arm.mark.role) | {"cx": x, "cy": y, "r": 2.5}) for x, y in places]
    joined = [polyline(places, arm.mark.role, 1, **{"stroke-dasharray": "1.5 3"})] if len(places) > 1 else []
    return [*joined, *dots]


def _tail(arm: LoadLine, x_scale: Scale, y_scale: Scale) -> list[Markup]:
    places = [(x_scale(point.per_s), y_scale(point.tail_ms.point)) for point in arm.points]
    parts = [polyline(places, arm.mark.role, 2, **{"stroke-dasharray": arm.mark.dashes})] if len(places) > 1 else []
    for point, (x, _) in zip(arm.points, places, strict=True):
        parts += _bar(point.tail_ms, x, y_scale, point.mark)
    for point, (x, y) in zip(arm.points, places, strict=True):
        if point.holds:
            parts.append(element("circle", paint(stroke="text", width=1.5) | {"cx": x, "cy": y, "r": 11.0}))
        parts.append(marker(x, y, point.mark))
    return parts


def _bar(interval: Interval, x: float, y_scale: Scale, mark: Mark) -> list[Markup]:
    """Upright from limit to limit; without an upper limit dotted to the top: there is none, it is not far away."""
    low = y_scale(interval.point if interval.lower is None else interval.lower)
    if interval.upper is not None:
        return [line(x, low, x, y_scale(interval.upper), mark.role, 3, stroke_linecap="round")]
    middle = y_scale(interval.point)
    return [
        line(x, low, x, middle, mark.role, 3, stroke_linecap="round"),
        line(x, middle, x, _TOP, mark.role, 2, stroke_dasharray="1 4"),
    ]


def _labels(panel: LoadPanel, x_scale: Scale, y_scale: Scale) -> list[Markup]:
    """The level beside each point where there is room; that of the highest that holds first."""
    spots = [(point, x_scale(point.per_s), y_scale(point.tail_ms.point)) for arm in panel.lines for point in arm.points]
    taken: list[Box] = [_footprint(x, y, 13 if point.holds else 8) for point, x, y in spots]
    for point, x, _ in spots:
        ends = [y_scale(end) for end in point.tail_ms.ends]
        taken.append((x - 2, min(ends), x + 2, max(ends)))
    leads, parts, inside = [], [], (_LEFT, _TOP - 8, WIDTH, _BOTTOM)
    for point, x, y in sorted(spots, key=lambda spot: not spot[0].holds):
        found = free_place(point.level, x, y, taken, inside, away=7.0 if point.holds else 0.0, needed=point.holds)
        if found is not None:
            taken.append(found.box)
            leads += [] if found.lead is None else [(x, y, *found.lead)]
            parts.append(text(found.x, found.y, point.level, anchor=found.anchor, role="text", bold=True, halo=True))
    return [*grid(leads, "muted", 0.75), *parts]


def _footprint(x: float, y: float, reach: float) -> Box:
    return (x - reach, y - reach, x + reach, y + reach)


def _description(panel: LoadPanel) -> str:
    limit = f" The limit is {panel.write_ms(panel.limit_ms)}." if panel.limit_ms is not None else ""
    arms = []
    for arm in panel.lines:
        steps = [
            f"at {point.level}{', the highest that holds,' if point.holds else ''} "
            f"{panel.write_per_s(point.per_s)} calls a second and {panel.write_ms(told(point.tail_ms.point))}"
            for point in arm.points
        ]
        arms.append(f"{arm.label}: {'; '.join(steps)}.")
    return f"{panel.title}, {panel.tail}, against calls ended per second. {' '.join(arms)}{limit}"
