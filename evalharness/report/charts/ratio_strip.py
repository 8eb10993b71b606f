"""Rows of ratios on one axis: how many times as much, equal factors equally far from 1 on either side."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from evalharness.report.charts.marks import Interval, Mark, horizontal_interval
from evalharness.report.charts.scales import Scale, apart
from evalharness.report.charts.strip import FOREST_HEIGHT, FOREST_WIDTH
from evalharness.report.charts.svg import decoration, grid, line, text

_INSET = 10
_LEAST = 1.1
_TICKS = 6


def ratio_scale(intervals: Sequence[Interval]) -> Scale:
    """Logarithmic, symmetric about 1. One very wide interval does not squeeze the others: it is clipped instead."""
    reach = sorted(max(abs(math.log(end)) for end in interval.ends if end > 0) for interval in intervals)
    typical = reach[len(reach) // 2]
    wanted = math.exp(max(min(reach[-1], 3 * typical), math.log(_LEAST)) * 1.05)
    return Scale(1 / wanted, wanted, _INSET, FOREST_WIDTH - _INSET, logarithmic=True)


def ratio_axis(scale: Scale) -> Markup:
    labels = [(scale(tick), f"{tick:g}\N{MULTIPLICATION SIGN}") for tick in scale.ticks(_TICKS)]
    body = [text(x, 16, label, anchor="middle") for x, label in apart(labels, 0, FOREST_WIDTH)]
    return decoration(FOREST_WIDTH, FOREST_HEIGHT, body, kind="axis")


def ratio_strip(interval: Interval, scale: Scale, mark: Mark) -> Markup:
    ticks = grid((scale(tick), 0, scale(tick), FOREST_HEIGHT) for tick in scale.ticks(_TICKS) if tick != 1)
    same = line(scale(1), 0, scale(1), FOREST_HEIGHT, "text")
    body = [*ticks, same, *horizontal_interval(scale, FOREST_HEIGHT / 2, interval, mark)]
    return decoration(FOREST_WIDTH, FOREST_HEIGHT, body, kind="strip")
