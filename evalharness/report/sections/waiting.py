"""How long callers wait: percentile ladders, curves, rates, and the course over the run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from evalharness.core.findings import Estimate
from evalharness.report import numbers
from evalharness.report.cells import (
    NO_UPPER_LIMIT,
    Cell,
    Table,
    arm_row,
    lacks_upper_limit,
    quantile_cell,
    ratio_cell,
    share_cell,
    tokens_cell,
)
from evalharness.report.charts.course import drift
from evalharness.report.charts.ecdf import Curve, curve_scale, ecdf
from evalharness.report.charts.marks import Interval
from evalharness.report.charts.strip import LadderRow, ladder_axis, ladder_scale, ladder_strip
from evalharness.report.view import ArmView, View, scaled
from evalharness.report.words import metric_title, named

NAV = "Waiting"
TITLE = "How long do callers wait?"
LADDERS = ("ttfo_ms", "total_ms", "gap_ms")
CURVES = ("ttfo_ms", "total_ms")
QUANTILES = ("0.5", "0.9", "0.95", "0.99")
#: Up to here all curves share a panel; beyond, each arm has its own with the baseline in grey.
_ONE_PANEL = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class CurveGroup:
    title: str
    pictures: tuple[Markup, ...]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    load: str
    service_level: Table | None
    notes: tuple[str, ...]
    ladders: tuple[Table, ...]
    curves: tuple[CurveGroup, ...]
    rates: Table | None
    drift: tuple[Markup, ...]
    arms: tuple[ArmView, ...]


def build(view: View) -> Waiting | None:
    ladders = [table for metric in LADDERS if (table := _ladder(view, metric))]
    if not ladders:
        return None
    curves = [group for metric in CURVES if (group := _curves(view, metric))]
    return Waiting(
        load=_load_sentence(view),
        service_level=_service_level(view),
        notes=view.analysis.notes,
        ladders=tuple(ladders),
        curves=tuple(curves),
        rates=_rates(view),
        drift=_drift(view),
        arms=view.shown,
    )


def _load_sentence(view: View) -> str:
    load = view.run.plan.suite.load
    if load.shape == "closed":
        return (
            f"Closed loop: {numbers.plural(load.concurrency, 'call')} in flight, the next one starts when one ends. "
            "Such a load hides what callers who do not wait for each other would see."
        )
    return f"Load shape: {load.shape}. Total time counts from the moment each call was meant to start."


def _service_level(view: View) -> Table | None:
    """The share of good trials, right and inside every limit, against what the suite's ``slo`` asks for."""
    slo = view.run.plan.suite.slo
    if slo is None:
        return None
    limits = " and ".join(
        f"{metric_title(name).lower()} at most {numbers.duration(limit_ms)}" for name, limit_ms in slo.limits_ms.items()
    )
    target = numbers.percent(slo.share_at_least, 0 if round(slo.share_at_least * 100, 6).is_integer() else 1)
    rows = [
        arm_row(arm, [share_cell(arm.found.slo_share), Cell(main=_met(arm.found.slo_share, slo.share_at_least))])
        for arm in view.shown
    ]
    return Table(
        caption=f"Good calls, of which the suite asks for {target}",
        head="Arm",
        columns=("Good", "Target"),
        rows=tuple(rows),
        note=f"Good: right, and {limits}. A failed call is not good. Met: the whole interval reaches the target.",
    )


def _met(share: Estimate | None, target: float) -> str:
    if share is None or share.lower is None or share.upper is None:
        return "not enough data"
    if share.lower >= target:
        return "met"
    return "not met" if share.upper < target else "not enough data"


# ---------------------------------------------------------------- ladders


def _ladder(view: View, metric: str) -> Table | None:
    measured = [arm for arm in view.shown if metric in arm.found.times and arm.found.times[metric].n_measured]
    if not measured:
        return None
    limit = view.limit_ms(metric)
    drawn = {arm.arm_id: LadderRow(mark=arm.mark, quantiles=_drawn_quantiles(arm, metric)) for arm in measured}
    positive = [row for row in drawn.values() if any(interval.point > 0 for interval in row.quantiles)]
    scale = ladder_scale(positive, limit) if positive else None
    versus = [view.ratio(metric, arm.arm_id) for arm in measured]
    rows = []
    for arm, ratio in zip(measured, versus, strict=True):
        cells = [quantile_cell(arm.found.times[metric], q) for q in QUANTILES]
        if any(versus):
            cells.append(Cell(main="baseline") if arm.is_baseline else ratio_cell(ratio))
        rows.append(arm_row(arm, cells, ladder_strip(drawn[arm.arm_id], scale, limit) if scale else None))
    columns = ("p50", "p90", "p95", "p99", *(("Times baseline",) if any(versus) else ()))
    return Table(
        caption=metric_title(metric),
        head="Arm",
        columns=columns,
        rows=tuple(rows),
        axis=ladder_axis(scale, numbers.duration_tick, limit) if scale else None,
        note=_ladder_note(metric, measured, limit),
    )


