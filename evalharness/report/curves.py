"""Curves of how many calls had got there by a time: all in one panel, or one panel for each arm."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from evalharness.report import numbers
from evalharness.report.charts.ecdf import Curve, curve_scale, ecdf
from evalharness.report.lanes import Lane
from evalharness.report.words import figures_title, is_given_success, named

#: Up to here all curves share a panel; beyond, each arm has its own with the baseline in grey.
_ONE_PANEL = 6
#: Of so many levels in one panel bands can be told apart; they differ in width as well as in place.
_LEVELS_WITH_BANDS = 3
#: Beyond this many curves there are none: no one could read them, and the page would be mostly path data.
MOST_CURVES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveGroup:
    title: str
    pictures: tuple[Markup, ...]
    note: str
    has_bands: bool


_Drawn = Sequence[tuple[Lane, Curve]]


def curves(lanes: Sequence[Lane], metric: str) -> CurveGroup | None:
    """None where no lane has a curve, or so many have one that nobody could tell them apart."""
    drawn = [(lane, curve) for lane in lanes if (curve := _curve(lane, metric))]
    if not drawn or len(drawn) > MOST_CURVES:
        return None
    title, scale = figures_title(metric), curve_scale([curve for _, curve in drawn])
    panels = _panels(drawn)
    pictures = [
        ecdf(
            panel,
            scale,
            title=f"{title}: {name}" if name else title,
            x_title=name or title,
            write=numbers.duration_tick,
        )
        for name, panel in panels
    ]
    notes = (_failed_note(lanes, metric), _band_note(drawn))
    return CurveGroup(
        title=title,
        pictures=tuple(pictures),
        note=" ".join(note for note in notes if note),
        has_bands=any(curve.band is not None and not curve.grey for _, panel in panels for curve in panel),
    )


def _panels(drawn: _Drawn) -> list[tuple[str, list[Curve]]]:
    """Names (empty for a panel of everything) with their curves."""
    groups = list(dict.fromkeys(lane.group for lane, _ in drawn))
    if drawn[0][0].stretch is not None and len(groups) > 1:
        thin = [(lane, _thinned(replace(curve, band=None))) for lane, curve in drawn]
        return [(group, [curve for lane, curve in thin if lane.group == group]) for group in groups]
    if len(drawn) <= _ONE_PANEL:
        return [("", [replace(curve, band=None) if _bands_in_words(drawn) else curve for _, curve in drawn])]
    return [(curve.label, _with_reference(drawn, lane, curve)) for lane, curve in drawn]


def _bands_in_words(drawn: _Drawn) -> bool:
    return drawn[0][0].stretch is not None and len(drawn) > _LEVELS_WITH_BANDS


def _band_note(drawn: _Drawn) -> str:
    """How far each level's curve may be off, where no band is drawn for it."""
    if not _bands_in_words(drawn) or len({lane.group for lane, _ in drawn}) > 1:
        return ""
    sizes = [f"{curve.label} {numbers.fixed(curve.band * 100, 0)}" for _, curve in drawn if curve.band is not None]
    return f"Each whole curve lies, with 95% confidence, within so many points above and below: {'; '.join(sizes)}."


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


def _with_reference(drawn: _Drawn, lane: Lane, curve: Curve) -> list[Curve]:
    """The lane's own curve over that of the baseline, or of the first level of load, in grey. Without bands and with
    fewer steps: there are many panels."""
    own = replace(curve, band=None)
    first = next((each for each, _ in drawn if each.stretch is not None), None)
    base = next((other for each, other in drawn if (each.is_baseline or each is first) and each is not lane), None)
    pair = [own] if base is None else [replace(base, grey=True, band=None), own]
    return [_thinned(one) for one in pair]


def _thinned(curve: Curve, steps: int = 60) -> Curve:
    every = max(1, len(curve.xs) // steps)
    kept = [*range(0, len(curve.xs) - 1, every), len(curve.xs) - 1]
    return replace(curve, xs=[curve.xs[i] for i in kept], ys=[curve.ys[i] for i in kept])


def _failed_note(lanes: Sequence[Lane], metric: str) -> str:
    if is_given_success(metric):
        return ""
    failed = [(named(lane.label), times.n_failed) for lane in lanes if (times := lane.times(metric))]
    counts = [f"{label} {numbers.count(number)}" for label, number in failed if number]
    return f"Failed calls never get there, so these curves end below 100%: {'; '.join(counts)}." if counts else ""
