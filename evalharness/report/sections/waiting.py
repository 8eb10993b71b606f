"""How long callers wait: percentile ladders, curves, where the time went, the course over the run, and how well all
of it was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from markupsafe import Markup

from evalharness.core.findings import Course, Met
from evalharness.report import numbers
from evalharness.report.cells import (
    AT_LEAST,
    NO_UPPER_LIMIT,
    Cell,
    Table,
    arm_row,
    share_cell,
    sight_notes,
    tokens_cell,
)
from evalharness.report.charts.bars import KeyEntry
from evalharness.report.charts.course import drift
from evalharness.report.curves import MOST_CURVES, CurveGroup, curves
from evalharness.report.divided import Divided, divided
from evalharness.report.keys import arm_key
from evalharness.report.ladders import TIMES_BASELINE, Ladder, ladder
from evalharness.report.lanes import Lane, arm_lanes, has_steps, lanes
from evalharness.report.load_words import load_sentence
from evalharness.report.observed import Observed, observed
from evalharness.report.service_words import apart_from, share_text, things
from evalharness.report.sight import COARSE, NOT_SHOWN, is_drowned, time_text
from evalharness.report.steadiness import steadiness_table
from evalharness.report.view import ArmView, View
from evalharness.report.words import TYPICAL_CASE, listed, metric_title, named
from evalharness.verdict.spread import COARSE_SHARE

NAV = "Waiting"
TITLE = "How long do callers wait?"
LADDERS = ("ttfo_ms", "total_ms")
CURVES = ("ttfo_ms", "total_ms")
_MOST_NAMED = 3
#: Token rates, each with the time that it is as well seen as.
_RATES = {"visible_tokens_per_s": "gap_ms", "output_tokens_per_s": "latency_ms"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """``service_summary``, ``course_summary``: what comes of a folded table, said where it is folded. ``unseen``: what
    has no row because of this client. ``rest``: all quantiles of many arms."""

    load: str
    legend: str
    service_level: Table | None
    service_summary: str
    notes: tuple[str, ...]
    ladders: tuple[Table, ...]
    unseen: tuple[str, ...]
    curves: tuple[CurveGroup, ...]
    curves_note: str
    rest: tuple[Table, ...]
    stream: tuple[Table, ...]
    divided: Divided | None
    steadiness: tuple[str, ...]
    steadiness_table: Table | None
    course_summary: str
    drift: tuple[Markup, ...]
    drift_note: str
    key: tuple[KeyEntry | Lane, ...]
    observed: Observed


def build(view: View) -> Waiting | None:
    rows = lanes(view)
    ladders = [drawn for metric in LADDERS if (drawn := ladder(view, rows, metric))]
    # Gaps and rates are taken over the whole run: they belong to a call's stream, not to how many come at once.
    gaps = ladder(view, arm_lanes(view), "gap_ms")
    found = [*ladders, *([gaps] if gaps else [])]
    if not found:
        return None
    curved = _curve_lanes(view, rows)
    pictures = () if has_steps(view) else _drift(view)
    groups = tuple(group for metric in CURVES if (group := curves(curved, metric)))
    rates = _rates(view)
    return Waiting(
        load=load_sentence(view.run.plan.suite.load),
        legend=_legend(found, rates),
        service_level=_service_level(view, rows),
        service_summary=_service_summary(rows),
        notes=view.analysis.notes,
        ladders=tuple(each.table for each in ladders if each.table),
        unseen=tuple(each.unseen for each in found if each.unseen),
        curves=groups,
        curves_note=_curves_note(view, curved, groups),
        rest=tuple(each.rest for each in ladders if each.rest),
        stream=tuple(table for table in (gaps.table if gaps else None, rates) if table),
        divided=divided(rows),
        steadiness=_steadiness(view),
        steadiness_table=steadiness_table(rows),
        course_summary=_course_summary(view),
        drift=pictures,
        drift_note=_drift_note(view) if pictures else "",
        key=tuple(_key(view, curved)),
        observed=observed(view),
    )


def _legend(found: Sequence[Ladder], rates: Table | None) -> str:
    """What is drawn and what the words in the cells mean, once for all ladders."""
    tables = [table for each in found for table in (each.table, each.rest) if table]
    drawn = {title for table in tables if table.has_strips for title in table.columns}
    ticks = listed(title for title in ("p95", "p99", "p99.9") if title in drawn)
    parts = [
        f"Marker: median over calls. Ticks: {ticks}. Thick: 95% confidence interval, dotted where it has no upper "
        "limit."
    ]
    if any(TIMES_BASELINE in table.columns for table in tables):
        parts.append(f"{TIMES_BASELINE}: {TYPICAL_CASE}")
    if any(each.has_errors for each in found):
        parts.append("Thin outline: by so much the figure may be off because of this client.")
    if any(cell.below.startswith(AT_LEAST) for table in tables for row in table.rows for cell in row.cells):
        parts.append(NO_UPPER_LIMIT)
    return " ".join([*parts, *sight_notes([*tables, *([rates] if rates else [])])])


def _curves_note(view: View, drawn: Sequence[Lane], groups: Sequence[CurveGroup]) -> str:
    parts = ["All levels of load together."] if has_steps(view) and drawn[0].stretch is None else []
    parts.append("Curves further left are faster. Markers sit on the median.")
    if any(group.has_bands for group in groups):
        parts.append("A shaded band holds its whole curve with 95% confidence.")
    if any(group.has_grey for group in groups):
        base = f"{view.baseline.spoken}, the baseline" if drawn[0].stretch is None and view.baseline else drawn[0].label
        parts.append(f"Grey: {base}, for comparison.")
    return " ".join(parts)


def _curve_lanes(view: View, rows: Sequence[Lane]) -> list[Lane]:
    """The rows, or the arms where levels of load would be too many curves."""
    return list(rows) if len(rows) <= MOST_CURVES else arm_lanes(view)


def _key(view: View, drawn: Sequence[Lane]) -> Sequence[KeyEntry | Lane]:
    """Levels once, though every arm has them."""
    if drawn[0].stretch is None:
        return arm_key(view.shown)
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


def _service_summary(rows: Sequence[Lane]) -> str:
    """``met by high and xhigh, not met by 2 arms, not enough data for medium``; of a level whose rate was not kept
    ``cannot tell at 80/s``."""
    known = [(lane, lane.service.met) for lane in rows if lane.service is not None]
    told = []
    phrases = {
        Met.MET: "met by",
        Met.NOT_MET: "not met by",
        Met.OPEN: "not enough data for",
        Met.UNTRIED: "cannot tell at",
    }
    for met, phrase in phrases.items():
        names = [named(lane.full_label) for lane, outcome in known if outcome is met]
        if names and len(known) == 1:
            return str(met)
        if names:
            what = "level" if rows[0].stretch else "arm"
            told.append(f"{phrase} {listed(names) if len(names) <= _MOST_NAMED else numbers.plural(len(names), what)}")
    return ", ".join(told)


def _service_cells(lane: Lane) -> list[Cell]:
    service = lane.service
    assert service is not None  # the table has no other rows
    cells = []
    for limit in service.limits:
        if limit.quantile is None:
            cells.append(Cell(main="not reached" if limit.unreached else numbers.MISSING, mark=limit.met))
        else:
            point, interval = apart_from(limit, limit.quantile, lane.times(limit.metric))
            cells.append(Cell(main=point, below=interval, mark=limit.met))
    return [*cells, share_cell(service.share), Cell(main=service.met, below=service.reason or "")]


# ---------------------------------------------------------------- rates and course


def _rates(view: View) -> Table | None:
    names = [name for name in _RATES if _has_rate(view, name)]
    if not names:
        return None
    rows = [arm_row(arm, [_rate_cell(arm, name) for name in names]) for arm in view.shown]
    return Table(
        caption="Tokens per second of a call, given success: median over calls",
        head="Arm",
        columns=tuple(metric_title(name) for name in names),
        rows=tuple(rows),
        note="Visible tokens count from the first to the last piece of output; output tokens, reasoning included, over "
        "the whole call. Small figures: the 95% confidence interval of the median.",
    )


def _rate_cell(arm: ArmView, name: str) -> Cell:
    """A rate is seen as well as the time that it is of: it may be off by the same part of itself."""
    estimate, times = arm.found.rates.get(name), arm.found.times.get(_RATES[name])
    if estimate is None:
        return tokens_cell(None)
    if is_drowned(times):
        return Cell(main=NOT_SHOWN)
    median, error_ms = (times.quantiles.get("0.5"), times.error_ms("0.5")) if times else (None, None)
    part = error_ms / median.point if median and median.point and error_ms else 0.0
    cell = tokens_cell(estimate, estimate.point * part)
    below = cell.below or f"{numbers.plural(estimate.n, 'case')}: no interval"
    return replace(cell, below=below, mark=COARSE if part > COARSE_SHARE else "")


def _has_rate(view: View, name: str) -> bool:
    return any(arm.found.rates.get(name) is not None for arm in view.shown)


def _steadiness(view: View) -> tuple[str, ...]:
    """The sentence of each arm, for a load without levels; those have a table, or too few trials for one."""
    if has_steps(view):
        known = [stretch.steadiness for stretch in view.analysis.stretches if stretch.steadiness]
        if any(each.ratio for each in known):
            return ()
        if any(each.course is Course.CROWDED for each in known):
            return ("Too few calls in each level, or too many at once, to tell whether times held still.",)
        return ("Too few trials in each level to tell whether times held still.",)
    told = []
    for arm in view.shown:
        for stretch in view.analysis.stretches_of(arm.arm_id):
            if stretch.steadiness is not None:
                whose = f"{arm.label}: " if len(view.shown) > 1 else ""
                told.append(f"{whose}{stretch.steadiness.sentence}")
    return tuple(told)


def _course_summary(view: View) -> str:
    """In a few words what is said at length where it is unfolded."""
    if view.analysis.kind == "latency":
        found = [each.steadiness.course for each in view.analysis.stretches if each.steadiness is not None]
        moved = [course for course in found if course in (Course.ROSE, Course.FELL)]
        if moved:
            return f"they {listed(sorted({str(course) for course in moved}))}"
        return "no drift found" if found and all(course is Course.NO_DRIFT for course in found) else "too close to tell"
    drift = view.analysis.drift
    if drift is None:
        return "no drift found" if view.analysis.drift_sought else "too few times to tell"
    if not drift.moved:
        return "they came in spells"
    way = "longer" if drift.half_ratio > 1 else "less time"
    return f"calls of the second half took {numbers.percent(drift.size, 0)} {way}"


def _drift(view: View) -> tuple[Markup, ...]:
    pictures = []
    for arm in view.shown:
        if sum(value is not None for value in arm.found.drift) < 4:
            continue
        total = arm.found.times.get("total_ms")
        if is_drowned(total):
            continue
        median = total.quantiles.get("0.5") if total else None
        top_text = f"median {time_text(median, total.error_ms('0.5'))[0]}" if total and median else ""
        pictures.append(drift(arm.found.drift, arm.mark, label=arm.label, top_text=top_text, retried=arm.found.retried))
    return tuple(pictures)


def _drift_note(view: View) -> str:
    marks = any(any(arm.found.retried) for arm in view.shown)
    note = "Median total time in equal blocks of calls, in the order they were sent, each from 0."
    return f"{note} Marks below: blocks with calls that were tried again or turned away (429)." if marks else note
