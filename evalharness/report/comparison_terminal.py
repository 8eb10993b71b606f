"""A run beside its baseline in a terminal, and the verdicts of gates alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.report import gate_words, words
from evalharness.report.cells import Table
from evalharness.report.comparison_flips import flip_lines
from evalharness.report.comparison_table import comparison_table
from evalharness.report.comparison_words import NOTHING_CHANGED, comparison_text
from evalharness.report.sections.gates import narrow_table
from evalharness.report.terminal_table import Columns, Writer, gate_columns, laid_out, with_short_heads
from evalharness.report.visible import shortened

MAX_LINES = 25
_MAX_ROWS = 8
_MAX_GATES = 12
#: Fewest rows and gates kept while something else is left out.
_LEAST = 3
_TABLE = Columns(wanted=(2, 4, 3, 1, 0), with_interval=())


def render(run: RunRecord, analysis: Analysis, writer: Writer) -> str:
    """At most 25 lines: verdict, what changed, gates, table, cases that changed, what could not be paired; then, as far
    as the lines go, the sentences on each arm and the cautions. What was left out is counted."""
    text = comparison_text(run, analysis)
    head = [*writer.wrapped(words.origin(run)), *writer.wrapped(text.subject)]
    head += [writer.styled(line, "bold") for line in writer.wrapped(text.heading)] + writer.wrapped(text.lead)
    changed = _listed("What changed", text.changed or (NOTHING_CHANGED,), writer, 3)
    end = [line for each in flip_lines(analysis)[:1] for line in writer.wrapped(each)[:2]]
    end += _listed("Not paired", text.unpaired, writer, 2)
    room = MAX_LINES - len(head) - len(changed) - len(end)
    tables = _tables(run, analysis, writer, room) if analysis.against_run else []
    more: list[str] = []
    bullets = [writer.wrapped(each, "  - ") for each in text.bullets]
    for lines in (*bullets, *(writer.wrapped(each, "  ! ") for each in text.cautions)):
        if len(lines) + len(more) <= room - len(tables):
            more += lines
    return "\n".join([*head, *more, *changed, *tables, *end][:MAX_LINES]) + "\n"


def _tables(run: RunRecord, analysis: Analysis, writer: Writer, room: int) -> list[str]:
    """The gates and the differences, each with fewer rows until both fit; a blank line before each."""
    lines: list[str] = []
    n_gates = min(len(analysis.gates), _MAX_GATES)
    for gates, rows in _sizes(n_gates, _MAX_ROWS):
        told = _gate_lines(analysis, writer, gates) if gates else []
        table, left_out = comparison_table(run, analysis, max_rows=rows)
        lines = [*told, "", *_laid_out(table, _TABLE, writer), *([f"{left_out}."] if left_out else [])]
        if len(lines) <= room:
            break
    return lines


def _sizes(gates: int, rows: int) -> Iterator[tuple[int, int]]:
    """Fewer rows first, then fewer gates, then fewer rows still: the verdict has told of the gates that decide it."""
    yield from ((gates, fewer) for fewer in range(rows, _LEAST, -1))
    yield from ((fewer, _LEAST) for fewer in range(gates, _LEAST, -1))
    yield from ((min(gates, _LEAST), fewer) for fewer in range(_LEAST, 0, -1))
    yield from ((0, fewer) for fewer in range(_LEAST, 0, -1))


def verdicts(run: RunRecord, analysis: Analysis, writer: Writer) -> str:
    """The gates alone: verdict, what decides it, a line for each."""
    text = gate_words.gates_text(analysis)
    assert text is not None  # a suite without gates has no verdict
    lines = writer.wrapped(words.origin(run))
    if analysis.baseline_run is not None:
        lines += writer.wrapped(comparison_text(run, analysis).subject)
    lines += [writer.styled(line, "bold") for line in writer.wrapped(text.heading)] + writer.wrapped(text.lead)
    return "\n".join([*lines, *_gate_lines(analysis, writer, _MAX_GATES)]) + "\n"


def _gate_lines(analysis: Analysis, writer: Writer, most: int) -> list[str]:
    text = gate_words.gates_text(analysis)
    if text is None or not text.lines:
        return []
    told, left_out = gate_words.excerpt(text.lines, most)
    return ["", *_laid_out(narrow_table(told), gate_columns(), writer), *([f"{left_out}."] if left_out else [])]


def _laid_out(table: Table, columns: Columns, writer: Writer) -> list[str]:
    return laid_out(with_short_heads(table, columns, writer), [], columns, writer)


def _listed(title: str, items: Sequence[str], writer: Writer, most: int) -> list[str]:
    """``What changed: this; that; and 3 more``: as many items as go on ``most`` lines. Nothing without items."""
    for kept in range(len(items), 0, -1):
        more = f"; and {len(items) - kept} more" if kept < len(items) else ""
        lines = writer.wrapped(f"{title}: {'; '.join(items[:kept])}{more}")
        if len(lines) <= most:
            return lines
    return writer.wrapped(f"{title}: {shortened(items[0], (most - 1) * writer.width)}")[:most] if items else []
