"""A run beside its baseline as Markdown, for a job summary or a comment."""

from __future__ import annotations

from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.report import gate_words, words
from evalharness.report.comparison_flips import flip_lines
from evalharness.report.comparison_table import comparison_table, times_note
from evalharness.report.comparison_words import NOTHING_CHANGED, comparison_text
from evalharness.report.markdown_text import (
    SUMMARY_BYTES,
    escaped,
    first_that_fits,
    folded,
    listed,
    marker,
    report_place,
    table_text,
)
from evalharness.report.numbers import plural
from evalharness.report.sections.gates import plain_table
from evalharness.report.visible import shortened

_MAX_ROWS = 8
_MAX_GATES = 50
_MAX_LINES = 10
_MAX_LOST = 10
#: Characters of a sentence where there is room for the verdict alone.
_SHORT = 300


def render(run: RunRecord, analysis: Analysis, *, max_bytes: int = SUMMARY_BYTES, link: str = "") -> str:
    """At most 60 kB: verdict, gates, what changed, the table, what could not be paired, up to ten lost cases an arm.

    Over the cap the lost cases go first, then rows and lines, and the text says so. ``max_bytes`` is ``COMMENT_BYTES``
    for a comment. ``link``: the address of the whole report.

    Raises ``UsageError`` for a link that is none.
    """
    sizes = ((_MAX_LINES, True), (_MAX_LINES, False), (2, False), (0, False))
    return first_that_fits((_text(run, analysis, most, lost, link) for most, lost in sizes), max_bytes)


def _text(run: RunRecord, analysis: Analysis, most: int, lost: bool, link: str) -> str:
    parts = _parts(run, analysis, most) if most else _verdict(run, analysis, _SHORT)
    parts += _lost(analysis) if lost else ["Details were left out to keep this summary short."]
    parts += [f"Run {escaped(run.manifest.run_id)}: {report_place(link)}."] if link else []
    return "\n\n".join([*parts, marker(run.manifest.suite_name)]) + "\n"


def _verdict(run: RunRecord, analysis: Analysis, longest: int = 10_000) -> list[str]:
    text, origin = comparison_text(run, analysis), words.origin(run)
    parts = [f"**{escaped(text.heading)}**", *([f"**{escaped(origin)}**"] if origin else [])]
    return [*parts, escaped(shortened(text.lead, longest)), escaped(shortened(text.subject, longest))]


def _parts(run: RunRecord, analysis: Analysis, most: int) -> list[str]:
    text = comparison_text(run, analysis)
    *head, subject = _verdict(run, analysis)
    parts = [*head, *listed("", text.bullets, most), subject]
    parts += listed("Know this first:", text.cautions, most)
    parts += listed("What changed:", text.changed or (NOTHING_CHANGED,), most)
    if analysis.against_run:
        parts += [*_gates(analysis), *_table(run, analysis, most)]
    parts += [escaped(line) for line in flip_lines(analysis)]
    return [*parts, *listed("Not paired:", text.unpaired, most)]


def beside(run: RunRecord, analysis: Analysis, most: int) -> list[str]:
    """For the summary of a run that was compared with a baseline; nothing for one that was not."""
    if analysis.baseline_run is None:
        return []
    text = comparison_text(run, analysis)
    parts = [f"**Against the baseline.** {escaped(text.subject)}"]
    parts += listed("What changed:", text.changed or (NOTHING_CHANGED,), most)
    parts += _table(run, analysis, most) if analysis.against_run else []
    parts += [escaped(line) for line in flip_lines(analysis)]
    return [*parts, *listed("Not paired:", text.unpaired, most)]


def _table(run: RunRecord, analysis: Analysis, most: int) -> list[str]:
    table, left_out = comparison_table(run, analysis, max_rows=min(most, _MAX_ROWS))
    note = times_note(analysis, table)
    return [table_text(table), *([f"{left_out}."] if left_out else []), *([escaped(note)] if note else [])]


def _gates(analysis: Analysis) -> list[str]:
    gates = gate_words.gates_text(analysis)
    if gates is None or not gates.lines:
        return []
    told, left_out = gate_words.excerpt(gates.lines, _MAX_GATES)
    table = plain_table(told)
    notes = [text for text in (f"{left_out}." if left_out else "", table.note, gates.rule) if text]
    return [table_text(table), *(escaped(note) for note in notes)]


def _lost(analysis: Analysis) -> list[str]:
    found = []
    for arm_id, moved in analysis.run_flips.items():
        lost = [flip.case_id for flip in moved if flip.candidate_score < flip.baseline_score]
        if lost:
            under = "" if len(analysis.arms) == 1 else f" under {escaped(words.spoken(analysis.arm(arm_id)))}"
            title = f"{plural(len(lost), 'case')} scored lower than in the baseline{under}"
            found.append(folded(title, lost, most=_MAX_LOST))
    return found
