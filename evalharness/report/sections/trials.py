"""Every trial: a table the page's script fills from the embedded columns."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.report import numbers
from evalharness.report.embedded_texts import texts_blob
from evalharness.report.side_pages import INDEX
from evalharness.report.trial_table import TrialTable
from evalharness.report.view import View

NAV = "Trials"
TITLE = "All trials"
#: Of the table: the name the script knows a column by, and its heading.
COLUMNS = (
    ("case", "Case"),
    ("arm", "Arm"),
    ("repeat", "Repeat"),
    ("score", "Score"),
    ("ttfo_ms", "First output"),
    ("total_ms", "Total time"),
    ("output_tokens", "Output tokens"),
    ("cost", "Cost"),
    ("preview", "Answer"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """``data`` and ``texts`` are base64: letters, digits, plus, slash and equals signs alone. ``side_index``: the page
    over the pages that hold all texts, empty where they were not asked for."""

    count: str
    data: Markup
    texts: Markup
    notes: tuple[str, ...]
    run_id: str
    arms: tuple[str, ...]
    statuses: tuple[str, ...]
    tags: tuple[str, ...]
    side_index: str
    columns: tuple[tuple[str, str], ...] = COLUMNS


def build(view: View) -> Trials | None:
    table = TrialTable(view=view)
    if not len(table.rows):
        return None
    texts, n_texts = texts_blob(table)
    return Trials(
        count=numbers.plural(len(table.rows), "trial"),
        data=Markup(table.blob()),
        texts=Markup(texts),
        notes=tuple(note for note in (table.kept_in_words, _texts_note(n_texts, len(table.kept))) if note),
        run_id=shlex.quote(view.run.manifest.run_id),
        arms=tuple(arm.label for arm in view.arms),
        statuses=table.statuses,
        tags=table.tags,
        side_index=f"trials/{INDEX}" if view.settings.full_text else "",
    )


def _texts_note(n_texts: int, n_rows: int) -> str:
    if n_texts == n_rows:
        return "The text of every trial in the table is in this page."
    some, every = numbers.count(n_texts), numbers.count(n_rows)
    return (
        f"The text of {some} of {every} trials in the table is in this page: failed, wrong and changed ones first. "
        "The others have a preview."
    )
