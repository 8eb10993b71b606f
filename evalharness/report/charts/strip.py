"""Small axes beside numbers: the quality strip of the arm table, the forest rows, the percentile ladder.

An axis and its rows share width and view box, so that a tick stands over its value even where no style sheet applies.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.report.charts.marks import Interval, Mark, horizontal_interval, marker
from evalharness.report.charts.scales import LETTER, Scale, apart, nice_step, padded, positive_scale
from evalharness.report.charts.svg import Attribute, decoration, element, grid, line, number, paint, rect, text

QUALITY_WIDTH, QUALITY_HEIGHT = 150, 22
FOREST_WIDTH, FOREST_HEIGHT = 320, 26
LADDER_WIDTH, LADDER_HEIGHT = 320, 26
#: In an axis the limit's rule begins here: through a label it would strike it out.
_BELOW_LABELS = 19.0
_INSET = 10
#: An outline of the error that is no wider than this lies within its mark.
_HIDDEN = 12.0


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderRow:
    """One arm's quantiles in rising order: the first gets the marker, the others a tick.

    ``errors_ms``: how far each may be from what the service did because of this client; empty where it is not known.
    """

    mark: Mark
    quantiles: Sequence[Interval]
    errors_ms: Sequence[float] = ()


# ---------------------------------------------------------------- quality


def quality_scale(intervals: Sequence[Interval]) -> Scale:
    """Percent; a tenth of room at both ends, never beyond 0 and 100."""
    ends = [end for interval in intervals for end in interval.ends]
    low, high = padded(min(ends), max(ends))
    return Scale(max(0.0, low), min(100.0, high), _INSET, QUALITY_WIDTH - _INSET)


def quality_strip(interval: Interval, scale: Scale, mark: Mark) -> Markup:
    middle = QUALITY_HEIGHT / 2
    axis = line(0, middle, QUALITY_WIDTH, middle, "line")
    return decoration(
        QUALITY_WIDTH, QUALITY_HEIGHT, [axis, *horizontal_interval(scale, middle, interval, mark)], kind="strip"
    )


# ---------------------------------------------------------------- differences


def forest_scale(intervals: Sequence[Interval], margin: float | None) -> Scale:
    """Points, symmetric about zero and at most 100 to a side. One very wide interval does not squeeze the others: it
    is clipped instead."""
    reach = sorted(max(abs(end) for end in interval.ends) for interval in intervals)
    typical = reach[len(reach) // 2]
    wanted = max(min(reach[-1], 3 * typical), 1.5 * (margin or 0), 0.5)
    step = nice_step(2 * wanted, 6)
    end = min(-(-wanted * 1.02 // step) * step, 100.0)
    return Scale(-end, end, _INSET, FOREST_WIDTH - _INSET)


def forest_axis(scale: Scale, margin: float | None) -> Markup:
    def label(tick: float) -> str:
        return f"{tick:+g}".replace("-", "\N{MINUS SIGN}") if tick else "0"

    body = [*_band(scale, margin, FOREST_HEIGHT), *_axis_labels(scale, FOREST_WIDTH, label)]
    return decoration(FOREST_WIDTH, FOREST_HEIGHT, body, kind="axis")


def forest_strip(interval: Interval, scale: Scale, mark: Mark, margin: float | None) -> Markup:
    middle = FOREST_HEIGHT / 2
    ticks = grid((scale(tick), 0, scale(tick), FOREST_HEIGHT) for tick in scale.ticks(6) if tick)
    zero = line(scale(0), 0, scale(0), FOREST_HEIGHT, "text")
    body = [*_band(scale, margin, FOREST_HEIGHT), *ticks, zero, *horizontal_interval(scale, middle, interval, mark)]
    return decoration(FOREST_WIDTH, FOREST_HEIGHT, body, kind="strip")


def _band(scale: Scale, margin: float | None, height: float) -> list[Markup]:
    """What counts as the same: shaded, where the suite states a margin."""
    if not margin:
        return []
    left, right = scale(-margin), scale(margin)
    return [rect(left, 0, right - left, height, "line", opacity="0.55")]


# ---------------------------------------------------------------- quantiles


def ladder_scale(rows: Sequence[LadderRow], limit_ms: float | None) -> Scale:
    """Milliseconds. Logarithmic whatever the span; a stated limit is inside it."""
    values = [end for row in rows for interval in row.quantiles for end in interval.ends if end > 0]
    return positive_scale([*values, *([limit_ms] if limit_ms else [])], 16, LADDER_WIDTH - 16, always_log=True)


def ladder_axis(scale: Scale, write: Callable[[float], str], limit_ms: float | None) -> Markup:
    """The limit's own label first; a tick that it would touch goes without one."""
    if limit_ms is None or not scale.holds(limit_ms):
        return decoration(LADDER_WIDTH, LADDER_HEIGHT, _axis_labels(scale, LADDER_WIDTH, write), kind="axis")
    label = f"limit {write(limit_ms)}"
    half = len(label) * LETTER / 2
    middle = min(max(scale(limit_ms), half), LADDER_WIDTH - half)
    body = _axis_labels(scale, LADDER_WIDTH, write, taken=(middle - half, middle + half))
    body.append(text(middle, 16, label, anchor="middle", role="worse"))
    return decoration(LADDER_WIDTH, LADDER_HEIGHT, [*body, *_limit(scale, limit_ms, _BELOW_LABELS)], kind="axis")


