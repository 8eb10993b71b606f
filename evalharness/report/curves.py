"""Curves of how many calls had got there by a time: all in one panel, or one panel for each model and variant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from evalharness.report import numbers
from evalharness.report.charts.ecdf import Curve, curve_scale, ecdf
from evalharness.report.lanes import Lane
from evalharness.report.sight import is_drowned
from evalharness.report.words import figures_title, is_given_success, listed, named

#: Up to here all curves share a panel; beyond, those of a model do, or of a model's variant, or so many at a time.
_ONE_PANEL = 6
_MODEL_PANEL = 8
#: Of so many levels in one panel bands can be told apart; they differ in width as well as in place.
_LEVELS_WITH_BANDS = 3
#: A band of as much to either side, which prints as 50 points, says nothing of the middle of a curve.
_WHOLE_BAND = 0.495
#: Beyond this many curves there are none: no one could read them, and the page would be mostly path data.
MOST_CURVES = 24


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveGroup:
    """``pictures``: each with its name, empty for a panel of everything. ``has_grey``: the baseline is repeated."""

    title: str
    pictures: tuple[tuple[str, Markup], ...]
    note: str
    has_bands: bool
    has_grey: bool


_Drawn = Sequence[tuple[Lane, Curve]]


def curves(lanes: Sequence[Lane], metric: str) -> CurveGroup | None:
    """None where no lane has a curve that this client saw well enough, or so many have one that nobody could tell them
    apart."""
    drawn = [(lane, curve) for lane in lanes if (curve := _curve(lane, metric))]
    if not drawn or len(drawn) > MOST_CURVES:
        return None
    title, scale = figures_title(metric), curve_scale([curve for _, curve in drawn])
    panels = _panels(drawn)
    pictures = [
        (
            name,
            ecdf(
                panel,
                scale,
                title=f"{title}: {name}" if name else title,
                x_title=title,
                write=numbers.duration_tick,
            ),
        )
        for name, panel in panels
    ]
    notes = (_failed_note(lanes, metric), _band_note(title, drawn))
    return CurveGroup(
        title=title,
        pictures=tuple(pictures),
        note=" ".join(note for note in notes if note),
        has_bands=any(curve.band is not None and not curve.grey for _, panel in panels for curve in panel),
        has_grey=any(curve.grey for _, panel in panels for curve in panel),
    )


def _panels(drawn: _Drawn) -> list[tuple[str, list[Curve]]]:
    """Names (empty for a panel of everything) with their curves."""
    groups = list(dict.fromkeys(lane.group for lane, _ in drawn))
    if drawn[0][0].stretch is not None and len(groups) > 1:
        thin = [(lane, _thinned(replace(curve, band=None))) for lane, curve in drawn]
        return [(group, [curve for lane, curve in thin if lane.group == group]) for group in groups]
    if len(drawn) <= _ONE_PANEL:
        return [("", [replace(curve, band=None) if _bands_in_words(drawn) else curve for _, curve in drawn])]
    return [(name, _with_reference(drawn, members)) for name, members in _sharing(drawn)]


def _sharing(drawn: _Drawn) -> list[tuple[str, _Drawn]]:
    """The curves of each panel with what they have in common; small enough that each can be followed."""
    for names in ([lane.group for lane, _ in drawn], [lane.family for lane, _ in drawn]):
        panels: dict[str, list[tuple[Lane, Curve]]] = {}
        for name, pair in zip(names, drawn, strict=True):
            panels.setdefault(name, []).append(pair)
        if len(panels) > 1 and all(len(members) <= _MODEL_PANEL for members in panels.values()):
            return list(panels.items())
    parts = [drawn[first : first + _ONE_PANEL] for first in range(0, len(drawn), _ONE_PANEL)]
    return [(listed(named(lane.label) for lane, _ in part), part) for part in parts]


def _bands_in_words(drawn: _Drawn) -> bool:
    return drawn[0][0].stretch is not None and len(drawn) > _LEVELS_WITH_BANDS


def _band_note(title: str, drawn: _Drawn) -> str:
    """How far each level's curve may be off, where no band is drawn for it."""
    if not _bands_in_words(drawn) or len({lane.group for lane, _ in drawn}) > 1:
        return ""
    sizes = [f"{curve.label} {numbers.fixed(curve.band * 100, 0)}" for _, curve in drawn if curve.band is not None]
    wide = listed(curve.label for _, curve in drawn if curve.band is None)
    unsaid = f" At {wide} the calls are worth too few independent ones to say." if wide else ""
    if not sizes:
        return f"{title}: how far a whole curve may be off cannot be said at any level."
    said = f"each whole curve lies, with 95% confidence, so many points above or below: {'; '.join(sizes)}"
    return f"{title}: {said}.{unsaid}"


def _curve(lane: Lane, metric: str) -> Curve | None:
    times = lane.times(metric)
    if times is None or is_drowned(times) or len(times.ecdf_x) < 2 or max(times.ecdf_x) <= 0:
        return None
    median = times.quantiles.get("0.5")
    return Curve(
        label=lane.label,
        mark=lane.mark,
        xs=times.ecdf_x,
        ys=times.ecdf_y,
        median=median.point if median else None,
        band=times.band if times.band is not None and times.band < _WHOLE_BAND else None,
    )


def _with_reference(drawn: _Drawn, members: _Drawn) -> list[Curve]:
    """The curves of a panel over that of the baseline, or of the first level of load, in grey where it is not among
    them. Without bands and with fewer steps: there are many panels."""
    own = [_thinned(replace(curve, band=None)) for _, curve in members]
    first = next((lane for lane, _ in drawn if lane.stretch is not None), None)
    base = next(((lane, curve) for lane, curve in drawn if lane.is_baseline or lane is first), None)
    if base is None or any(lane is base[0] for lane, _ in members):
        return own
    return [_thinned(replace(base[1], grey=True, band=None)), *own]


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