def _drawn_quantiles(arm: ArmView, metric: str) -> list[Interval]:
    """Median, p95 and p99; p90 is in the table only."""
    found: list[Estimate | None] = [arm.found.times[metric].quantiles.get(q) for q in ("0.5", "0.95", "0.99")]
    return [scaled(estimate) for estimate in found if estimate is not None]


def _ladder_note(metric: str, arms: Sequence[ArmView], limit: float | None) -> str:
    parts = []
    if limit is not None:
        parts.append(f"Dashed rule: the suite's limit of {numbers.duration(limit)}.")
    failed = sum(arm.found.times[metric].n_failed for arm in arms)
    if failed:
        parts.append(f"{numbers.plural(failed, 'failed call')} {'counts' if failed == 1 else 'count'} as never ended.")
    without = sum(arm.found.times[metric].n_without for arm in arms)
    if without:
        parts.append(f"{numbers.plural(without, 'call')} ended without this time being measurable.")
    if any(lacks_upper_limit(arm.found.times[metric], QUANTILES) for arm in arms):
        parts.append(NO_UPPER_LIMIT)
    if metric == "total_ms":
        means = [
            f"{named(arm.label)} {numbers.duration(mean)}"
            for arm in arms
            if (mean := arm.found.times[metric].mean_given_success) is not None
        ]
        if means:
            parts.append(f"Mean, given success, beside the medians above: {'; '.join(means)}.")
    return " ".join(parts)


# ---------------------------------------------------------------- curves


def _curves(view: View, metric: str) -> CurveGroup | None:
    curves = {arm.arm_id: curve for arm in view.shown if (curve := _curve(arm, metric))}
    if not curves:
        return None
    title = metric_title(metric)
    scale = curve_scale(list(curves.values()))
    write = numbers.duration_tick
    if len(curves) <= _ONE_PANEL:
        pictures = [ecdf(list(curves.values()), scale, title=title, x_title=title, write=write)]
    else:
        pictures = [
            ecdf(
                _with_baseline(view, curves, arm_id),
                scale,
                title=f"{title}: {curve.label}",
                x_title=curve.label,
                write=write,
            )
            for arm_id, curve in curves.items()
        ]
    return CurveGroup(title=title, pictures=tuple(pictures), note=_failed_note(view, metric))


def _curve(arm: ArmView, metric: str) -> Curve | None:
    times = arm.found.times.get(metric)
    if times is None or len(times.ecdf_x) < 2 or max(times.ecdf_x) <= 0:
        return None
    median = times.quantiles.get("0.5")
    return Curve(
        label=arm.label,
        mark=arm.mark,
        xs=times.ecdf_x,
        ys=times.ecdf_y,
        median=median.point if median else None,
        band=times.band,
    )


def _with_baseline(view: View, curves: dict[str, Curve], arm_id: str) -> list[Curve]:
    """The arm's own curve over the baseline's in grey. Without bands and with fewer steps: there are many panels."""
    own = replace(curves[arm_id], band=None)
    base = curves.get(view.baseline.arm_id) if view.baseline and view.baseline.arm_id != arm_id else None
    pair = [own] if base is None else [replace(base, grey=True, band=None), own]
    return [_thinned(curve) for curve in pair]


def _thinned(curve: Curve, steps: int = 60) -> Curve:
    every = max(1, len(curve.xs) // steps)
    kept = [*range(0, len(curve.xs) - 1, every), len(curve.xs) - 1]
    return replace(curve, xs=[curve.xs[i] for i in kept], ys=[curve.ys[i] for i in kept])


def _failed_note(view: View, metric: str) -> str:
    failed = [(named(arm.label), arm.found.times[metric].n_failed) for arm in view.shown if metric in arm.found.times]
    counts = [f"{label} {numbers.count(number)}" for label, number in failed if number]
    return f"Failed calls never get there, so these curves end below 100%: {'; '.join(counts)}." if counts else ""


# ---------------------------------------------------------------- rates and course


def _rates(view: View) -> Table | None:
    names = [name for name in ("visible_tokens_per_s", "output_tokens_per_s") if _has_rate(view, name)]
    if not names:
        return None
    rows = [arm_row(arm, [tokens_cell(arm.found.rates.get(name)) for name in names]) for arm in view.shown]
    return Table(
        caption="Tokens per second, median over calls",
        head="Arm",
        columns=tuple(metric_title(name) for name in names),
        rows=tuple(rows),
        note="Visible tokens count from the first to the last piece of output; output tokens, reasoning included, over "
        "the whole call.",
    )


def _has_rate(view: View, name: str) -> bool:
    return any(arm.found.rates.get(name) is not None for arm in view.shown)


def _drift(view: View) -> tuple[Markup, ...]:
    pictures = []
    for arm in view.shown:
        if sum(value is not None for value in arm.found.drift) < 4:
            continue
        total = arm.found.times.get("total_ms")
        median = total.quantiles.get("0.5") if total else None
        top_text = f"median {numbers.duration(median.point)}" if median else ""
        pictures.append(drift(arm.found.drift, arm.mark, label=arm.label, top_text=top_text))
    return tuple(pictures)
