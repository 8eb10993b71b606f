"""The gate strip: an interval against what is demanded. Each row has its own axis, the limit is where all rows meet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.report.charts.marks import Interval, Mark, horizontal_interval
from evalharness.report.charts.scales import LETTER, Scale
from evalharness.report.charts.svg import decoration, line, number, rect, text

WIDTH, HEIGHT = 240, 40
_BAND = 24
_MIDDLE = _BAND / 2
_INSET = 10
_LABEL_Y = 38


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit on the axis of its row, and how it is written below it."""

    value: float
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRow:
    """``lower`` and ``upper``: the limits of the region in which the quantity has to lie, at least one of them.

    ``found`` None: nothing was found, only the demand is drawn. ``extremes``: how far it could lie with all missing
    calls against it and for it, None where none is missing.
    """

    found: Interval | None
    mark: Mark
    lower: Limit | None = None
    upper: Limit | None = None
    extremes: tuple[float, float] | None = None

    @property
    def limits(self) -> list[Limit]:
        return [limit for limit in (self.lower, self.upper) if limit is not None]


def gate_strip(row: GateRow) -> Markup:
    """The allowed region is shaded, its limits are ruled and labelled; a thin line is what missing calls could do."""
    scale = gate_scale(row)
    body = [_allowed(row, scale), line(0, _MIDDLE, WIDTH, _MIDDLE, "line")]
    body += [line(scale(limit.value), 0, scale(limit.value), _BAND, "text", 1.5) for limit in row.limits]
    if row.extremes is not None:
        low, high = (scale(end) for end in row.extremes)
        body += [line(low, _MIDDLE, high, _MIDDLE, row.mark.role, 1.5, stroke_dasharray="4 2")]
    if row.found is not None:
        body += horizontal_interval(scale, _MIDDLE, row.found, row.mark)
    return decoration(WIDTH, HEIGHT, [*body, *_labels(row, scale)], kind="strip")


def gate_scale(row: GateRow) -> Scale:
    """With the limit (of two their middle) at its centre, wide enough for everything drawn."""
    limits = [limit.value for limit in row.limits]
    centre = sum(limits) / len(limits)
    ends = [*limits, *(row.found.ends if row.found else []), *(row.extremes or ())]
    reach = max(abs(end - centre) for end in ends) * 1.15
    reach = reach or abs(centre) * 0.1 or 1.0
    return Scale(centre - reach, centre + reach, _INSET, WIDTH - _INSET)


def _allowed(row: GateRow, scale: Scale) -> Markup:
    left = 0.0 if row.lower is None else scale(row.lower.value)
    right = float(WIDTH) if row.upper is None else scale(row.upper.value)
    return rect(left, 0, right - left, _BAND, "line", opacity="0.55")


def _labels(row: GateRow, scale: Scale) -> Sequence[Markup]:
    """Under their rules, moved inwards at the ends; two that would touch stand to the left and right of their rules."""
    placed = [(scale(limit.value), limit.label) for limit in row.limits]
    if len(placed) == 2 and placed[1][0] - placed[0][0] < sum(len(label) for _, label in placed) / 2 * LETTER + 6:
        (left, first), (right, second) = placed
        return [
            text(max(left, len(first) * LETTER), _LABEL_Y, first, anchor="end"),
            text(max(right, left + 6), _LABEL_Y, second),
        ]
    return [text(_inside(x, label), _LABEL_Y, label, anchor="middle") for x, label in placed]


def _inside(x: float, label: str) -> float:
    half = len(label) * LETTER / 2
    return float(number(min(max(x, half), WIDTH - half)))
