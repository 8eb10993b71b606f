"""A run beside its baseline in a terminal, and the verdicts of gates alone."""

from __future__ import annotations

from collections.abc import Sequence

from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.report import gate_words, words
from evalharness.report.cells import Table
from evalharness.report.comparison_flips import flip_lines
from evalharness.report.comparison_table import comparison_table
from evalharness.report.comparison_words import NOTHING_CHANGED, comparison_text
from evalharness.report.sections.gates import narrow_table
from evalharness.report.terminal_table import Columns, Writer, gate_columns, laid_out, with_short_heads

_MAX_ROWS = 8
_MAX_LINES = 6
_MAX_GATES = 12
#: One table would be wider than a terminal: both figures with their intervals, then what sets them apart.
_SIDES = Columns(wanted=(1, 0), with_interval=(0, 1))
_DIFFERENCE = Columns(wanted=(2, 4, 3), with_interval=())


def render(run: RunRecord, analysis: Analysis, writer: Writer) -> str:
    """Verdict, what changed, gates, table, cases that changed, what could not be paired."""
    text = comparison_text(run, analysis)
    lines = [*writer.wrapped(words.origin(run)), *writer.wrapped(text.subject), ""]
    lines += [writer.styled(line, "bold") for line in writer.wrapped(text.heading)] + writer.wrapped(text.lead)
    lines += _listed("", text.bullets, writer) + _listed("", text.cautions, writer, "  ! ")
    lines += _listed("What changed", text.changed or (NOTHING_CHANGED,), writer)
    if analysis.against_run:
        lines += _gate_lines(analysis, writer)
        table, left_out = comparison_table(run, analysis, max_rows=_MAX_ROWS)
        for columns in (_SIDES, _DIFFERENCE):
            lines += ["", *_laid_out(table, columns, writer)]
        lines += [f"{left_out}."] if left_out else []
    lines += [line for each in flip_lines(analysis) for line in ["", *writer.wrapped(each)]]
    lines += _listed("Not paired", text.unpaired, writer)
    return "\n".join(lines) + "\n"


def verdicts(run: RunRecord, analysis: Analysis, writer: Writer) -> str:
    """The gates alone: verdict, what decides it, a line for each."""
    text = gate_words.gates_text(analysis)
    assert text is not None  # a suite without gates has no verdict
    lines = writer.wrapped(words.origin(run))
    if analysis.baseline_run is not None:
        lines += writer.wrapped(comparison_text(run, analysis).subject)
    lines += [writer.styled(line, "bold") for line in writer.wrapped(text.heading)] + writer.wrapped(text.lead)
    return "\n".join([*lines, *_gate_lines(analysis, writer)]) + "\n"


def _gate_lines(analysis: Analysis, writer: Writer) -> list[str]:
    text = gate_words.gates_text(analysis)
    if text is None or not text.lines:
        return []
    told, left_out = gate_words.excerpt(text.lines, _MAX_GATES)
    return ["", *_laid_out(narrow_table(told), gate_columns(), writer), *([f"{left_out}."] if left_out else [])]


def _laid_out(table: Table, columns: Columns, writer: Writer) -> list[str]:
    return laid_out(with_short_heads(table, columns, writer), [], columns, writer)


def _listed(title: str, items: Sequence[str], writer: Writer, lead: str = "  - ") -> list[str]:
    """Nothing without items; of too many how many more there are."""
    if not items:
        return []
    lines = ["", title] if title else []
    for item in items[:_MAX_LINES]:
        lines += writer.wrapped(item, lead)
    more = len(items) - _MAX_LINES
    return [*lines, *([f"{lead}and {more} more"] if more > 0 else [])]
