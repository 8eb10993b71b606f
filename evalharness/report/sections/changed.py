"""What differs between a run and its baseline before anything was measured, and which cases could not be paired."""

from __future__ import annotations

from dataclasses import dataclass

from evalharness.core.findings import Change
from evalharness.report.cells import Cell, Row, Table
from evalharness.report.comparison_words import NOTHING_CHANGED, comparison_text, shown_value
from evalharness.report.text_diff import Diff, diff
from evalharness.report.view import View

NAV = "Changes"
TITLE = "What changed?"
#: Rows seen at once; a run under another client can differ in many more.
_MOST = 12
#: Characters of a prompt: of a longer one the words around what changed.
_LONGEST_TEXT = 4_000


@dataclass(frozen=True, slots=True, kw_only=True)
class TextChange:
    """A prompt word by word: what was taken out, what was put in."""

    what: str
    diff: Diff


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """``more``: the rows beyond those seen at once, None for none. ``nothing``: said where nothing differs."""

    table: Table | None
    more: Table | None
    nothing: str
    texts: tuple[TextChange, ...]
    unpaired: tuple[str, ...]


def build(view: View) -> Changed | None:
    """None for a run that was compared with nothing."""
    source = view.analysis.baseline_run
    if source is None:
        return None
    texts = tuple(
        TextChange(what=change.what, diff=diff(*change.texts, longest=_LONGEST_TEXT))
        for change in source.changed
        if change.texts is not None
    )
    first, rest = source.changed[:_MOST], source.changed[_MOST:]
    return Changed(
        table=_table(first, "Not the same in both runs") if first else None,
        more=_table(rest, f"{len(rest)} more") if rest else None,
        nothing="" if first else NOTHING_CHANGED,
        texts=texts,
        unpaired=comparison_text(view.run, view.analysis).unpaired,
    )


def _table(changed: tuple[Change, ...], caption: str) -> Table:
    rows = [
        Row(head=each.what, cells=(Cell(main=shown_value(each.baseline)), Cell(main=shown_value(each.candidate))))
        for each in changed
    ]
    return Table(caption=caption, head="What", columns=("Baseline", "This run"), rows=tuple(rows))
