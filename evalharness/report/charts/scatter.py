"""Quality against what it costs: one panel, an interval on both axes, a label at each marker."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from evalharness.report.charts.labels import BOLD_LETTER, Box, along, free_place
from evalharness.report.charts.marks import ARROW_LENGTH, Interval, Mark, arrow_head, marker
from evalharness.report.charts.scales import Scale, apart, padded, positive_scale, told
from evalharness.report.charts.svg import frame, grid, polyline, text

WIDTH, HEIGHT = 400, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 40, 386, 28, 252
_LABEL_LIMIT = 8
#: Room kept right of the last marker for its label; a longer one goes to its left, above or below.
_LABEL_ROOM = 48.0
#: An arrow ends this far from the middle of a marker; a shorter way has none.
_ARROW_GAP = 9.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """``x`` in the axis' unit, ``y`` in percent. Dots of one ``series`` are joined in the order given.

    ``named``: keeps its label in a crowded panel, as the efficient ones do. ``hollow``: another arm is as good or
    better on every axis. ``before``: where the arm of the next dot of its series was in another run; an arrow leads
    from there, and the label is in the description alone.
    """

    label: str
    mark: Mark
    x: Interval
    y: Interval
    series: str = ""
    named: bool = True
    hollow: bool = False
    before: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """``beside`` are the dots of the panels beside this one: all share their axes, so that they compare by eye."""

    title: str
    x_title: str
    y_title: str
    write_x: Callable[[float], str]
    dots: Sequence[Dot]
    beside: Sequence[Dot] = ()


def scatter(panel: Panel) -> Markup:
    spanned = [*panel.dots, *panel.beside]
    last = max(spanned, key=lambda dot: dot.x.point)
    room = 12 + min(_LABEL_ROOM, len(last.label) * BOLD_LETTER)
    x_scale = positive_scale([end for dot in spanned for end in dot.x.ends], _LEFT + 8, _RIGHT - room)
    y_low, y_high = padded(min(min(dot.y.ends) for dot in spanned), max(max(dot.y.ends) for dot in spanned), 0.08)
    y_scale = Scale(max(0.0, y_low), min(100.0, y_high), _BOTTOM, _TOP)
    places = _dodged([(x_scale(dot.x.point), y_scale(dot.y.point)) for dot in panel.dots])
    body = [*_axes(panel, x_scale, y_scale), *_joins(panel.dots, places)]
    body += [
        part for dot, place in zip(panel.dots, places, strict=True) for part in _bars(dot, place, x_scale, y_scale)
    ]
    body += [
        marker(*place, dot.mark, hollow=dot.hollow or dot.before) for dot, place in zip(panel.dots, places, strict=True)
    ]
    body += _labels(panel, places, x_scale, y_scale)
    return frame(WIDTH, HEIGHT, body, title=panel.title, desc=_description(panel))


def _description(panel: Panel) -> str:
    dots = [
        f"{dot.label}{' (dominated)' if dot.hollow else ''}: {dot.y.point:.1f}% at {panel.write_x(told(dot.x.point))}"
        for dot in panel.dots
    ]
    return f"{panel.y_title} against {panel.x_title}. " + "; ".join(dots) + "."


def _axes(panel: Panel, x_scale: Scale, y_scale: Scale) -> list[Markup]:
    x_title = f"{panel.x_title}, log scale" if x_scale.logarithmic else panel.x_title
    parts = [text(0, 12, panel.y_title), text(_RIGHT, HEIGHT - 8, x_title, anchor="end")]
    levels, ticks = y_scale.ticks(5), x_scale.ticks(5)
    parts += grid(
        [
            *((_LEFT, y_scale(level), _RIGHT, y_scale(level)) for level in levels),
            *((x_scale(tick), _TOP, x_scale(tick), _BOTTOM) for tick in ticks),
        ]
    )
    parts += [text(_LEFT - 6, y_scale(level) + 4, f"{level:g}", anchor="end") for level in levels]
    labels = apart([(x_scale(tick), panel.write_x(tick)) for tick in ticks], _LEFT - 12, WIDTH)
    return parts + [text(x, _BOTTOM + 18, label, anchor="middle") for x, label in labels]


_Series = dict[str, list[tuple[Dot, tuple[float, float]]]]


def _series(dots: Sequence[Dot], places: Sequence[tuple[float, float]]) -> _Series:
    series: _Series = {}
    for dot, place in zip(dots, places, strict=True):
        series.setdefault(dot.series, []).append((dot, place))
    return series


def _joins(dots: Sequence[Dot], places: Sequence[tuple[float, float]]) -> list[Markup]:
    """A line through each series of two or more, in the order given: dotted where it is alone, else as its variant."""
    series = _series(dots, places)
    alone = "1.5 3.5" if len(series) == 1 else None
    lines = [
        polyline(
            [place for _, place in members],
            "muted",
            1.5,
            **{"stroke-dasharray": members[0][0].mark.dashes or alone},
        )
        for members in series.values()
        if len(members) > 1
    ]
    heads = [
        _arrow(first[1], last[1])
        for first, last in (members[:2] for members in series.values() if members[1:])
        if first[0].before
    ]
    return [*lines, *(head for head in heads if head is not None)]


def _arrow(start: tuple[float, float], end: tuple[float, float]) -> Markup | None:
    """A triangle shortly before ``end``; None where there is no room for it between two markers."""
    way = math.dist(start, end)
    if way < 2 * _ARROW_GAP + ARROW_LENGTH:
        return None
    ahead = (end[0] - start[0]) / way, (end[1] - start[1]) / way
    tip = end[0] - _ARROW_GAP * ahead[0], end[1] - _ARROW_GAP * ahead[1]
    return arrow_head(tip, "muted", ahead=ahead, half_width=ARROW_LENGTH / 2)


def _bars(dot: Dot, place: tuple[float, float], x_scale: Scale, y_scale: Scale) -> list[Markup]:
    x, y = place
    ends = []
    if dot.y.lower is not None and dot.y.upper is not None:
        ends.append((x, y_scale(dot.y.lower), x, y_scale(dot.y.upper)))
    if dot.x.lower is not None and dot.x.upper is not None:
        left, right = x_scale(dot.x.lower), x_scale(dot.x.upper)
        if right - left > 1:
            ends.append((left, y, right, y))
    return grid(ends, dot.mark.role, 2)


def _dodged(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Dots on the same spot step aside by 6 units each, so that none hides another."""
    taken: list[tuple[float, float]] = []
    for x, y in places:
        while any(abs(x - other_x) < 4 and abs(y - other_y) < 4 for other_x, other_y in taken):
            x += 6
        taken.append((x, y))
    return taken


