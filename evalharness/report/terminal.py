"""The report in a terminal: the same verdict and the same numbers in at most 25 lines of at most 100 columns."""

from __future__ import annotations

from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.report import comparison_words, gate_words
from evalharness.report.build import page_title, subtitle
from evalharness.report.cells import sight_notes
from evalharness.report.charts.strip import quality_scale
from evalharness.report.gate_words import GateState, GatesText
from evalharness.report.insight_words import steps_line
from evalharness.report.sections.gates import narrow_table
from evalharness.report.sections.result import excerpt
from evalharness.report.settings import ReportSettings
from evalharness.report.terminal_table import (
    Writer,
    arm_columns,
    gate_columns,
    laid_out,
    load_columns,
    strip,
    with_short_heads,
)
from evalharness.report.view import View, make_view, percent_interval

MAX_LINES = 25
MAX_WIDTH = 100
_MAX_ROWS = 8
_MAX_GATES = 5
_TONES = {GateState.PASS: "better", GateState.FAIL: "worse"}


def render(
    run: RunRecord,
    analysis: Analysis,
    *,
    width: int = 80,
    color: bool = False,
    unicode: bool = True,
    strips: bool = False,
    report_path: str | None = None,
) -> str:
    """Plain lines; escape codes only with ``color``. ``report_path`` becomes the last line, never cut.

    ``strips`` draws intervals where the width is at least 100: for terminals, not for logs.
    """
    view = make_view(run, analysis, ReportSettings())
    strips = strips and width >= MAX_WIDTH
    writer = Writer(width=max(40, min(width, MAX_WIDTH)), color=color, unicode=unicode, strips=strips)
    return "\n".join(_lines(view, writer, report_path)) + "\n"


def _lines(view: View, writer: Writer, report_path: str | None) -> list[str]:
    """Title, verdict, table and path always; bullets, cautions, the rule and what steps cost as far as the lines go, in
    this order.

    The gates come first; where that leaves too few lines for all arms, the table shows fewer and says so.
    """
    verdict = view.verdict
    head = writer.wrapped(page_title(view.run, view.analysis))[:2]
    head += writer.wrapped(verdict.origin)
    head += writer.wrapped(subtitle(view))[:2]
    head += writer.wrapped(comparison_words.in_short(view.run, view.analysis))[:3]
    gates = _gates(view.gates, writer) if view.gates else []
    lead = [writer.styled(line, "bold") for line in writer.wrapped(verdict.heading)] + writer.wrapped(verdict.lead)
    path = [f"Report: {report_path}"] if report_path else []
    room = MAX_LINES - len(head) - len(gates) - len(lead) - len(path) - 2
    table = _table(view, writer, room)
    room -= len(table)
    extras: list[str] = []
    for blocks in (
        [writer.wrapped(bullet, "  - ") for bullet in verdict.bullets],
        [writer.wrapped(caution, "  ! ") for caution in verdict.cautions],
        [writer.wrapped(verdict.rule)],
        [writer.wrapped(steps_line(view.analysis))],
    ):
        for block in blocks:
            if len(block) > room:
                break
            extras += block
            room -= len(block)
    return [*[*head, "", *gates, *lead, *extras, "", *table][: MAX_LINES - len(path)], *path]


# ---------------------------------------------------------------- the gates


def _gates(text: GatesText, writer: Writer) -> list[str]:
    """Verdict, lead and one line for each gate, as far as five; a blank line after."""
    lines = [writer.styled(line, _TONES.get(text.state, "bold")) for line in writer.wrapped(text.heading)]
    lines += writer.wrapped(text.lead)
    if text.lines:
        told, left_out = gate_words.excerpt(text.lines, _MAX_GATES)
        table = with_short_heads(narrow_table(told), gate_columns(), writer)
        lines += laid_out(table, [], gate_columns(), writer)
        lines += [f"{left_out}."] if left_out else []
    return [*lines, ""]


# ---------------------------------------------------------------- the table


def _table(view: View, writer: Writer, room: int) -> list[str]:
    """As many rows as there is ``room`` for, with a line on what is left out; of several at least two, else none."""
    table, left_out = excerpt(view, _MAX_ROWS)
    if len(table.rows) + 2 + bool(left_out) > room:
        table, left_out = excerpt(view, max(room - 3, 0))
    if not table.rows or (len(table.rows) < 2 and left_out):
        return []
    if view.analysis.kind == "latency":
        lines = laid_out(table, [], load_columns(table), writer)
    else:
        lines = laid_out(table, _strips(view, writer)[: len(table.rows)], arm_columns(table), writer)
    lines += [f"{left_out}."] if left_out else []
    notes = [line for note in sight_notes([table], " ".join(lines)) for line in writer.wrapped(note)]
    return [*lines, *notes] if len(lines) + len(notes) <= room else lines


def _strips(view: View, writer: Writer) -> list[str]:
    """The quality of each arm on one axis; empty where there is no room for it."""
    shown = view.shown[:_MAX_ROWS]
    scored = [percent_interval(estimate) for arm in shown if (estimate := view.quality(arm))]
    scale = quality_scale(scored) if len(scored) > 1 and writer.strips else None
    if scale is None:
        return []
    return [strip(percent_interval(quality), scale) if (quality := view.quality(arm)) else "" for arm in shown]
