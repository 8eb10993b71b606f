"""How many calls ended within a time: step curves with their simultaneous bands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.report.charts.marks import Mark, marker
from evalharness.report.charts.scales import Scale, apart, told
from evalharness.report.charts.svg import element, frame, grid, paint, path, polyline, text

WIDTH, HEIGHT = 400, 270
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 388, 14, 222
_SHARES = (0.0, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curve:
    """Steps at ``xs`` (milliseconds, rising) up to ``ys`` (shares of all calls: a curve with failures ends below 1).

    ``band`` is the half-height of the simultaneous band; None draws none. ``grey``: a curve repeated for reference.
    """

    label: str
    mark: Mark
    xs: Sequence[float]
    ys: Sequence[float]
    median: float | None
    band: float | None = None
    grey: bool = False


def curve_scale(curves: Sequence[Curve]) -> Scale:
    """One logarithmic axis for all ``curves``: small multiples share it, so that panels can be compared by eye."""
    values = [value for curve in curves for value in curve.xs if value > 0]
    low, high = min(values) * 0.9, max(values) * 1.05
    return Scale(low, high, _LEFT + 8, _RIGHT, logarithmic=True)


def ecdf(curves: Sequence[Curve], scale: Scale, *, title: str, x_title: str, write: Callable[[float], str]) -> Markup:
    heights = Scale(0.0, 1.0, _BOTTOM, _TOP)
    body = _axes(scale, heights, x_title, write)
    for curve in curves:
        body += _band(curve, scale, heights)
    for curve in curves:
        points = _steps(curve, scale, heights)
        role, width = ("muted", 1.0) if curve.grey else (curve.mark.role, 2.0)
        body.append(polyline(points, role, width, **{"stroke-dasharray": curve.mark.dashes}))
    for curve in curves:
        if curve.median is not None and not curve.grey:
            body.append(marker(scale(curve.median), heights(0.5), curve.mark))
    return frame(WIDTH, HEIGHT, body, title=title, desc=_description(curves, x_title, write))


def _description(curves: Sequence[Curve], x_title: str, write: Callable[[float], str]) -> str:
    medians = [
        f"{curve.label}: half within {write(told(curve.median))}"
        if curve.median is not None
        else f"{curve.label}: no median"
        for curve in curves
    ]
    return f"Share of calls that ended within a time, {x_title}. " + "; ".join(medians) + "."


def _axes(scale: Scale, heights: Scale, x_title: str, write: Callable[[float], str]) -> list[Markup]:
    parts = [text(_RIGHT, HEIGHT - 6, f"{x_title}, log scale", anchor="end")]
    ticks = scale.ticks(5)
    parts += grid(
        [
            *((_LEFT, heights(share), _RIGHT, heights(share)) for share in _SHARES),
            *((scale(tick), _TOP, scale(tick), _BOTTOM) for tick in ticks),
        ]
    )
    parts += [text(_LEFT - 6, heights(share) + 4, f"{share:.0%}", anchor="end") for share in _SHARES]
    labels = apart([(scale(tick), write(tick)) for tick in ticks], 0, WIDTH)
    return parts + [text(x, _BOTTOM + 18, label, anchor="middle") for x, label in labels]


def _steps(curve: Curve, scale: Scale, heights: Scale) -> list[tuple[float, float]]:
    """Up at each value, level to the next; a curve that does not reach 1 runs level to the end of the axis."""
    height = heights(0.0)
    points = [(scale(curve.xs[0]), height)] if curve.xs else []
    for x, share in zip(curve.xs, curve.ys, strict=True):
        points += [(scale(x), height), (scale(x), heights(share))]
        height = heights(share)
    if curve.ys and curve.ys[-1] < 0.9999:
        points.append((scale.end, height))
    return points


def _band(curve: Curve, scale: Scale, heights: Scale) -> list[Markup]:
    """Straight between the points: at 15% opacity its steps could not be seen, and they double the bytes."""
    if curve.band is None or curve.grey or len(curve.xs) < 2:
        return []
    every = max(1, len(curve.xs) // 40)
    kept = [*range(0, len(curve.xs) - 1, every), len(curve.xs) - 1]
    upper = [(scale(curve.xs[index]), heights(curve.ys[index] + curve.band)) for index in kept]
    lower = [(scale(curve.xs[index]), heights(curve.ys[index] - curve.band)) for index in reversed(kept)]
    attributes = paint(fill=curve.mark.role) | {"opacity": "0.15", "d": path([*upper, *lower]) + "Z"}
    return [element("path", attributes)]
