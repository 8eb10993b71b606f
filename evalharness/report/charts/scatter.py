"""Quality against what it costs: one panel, an interval on both axes, a label at each marker."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.report.charts.marks import Interval, Mark, marker
from evalharness.report.charts.scales import Scale, padded, positive_scale
from evalharness.report.charts.svg import frame, line, polyline, text

WIDTH, HEIGHT = 400, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 386, 28, 252
_LABEL_LIMIT = 8
_LETTER = 8.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """``x`` in the axis' unit, ``y`` in percent. Dots of one ``series`` are joined in order.

    ``named``: keeps its label in a crowded panel.
    """

    label: str
    mark: Mark
    x: Interval
    y: Interval
    series: str = ""
    named: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    title: str
    x_title: str
    y_title: str
    write_x: Callable[[float], str]
    dots: Sequence[Dot]


def scatter(panel: Panel) -> Markup:
    last = max(panel.dots, key=lambda dot: dot.x.point)
    room = 12 + min(90.0, len(last.label) * _LETTER)
    x_scale = positive_scale([end for dot in panel.dots for end in dot.x.ends], _LEFT + 8, _RIGHT - room)
    y_low, y_high = padded(min(min(dot.y.ends) for dot in panel.dots), max(max(dot.y.ends) for dot in panel.dots), 0.08)
    y_scale = Scale(max(0.0, y_low), min(100.0, y_high), _BOTTOM, _TOP)
    places = _dodged([(x_scale(dot.x.point), y_scale(dot.y.point)) for dot in panel.dots])
    body = [*_axes(panel, x_scale, y_scale), *_joins(panel.dots, places)]
    body += [
        part for dot, place in zip(panel.dots, places, strict=True) for part in _bars(dot, place, x_scale, y_scale)
    ]
    body += [marker(*place, dot.mark) for dot, place in zip(panel.dots, places, strict=True)]
    body += _labels(panel.dots, places, y_scale)
    return frame(WIDTH, HEIGHT, body, title=panel.title, desc=_description(panel))


def _description(panel: Panel) -> str:
    dots = [f"{dot.label}: {dot.y.point:.1f}% at {panel.write_x(dot.x.point)}" for dot in panel.dots]
    return f"{panel.y_title} against {panel.x_title}. " + "; ".join(dots) + "."


def _axes(panel: Panel, x_scale: Scale, y_scale: Scale) -> list[Markup]:
    parts = [text(0, 12, panel.y_title), text(_RIGHT, HEIGHT - 8, panel.x_title, anchor="end")]
    for tick in y_scale.ticks(5):
        parts.append(line(_LEFT, y_scale(tick), _RIGHT, y_scale(tick), "line"))
        parts.append(text(_LEFT - 6, y_scale(tick) + 4, f"{tick:g}", anchor="end"))
    for tick in x_scale.ticks(5):
        parts.append(line(x_scale(tick), _TOP, x_scale(tick), _BOTTOM, "line"))
        label = panel.write_x(tick)
        x = min(max(x_scale(tick), _LEFT), _RIGHT - len(label) * _LETTER / 2 + 8)
        parts.append(text(x, _BOTTOM + 18, label, anchor="middle"))
    return parts


def _joins(dots: Sequence[Dot], places: Sequence[tuple[float, float]]) -> list[Markup]:
    """A dotted line through each series of two or more, in the order given."""
    series: dict[str, list[tuple[float, float]]] = {}
    for dot, place in zip(dots, places, strict=True):
        series.setdefault(dot.series, []).append(place)
    lines = [points for points in series.values() if len(points) > 1]
    return [polyline(points, "muted", 1.5, **{"stroke-dasharray": "1.5 3.5"}) for points in lines]


def _bars(dot: Dot, place: tuple[float, float], x_scale: Scale, y_scale: Scale) -> list[Markup]:
    x, y = place
    parts = []
    if dot.y.lower is not None and dot.y.upper is not None:
        parts.append(line(x, y_scale(dot.y.lower), x, y_scale(dot.y.upper), dot.mark.role, 2))
    if dot.x.lower is not None and dot.x.upper is not None:
        left, right = x_scale(dot.x.lower), x_scale(dot.x.upper)
        if right - left > 1:
            parts.append(line(left, y, right, y, dot.mark.role, 2))
    return parts


def _dodged(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Dots on the same spot step aside by 6 units each, so that none hides another."""
    taken: list[tuple[float, float]] = []
    for x, y in places:
        while any(abs(x - other_x) < 4 and abs(y - other_y) < 4 for other_x, other_y in taken):
            x += 6
        taken.append((x, y))
    return taken


Box = tuple[float, float, float, float]


def _labels(dots: Sequence[Dot], places: Sequence[tuple[float, float]], y_scale: Scale) -> list[Markup]:
    """A label beside each dot, at the first of four corners that is free; below right is the first choice."""
    taken: list[Box] = [(x - 7, y - 7, x + 7, y + 7) for x, y in places]
    for dot, (x, _) in zip(dots, places, strict=True):
        if dot.y.lower is not None and dot.y.upper is not None:
            taken.append((x - 1, y_scale(dot.y.upper), x + 1, y_scale(dot.y.lower)))
    crowded = len(dots) > _LABEL_LIMIT
    parts = []
    for dot, (x, y) in zip(dots, places, strict=True):
        if crowded and not dot.named:
            continue
        anchor, label_x, label_y, box = _free_corner(dot.label, x, y, taken)
        taken.append(box)
        parts.append(text(label_x, label_y, dot.label, anchor=anchor, role="text", bold=True))
    return parts


def _free_corner(label: str, x: float, y: float, taken: Sequence[Box]) -> tuple[str, float, float, Box]:
    width = len(label) * _LETTER
    choices: list[tuple[float, str, float, float, Box]] = []
    for anchor, label_x, label_y in (
        ("start", x + 8, y + 17),
        ("end", x - 8, y - 9),
        ("start", x + 8, y - 9),
        ("end", x - 8, y + 17),
    ):
        left = label_x if anchor == "start" else label_x - width
        box = (left, label_y - 11, left + width, label_y + 3)
        outside = max(0.0, _LEFT - left) + max(0.0, left + width - WIDTH)
        choices.append((outside * 20 + sum(_overlap(box, other) for other in taken), anchor, label_x, label_y, box))
    best = min(choices, key=lambda choice: choice[0])
    return best[1:]


def _overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0
