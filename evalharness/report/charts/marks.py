"""Markers, intervals and arrow heads: what stands for an arm is always a shape and a colour together."""

from __future__ import annotations

import math
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.report.charts.scales import Scale
from evalharness.report.charts.svg import decoration, element, line, number, paint, path
from evalharness.report.palette import SHAPES

#: Radius of each shape so that all look equally heavy.
_RADIUS = {"circle": 5.0, "square": 6.2, "diamond": 6.2, "star": 7.0, "hexagon": 5.6}


#: From its tip to its back.
ARROW_LENGTH = 7.0

_DASHES = (None, "6 3", "2 3", "8 3 2 3")


@dataclass(frozen=True, slots=True)
class Mark:
    """How an arm looks everywhere. ``place`` is its place on the effort scale, ``dash`` its variant's line style."""

    place: int
    dash: int = 0

    @property
    def role(self) -> str:
        return f"e{self.place}"

    @property
    def shape(self) -> str:
        return SHAPES[self.place]

    @property
    def dashes(self) -> str | None:
        """Stroke pattern: solid for the first variant."""
        return _DASHES[self.dash % len(_DASHES)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """What is drawn of an estimate, in the axis' own unit; a limit the data do not give is None."""

    point: float
    lower: float | None
    upper: float | None

    @property
    def ends(self) -> list[float]:
        return [value for value in (self.lower, self.point, self.upper) if value is not None]


def marker(x: float, y: float, mark: Mark, *, halo: bool = True, hollow: bool = False) -> Markup:
    """The arm's shape around (x, y); the halo keeps it apart from lines that pass behind it."""
    colour = paint(fill=mark.role, stroke="bg" if halo else None, width=1.5 if halo else None)
    if hollow:
        colour = paint(fill="bg", stroke=mark.role, width=2)
    if mark.shape == "circle":
        return element("circle", colour | {"cx": x, "cy": y, "r": _RADIUS["circle"]})
    return element("path", colour | {"d": _outline(x, y, mark.shape)})


def _outline(x: float, y: float, shape: str) -> str:
    radius = _RADIUS.get(shape, 6.4)
    radii: tuple[float, ...]
    if shape == "star":
        radii, count, turn = (radius, radius * 0.45), 10, -90.0
    elif shape == "hexagon":
        radii, count, turn = (radius,), 6, -90.0
    elif shape in ("square", "diamond"):
        radii, count, turn = (radius,), 4, -45.0 if shape == "square" else -90.0
    else:
        radii, count, turn = (radius,), 3, -90.0 if shape == "triangle" else 90.0
    corners = []
    for corner in range(count):
        angle, reach = math.radians(turn + 360 * corner / count), radii[corner % len(radii)]
        corners.append(f"{number(x + reach * math.cos(angle))} {number(y + reach * math.sin(angle))}")
    return "M" + "L".join(corners) + "Z"


def swatch(mark: Mark) -> Markup:
    """The shape alone, for keys and table rows."""
    return decoration(16, 16, [marker(8, 8, mark, halo=False)], kind="swatch")


def dash_swatch(mark: Mark) -> Markup:
    """The line alone, for keys."""
    return decoration(28, 16, [line(0, 8, 28, 8, "muted", 2, stroke_dasharray=mark.dashes)], kind="swatch")


def horizontal_interval(scale: Scale, y: float, interval: Interval, mark: Mark) -> list[Markup]:
    """A bar from limit to limit with the marker on it; what leaves the axis ends in an arrow head.

    A missing limit is drawn to the end of the axis, without a cap and dotted: there is none, it is not far away.
    """
    low, high = (scale(interval.point if limit is None else limit) for limit in (interval.lower, interval.upper))
    parts = []
    if number(low) != number(high):
        parts.append(line(low, y, high, y, mark.role, 3, stroke_linecap="round"))
    for limit, edge in ((interval.lower, scale.low), (interval.upper, scale.high)):
        if limit is None:
            parts.append(line(scale(interval.point), y, scale(edge), y, mark.role, 2, stroke_dasharray="1 4"))
        elif not scale.holds(limit):
            parts.append(arrow_head((scale(limit), y), mark.role, ahead=(1.0 if limit > scale.high else -1.0, 0.0)))
    if scale.holds(interval.point):
        parts.append(marker(scale(interval.point), y, mark))
    return parts


def arrow_head(tip: tuple[float, float], role: str, *, ahead: tuple[float, float], half_width: float = 5.0) -> Markup:
    """A triangle whose ``tip`` points ``ahead``, a vector of length 1."""
    back = tip[0] - ARROW_LENGTH * ahead[0], tip[1] - ARROW_LENGTH * ahead[1]
    aside = half_width * ahead[1], half_width * ahead[0]
    sides = [(back[0] + aside[0], back[1] - aside[1]), (back[0] - aside[0], back[1] + aside[1])]
    return element("path", paint(fill=role) | {"d": path([tip, *sides]) + "z"})
