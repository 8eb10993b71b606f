"""Curves of how many calls had got there by a time: all in one panel, or one panel for each arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from evalharness.report import numbers
from evalharness.report.charts.ecdf import Curve, curve_scale, ecdf
from evalharness.report.lanes import Lane
from evalharness.report.words import metric_title, named

#: Up to here all curves share a panel; beyond, each arm has its own with the baseline in grey.
_ONE_PANEL = 6
#: Beyond this many curves there are none: no one could read them, and the page would be mostly path data.
_MOST_CURVES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveGroup:
    title: str
    pictures: tuple[Markup, ...]
    note: str


_Drawn = Sequence[tuple[Lane, Curve]]


def curves(lanes: Sequence[Lane], metric: str) -> CurveGroup | None:
    """None where no lane has a curve, or so many have one that nobody could tell them apart."""
    drawn = [(lane, curve) for lane in lanes if (curve := _curve(lane, metric))]
    if not drawn or len(drawn) > _MOST_CURVES:
        return None
    title, scale = metric_title(metric), curve_scale([curve for _, curve in drawn])
    pictures = [
        ecdf(
            panel,
            scale,
            title=f"{title}: {name}" if name else title,
            x_title=name or title,
            write=numbers.duration_tick,
        )
        for name, panel in _panels(drawn)
    ]
    return CurveGroup(title=title, pictures=tuple(pictures), note=_failed_note(lanes, metric))


def _panels(drawn: _Drawn) -> list[tuple[str, list[Curve]]]:
    """Names (empty for a panel of everything) with their curves."""
    groups = list(dict.fromkeys(lane.group for lane, _ in drawn))
    if drawn[0][0].stretch is not None and len(groups) > 1:
        thin = [(lane, _thinned(replace(curve, band=None))) for lane, curve in drawn]
        return [(group, [curve for lane, curve in thin if lane.group == group]) for group in groups]
    if len(drawn) <= _ONE_PANEL:
        return [("", [curve for _, curve in drawn])]
    return [(curve.label, _with_baseline(drawn, lane, curve)) for lane, curve in drawn]


def _curve(lane: Lane, metric: str) -> Curve | None:
    times = lane.times(metric)
    if times is None or len(times.ecdf_x) < 2 or max(times.ecdf_x) <= 0:
        return None
    median = times.quantiles.get("0.5")
    return Curve(
        label=lane.label,
        mark=lane.mark,
        xs=times.ecdf_x,
        ys=times.ecdf_y,
        median=median.point if median else None,
        band=times.band,
    )


def _with_baseline(drawn: _Drawn, lane: Lane, curve: Curve) -> list[Curve]:
    """The arm's own curve over the baseline's in grey. Without bands and with fewer steps: there are many panels."""
    own = replace(curve, band=None)
    base = next((other for each, other in drawn if each.is_baseline and each is not lane), None)
    pair = [own] if base is None else [replace(base, grey=True, band=None), own]
    return [_thinned(one) for one in pair]


def _thinned(curve: Curve, steps: int = 60) -> Curve:
    every = max(1, len(curve.xs) // steps)
    kept = [*range(0, len(curve.xs) - 1, every), len(curve.xs) - 1]
    return replace(curve, xs=[curve.xs[i] for i in kept], ys=[curve.ys[i] for i in kept])


def _failed_note(lanes: Sequence[Lane], metric: str) -> str:
    failed = [(named(lane.label), times.n_failed) for lane in lanes if (times := lane.times(metric))]
    counts = [f"{label} {numbers.count(number)}" for label, number in failed if number]
    return f"Failed calls never get there, so these curves end below 100%: {'; '.join(counts)}." if counts else ""
