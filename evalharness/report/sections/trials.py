"""Every trial: a table the page's script fills from the embedded columns."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.report import numbers
from evalharness.report.trial_rows import STATUSES, TRIALS_PER_PAGE, TrialTable
from evalharness.report.view import View

NAV = "Trials"
TITLE = "All trials"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """``data`` and ``texts`` are base64: letters, digits, plus, slash and equals signs alone."""

    count: str
    data: Markup
    texts: Markup
    texts_note: str
    run_id: str
    arms: tuple[str, ...]
    statuses: tuple[str, ...]
    tags: tuple[str, ...]
    side_pages: tuple[str, ...]


def build(view: View) -> Trials | None:
    table = TrialTable(view=view)
    if not len(table.rows):
        return None
    texts, n_texts = table.texts_blob()
    return Trials(
        count=numbers.plural(len(table.rows), "trial"),
        data=Markup(table.blob()),
        texts=Markup(texts),
        texts_note=_texts_note(n_texts, len(table.rows)),
        run_id=shlex.quote(view.run.manifest.run_id),
        arms=tuple(arm.label for arm in view.arms),
        statuses=tuple(sorted({STATUSES[code].value for code in set(table.columns.statuses.tolist())})),
        tags=table.tags,
        side_pages=_side_pages(view, len(table.rows)),
    )


def _texts_note(n_texts: int, n_rows: int) -> str:
    if n_texts == n_rows:
        return "The full text of every trial is in this page."
    some, every = numbers.count(n_texts), numbers.count(n_rows)
    return (
        f"The full text of {some} of {every} trials is in this page: failed, wrong and changed ones first. "
        "The others have a preview."
    )


def _side_pages(view: View, n_rows: int) -> tuple[str, ...]:
    """Names of the static pages that hold all texts, where they were asked for."""
    if not view.settings.full_text:
        return ()
    return tuple(f"p{page + 1:04d}" for page in range(-(-n_rows // TRIALS_PER_PAGE)))