def _labels(panel: Panel, places: Sequence[tuple[float, float]], x_scale: Scale, y_scale: Scale) -> list[Markup]:
    """A label near each dot, over no mark, interval or other label; those first that have to be there. An arm for which
    there is no room is found by its shape in the key."""
    dots = panel.dots
    taken: list[Box] = [(x - 7, y - 7, x + 7, y + 7) for x, y in places]
    for dot, (x, y) in zip(dots, places, strict=True):
        if dot.y.lower is not None and dot.y.upper is not None:
            taken.append((x - 1, y_scale(dot.y.upper), x + 1, y_scale(dot.y.lower)))
        if dot.x.lower is not None and dot.x.upper is not None:
            taken.append((x_scale(dot.x.lower), y - 1, x_scale(dot.x.upper), y + 1))
    joins: list[Box] = []
    for members in _series(dots, places).values():
        for (_, start), (_, end) in pairwise(members):
            joins += along(start, end)
    crowded = len(dots) + len(panel.beside) > _LABEL_LIMIT
    wanted = [
        pair
        for pair in zip(dots, places, strict=True)
        if not pair[0].before and (not crowded or pair[0].named or _efficient(pair[0], dots))
    ]
    leads, labels = [], []
    for dot, (x, y) in sorted(wanted, key=lambda pair: not pair[0].named):
        found = free_place(dot.label, x, y, taken, (_LEFT, _TOP - 12, WIDTH, _BOTTOM), lines=joins, needed=dot.named)
        if found is None:
            continue
        taken.append(found.box)
        if found.lead is not None:
            leads.append((x, y, *found.lead))
            taken += along((x, y), found.lead)
        labels.append(text(found.x, found.y, dot.label, anchor=found.anchor, role="text", bold=True, halo=True))
    return [*grid(leads, "muted", 0.75), *labels]


def _efficient(dot: Dot, dots: Sequence[Dot]) -> bool:
    """Whether no other dot is both further left and higher."""
    return not any(other.x.point < dot.x.point and other.y.point > dot.y.point for other in dots)
