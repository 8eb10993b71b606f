"""How long callers wait: percentile ladders, curves, where the time went, the course over the run, and how well all
of it was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.report import numbers
from evalharness.report.cells import Cell, Table, arm_row, share_cell, tokens_cell
from evalharness.report.charts.course import drift
from evalharness.report.curves import MOST_CURVES, CurveGroup, curves
from evalharness.report.divided import Divided, divided
from evalharness.report.ladders import ladder
from evalharness.report.lanes import Lane, arm_lanes, has_steps, lanes
from evalharness.report.load_words import load_sentence
from evalharness.report.observed import Observed, observed
from evalharness.report.service_words import apart_from, share_text, things
from evalharness.report.steadiness import steadiness_table
from evalharness.report.view import View
from evalharness.report.words import metric_title

NAV = "Waiting"
TITLE = "How long do callers wait?"
LADDERS = ("ttfo_ms", "total_ms")
CURVES = ("ttfo_ms", "total_ms")


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    load: str
    service_level: Table | None
    notes: tuple[str, ...]
    ladders: tuple[Table, ...]
    curves: tuple[CurveGroup, ...]
    curves_note: str
    rates: Table | None
    divided: Divided | None
    steadiness: tuple[str, ...]
    steadiness_table: Table | None
    drift: tuple[Markup, ...]
    key: tuple[Lane, ...]
    observed: Observed


def build(view: View) -> Waiting | None:
    rows = lanes(view)
    # Gaps and rates are taken over the whole run: they belong to a call's stream, not to how many come at once.
    ladders = [*(ladder(view, rows, metric) for metric in LADDERS), ladder(view, arm_lanes(view), "gap_ms")]
    if not any(ladders):
        return None
    drawn = _curve_lanes(view, rows)
    return Waiting(
        load=load_sentence(view.run.plan.suite.load),
        service_level=_service_level(view, rows),
        notes=view.analysis.notes,
        ladders=tuple(table for table in ladders if table),
        curves=tuple(group for metric in CURVES if (group := curves(drawn, metric))),
        curves_note="All levels of load together. " if has_steps(view) and drawn[0].stretch is None else "",
        rates=_rates(view),
        divided=divided(rows),
        steadiness=_steadiness(view),
        steadiness_table=steadiness_table(rows),
        drift=() if has_steps(view) else _drift(view),
        key=tuple(_key(drawn)),
        observed=observed(view),
    )


def _curve_lanes(view: View, rows: Sequence[Lane]) -> list[Lane]:
    """The rows, or the arms where levels of load would be too many curves."""
    return list(rows) if len(rows) <= MOST_CURVES else arm_lanes(view)


def _key(drawn: Sequence[Lane]) -> list[Lane]:
    """Levels once, though every arm has them."""
    return list({(lane.label, lane.mark): lane for lane in drawn}.values())


def _service_level(view: View, rows: Sequence[Lane]) -> Table | None:
    """What the suite's ``slo`` asks for: each limit as a quantile, and the share of good calls with its outcome."""
    slo = view.run.plan.suite.slo
    known = [lane for lane in rows if lane.service is not None]
    if slo is None or not known:
        return None
    share = share_text(slo.share_at_least)
    columns = [f"{share} of {things(name)} within" for name in slo.limits_ms]
    limits = " and ".join(
        f"{metric_title(name).lower()} at most {numbers.duration(ms)}" for name, ms in slo.limits_ms.items()
    )
    return Table(
        caption=f"Good calls, of which the suite asks for {share}",
        head="Level" if rows[0].stretch else "Arm",
        columns=(*columns, "Good", "Target"),
        rows=tuple(lane.row(_service_cells(lane)) for lane in known),
        note=f"Good: right, and {limits}. A failed call is not good. Intervals are 90%: their two ends are the 95% "
        "bounds that decide. Met: the whole interval reaches the target.",
    )


def _service_cells(lane: Lane) -> list[Cell]:
    service = lane.service
    assert service is not None  # the table has no other rows
    cells = []
    for limit in service.limits:
        if limit.quantile is None:
            cells.append(Cell(main="not reached" if limit.unreached else numbers.MISSING, mark=limit.met))
        else:
            point, interval = apart_from(limit.quantile, limit.limit_ms)
            cells.append(Cell(main=point, below=interval, mark=limit.met))
    return [*cells, share_cell(service.share), Cell(main=service.met, below=service.reason or "")]


# ---------------------------------------------------------------- rates and course


def _rates(view: View) -> Table | None:
    names = [name for name in ("visible_tokens_per_s", "output_tokens_per_s") if _has_rate(view, name)]
    if not names:
        return None
    rows = [arm_row(arm, [tokens_cell(arm.found.rates.get(name)) for name in names]) for arm in view.shown]
    return Table(
        caption="Tokens per second, given success: median over calls",
        head="Arm",
        columns=tuple(metric_title(name) for name in names),
        rows=tuple(rows),
        note="Visible tokens count from the first to the last piece of output; output tokens, reasoning included, over "
        "the whole call.",
    )


def _has_rate(view: View, name: str) -> bool:
    return any(arm.found.rates.get(name) is not None for arm in view.shown)


def _steadiness(view: View) -> tuple[str, ...]:
    """The sentence of each arm, for a load without levels; those have a table, or too few trials for one."""
    if has_steps(view):
        unknown = all(s.steadiness is None or s.steadiness.ratio is None for s in view.analysis.stretches)
        return ("Too few trials in each level to tell whether times held still.",) if unknown else ()
    told = []
    for arm in view.shown:
        for stretch in view.analysis.stretches_of(arm.arm_id):
            if stretch.steadiness is not None:
                whose = f"{arm.label}: " if len(view.shown) > 1 else ""
                told.append(f"{whose}{stretch.steadiness.sentence}")
    return tuple(told)


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
