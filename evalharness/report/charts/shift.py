"""How many times as long each quantile takes: a ratio per quantile with its joint interval, above or below 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.report.charts.marks import Interval, Mark, marker
from evalharness.report.charts.scales import Scale, apart, positive_scale
from evalharness.report.charts.svg import frame, line, text

WIDTH, HEIGHT = 400, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 46, 388, 26, 188
#: Ratios further than this from 1 leave it out of the axis: their differences would be too small to see.
_NEAR = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftPoint:
    """``label``: the quantile, as in ``p95``. ``ratio`` None: there is none."""

    label: str
    ratio: Interval | None


def shift_chart(points: Sequence[ShiftPoint], mark: Mark, *, title: str, y_title: str, x_title: str) -> Markup:
    """At least one point must have a ratio. The quantiles stand side by side, evenly: they are read one by one."""
    ratios = [point.ratio for point in points if point.ratio is not None]
    ends = [end for ratio in ratios for end in ratio.ends if end > 0]
    near = min(ends) < _NEAR and max(ends) > 1 / _NEAR
    upwards = positive_scale([*ends, *([1.0] if near else [])], _BOTTOM, _TOP, always_log=True)
    places = _places(len(points))
    body = [text(0, 12, y_title), text(_RIGHT, HEIGHT - 6, x_title, anchor="end")]
    for tick in upwards.ticks(5):
        body.append(line(_LEFT, upwards(tick), _RIGHT, upwards(tick), "line"))
        body.append(text(_LEFT - 6, upwards(tick) + 4, f"{tick:g}×", anchor="end"))
    if near:
        body.append(line(_LEFT, upwards(1.0), _RIGHT, upwards(1.0), "text"))
    labels = apart([(x, point.label) for x, point in zip(places, points, strict=True)], _LEFT - 8, WIDTH)
    body += [text(x, _BOTTOM + 18, label, anchor="middle") for x, label in labels]
    for x, point in zip(places, points, strict=True):
        if point.ratio is not None:
            body += _drawn(x, point.ratio, upwards, mark)
    return frame(WIDTH, HEIGHT, body, title=title, desc=_description(points, y_title))


def _places(n: int) -> list[float]:
    step = (_RIGHT - _LEFT) / n
    return [_LEFT + step * (at + 0.5) for at in range(n)]


def _drawn(x: float, ratio: Interval, scale: Scale, mark: Mark) -> list[Markup]:
    """A limit that the data do not give is drawn dotted to the edge."""
    parts = []
    for limit, edge in ((ratio.lower, scale.low), (ratio.upper, scale.high)):
        end = scale(edge if limit is None else limit)
        dots = {"stroke_dasharray": "1 4"} if limit is None else {"stroke_linecap": "round"}
        parts.append(line(x, scale(ratio.point), x, end, mark.role, 2 if limit is None else 3, **dots))
    return [*parts, marker(x, scale(ratio.point), mark)]


def _description(points: Sequence[ShiftPoint], y_title: str) -> str:
    told = [f"{point.label}: {point.ratio.point:.2f}" for point in points if point.ratio is not None]
    return f"{y_title}. {'; '.join(told)}."
