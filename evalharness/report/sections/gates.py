"""What the suite's gates came to, before anything else: the verdict, and each gate's interval against its limit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.core.findings import GateFindings
from evalharness.report import numbers
from evalharness.report.cells import Cell, Row, Table
from evalharness.report.charts.gate_strip import GateRow, Limit, gate_strip
from evalharness.report.comparison_words import NO_PAIRS, comparison_text
from evalharness.report.gate_figures import allowed, limit_text
from evalharness.report.gate_words import GateLine, by_urgency, remarks_once
from evalharness.report.view import View, scaled

NAV = "Gates"
TITLE = "Gates"
_MOST_BULLETS = 3
_WHAT_TO_DO = (
    "Nothing is compared. Name a baseline that was made with the same graders and arms, or make one with the present "
    "suite: `evalharness baseline write RUN FILE`. What this run found by itself is in its own report."
)
_NOTE = (
    "Shaded: where the figure has to lie; the rule is the limit. Thick: the 90% interval, whose ends are the one-sided "
    "95% bounds that decide."
)
_UNLIMITED = "Dotted: the calls give no limit on that side."
_MISSING = "Dashed: how far missing calls could move them."
_SETTLING = "What would settle a gate is reckoned as if its figure were the truth."


@dataclass(frozen=True, slots=True, kw_only=True)
class Gates:
    """The verdict: of the gates, or without any of the comparison with a baseline.

    ``state``: a word for its colour, empty for none. ``bullets``: the primary metric of each arm against the baseline.
    ``cautions``: sentences to be seen before any number, which the page says once.
    """

    nav: str
    state: str
    heading: str
    lead: str
    bullets: tuple[str, ...]
    rule: str
    cautions: tuple[str, ...]
    table: Table | None


def build(view: View) -> Gates | None:
    """None where there is neither a gate nor a baseline."""
    beside = None if view.analysis.baseline_run is None else comparison_text(view.run, view.analysis)
    text = beside or view.gates
    if text is None:
        return None
    lines = by_urgency(view.gates.lines) if view.gates else []
    unpaired = (NO_PAIRS,) if beside and NO_PAIRS in beside.cautions else ()
    return Gates(
        nav=NAV if lines else "Verdict",
        state=view.gates.state.name.lower() if view.gates else "",
        heading=text.heading,
        lead=text.lead,
        bullets=beside.bullets[:_MOST_BULLETS] if beside else (),
        rule=_WHAT_TO_DO if view.is_invalid else view.gates.rule if view.gates else "",
        cautions=() if view.is_invalid else (*unpaired, *view.verdict.cautions_first),
        table=_table(view, lines) if lines else None,
    )


def plain_table(lines: Sequence[GateLine]) -> Table:
    """For formats without pictures: every part in a column of its own."""
    has_arms = any(line.sides for line in lines)
    arms = ("Arm",) if has_arms else ()
    remarks, notes = remarks_once(lines)
    rows = []
    for line, remark in zip(lines, remarks, strict=True):
        cells = (line.demand, line.found, line.interval)
        told = [Cell(main=line.sides or numbers.MISSING)] if has_arms else []
        verdict = Cell(main=line.state.value, below=remark, tone=line.tone)
        rows.append(Row(head=line.metric, cells=(*told, *(Cell(main=cell) for cell in cells), verdict)))
    return Table(
        caption="",
        head="Metric",
        columns=(*arms, "Demand", "Found", lines[0].level_text, "Verdict"),
        rows=tuple(rows),
        note=" ".join(notes),
    )


def narrow_table(lines: Sequence[GateLine]) -> Table:
    """For a terminal: found and interval in one column, and no remarks."""
    rows = []
    for line in lines:
        interval = "" if line.interval == numbers.MISSING else line.interval
        cells = (
            Cell(main=line.demand),
            Cell(main=line.found, below=interval),
            Cell(main=line.state.value, tone=line.tone),
        )
        rows.append(Row(head=line.subject, cells=cells))
    columns = ("Demand", f"Found ({lines[0].level_text})", "Verdict")
    return Table(caption="", head="Gate", columns=columns, rows=tuple(rows))


def _table(view: View, lines: Sequence[GateLine]) -> Table:
    drawn = [_strip(view, line.finding) for line in lines]
    remarks, shared = remarks_once(lines)
    notes = list(shared)
    notes += [_NOTE] if any(strip is not None for strip in drawn) else []
    notes += [_UNLIMITED] if any(_lacks_limit(line.finding) for line in lines) else []
    notes += [_MISSING] if any(_extremes(line.finding) for line in lines) else []
    notes += [_SETTLING] if any(line.finding.settling is not None for line in lines) else []
    several = len(view.arms) > 1
    return Table(
        caption="Each gate",
        head="Gate",
        columns=("Demand", "Found", "Verdict"),
        rows=tuple(
            Row(
                head=line.subject,
                cells=_cells(line, remark),
                swatch=view.arm(line.finding.arm_id).swatch if several else None,
                strip=strip,
            )
            for line, strip, remark in zip(lines, drawn, remarks, strict=True)
        ),
        axis_title=f"{lines[0].level_text} and limit",
        note=" ".join(notes),
    )


def _cells(line: GateLine, remark: str) -> tuple[Cell, ...]:
    return (
        Cell(main=line.demand),
        Cell(main=line.found, below=line.interval if line.finding.estimate else ""),
        Cell(main=line.state.value, below=remark, tone=line.tone),
    )


# ---------------------------------------------------------------- the strip


def _strip(view: View, gate: GateFindings) -> Markup | None:
    """None for a demand without a number."""
    lower, upper = (
        None if value is None else Limit(value=value, label=limit_text(gate.spec, value))
        for value in allowed(gate.spec)
    )
    if lower is None and upper is None:
        return None
    found = gate.estimate
    row = GateRow(
        found=None if found is None else scaled(found),
        mark=view.arm(gate.arm_id).mark,
        lower=lower,
        upper=upper,
        extremes=_extremes(gate),
    )
    return gate_strip(row)


def _lacks_limit(gate: GateFindings) -> bool:
    return gate.estimate is not None and None in (gate.estimate.lower, gate.estimate.upper)


def _extremes(gate: GateFindings) -> tuple[float, float] | None:
    """The farthest ends that the missing calls allow."""
    both = [estimate for estimate in (gate.worst, gate.best) if estimate is not None]
    ends = [end for each in both for end in (each.lower, each.point, each.upper) if end is not None]
    return (min(ends), max(ends)) if ends else None