def ladder_strip(row: LadderRow, scale: Scale, limit_ms: float | None) -> Markup:
    middle, mark = LADDER_HEIGHT / 2, row.mark
    body = grid((scale(tick), 0, scale(tick), LADDER_HEIGHT) for tick in scale.ticks(4))
    body += [*_limit(scale, limit_ms), *_errors(row, scale)]
    points = [interval.point for interval in row.quantiles]
    if points:
        body.append(line(scale(points[0]), middle, scale(points[-1]), middle, mark.role))
    bars = [_ends(interval, scale) for interval in row.quantiles]
    body += grid([(low, middle, high, middle) for low, high in bars if number(low) != number(high)], mark.role, 4)
    unlimited = min((scale(interval.point) for interval in row.quantiles if interval.upper is None), default=None)
    if unlimited is not None:
        body.append(line(unlimited, middle, scale.end, middle, mark.role, 2, stroke_dasharray="1 4"))
    ticks = [scale(point) for point in points[1:]]
    body += grid(dict.fromkeys((x, middle - 6, x, middle + 6) for x in ticks), mark.role, 2)
    body += [marker(scale(point), middle, mark) for point in points[:1]]
    return decoration(LADDER_WIDTH, LADDER_HEIGHT, body, kind="strip")


def shows_error(row: LadderRow, scale: Scale) -> bool:
    return bool(_errors(row, scale))


def _errors(row: LadderRow, scale: Scale) -> list[Markup]:
    """Around each quantile an outline as wide as the error: behind the data and thinner than they are. One that the
    mark itself would hide is not drawn."""
    outlines = []
    for interval, error_ms in zip(row.quantiles, row.errors_ms, strict=False):
        left, right = _error_ends(interval, error_ms, scale)
        if right - left > _HIDDEN:
            box: dict[str, Attribute] = {"x": left, "y": 4.0, "width": right - left, "height": LADDER_HEIGHT - 8.0}
            outlines.append(element("rect", paint(stroke="muted", width=0.75) | box | {"rx": 2.0}))
    return outlines


def _error_ends(interval: Interval, error_ms: float, scale: Scale) -> tuple[float, float]:
    return scale(interval.point - error_ms), scale(interval.point + error_ms)


def _ends(interval: Interval, scale: Scale) -> tuple[float, float]:
    """Of the thick part: from limit to limit; without an upper limit only up to the point, and dotted from there."""
    low = interval.point if interval.lower is None else interval.lower
    return scale(low), scale(interval.point if interval.upper is None else interval.upper)


def _limit(scale: Scale, limit_ms: float | None, top: float = 0.0) -> list[Markup]:
    if limit_ms is None or not scale.holds(limit_ms):
        return []
    x = scale(limit_ms)
    return [line(x, top, x, LADDER_HEIGHT, "worse", 1.5, stroke_dasharray="4 2")]


def _axis_labels(
    scale: Scale, width: float, write: Callable[[float], str], *, taken: tuple[float, float] | None = None
) -> list[Markup]:
    """Labels over their ticks, moved inwards at the ends rather than cut off, none over another or over what is
    ``taken``."""
    labels = [(scale(tick), write(tick)) for tick in scale.ticks(4 if scale.logarithmic else 6)]
    if taken is not None:
        left, right = taken
        labels = [(x, label) for x, label in labels if not left - _reach(label) < x < right + _reach(label)]
    return [text(x, 16, label, anchor="middle") for x, label in apart(labels, 0, width)]


def _reach(label: str) -> float:
    return len(label) * LETTER / 2 + 4
