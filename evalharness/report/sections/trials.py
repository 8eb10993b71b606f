"""Every trial: a table the page's script fills from the embedded columns."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.report import numbers
from evalharness.report.embedded_texts import texts_blob
from evalharness.report.side_pages import INDEX
from evalharness.report.trial_table import TrialTable
from evalharness.report.view import View

NAV = "Trials"
TITLE = "All trials"
#: Of the table: the name the script knows a column by, and its heading. Arm and level stand where there are several.
COLUMNS = (
    ("case", "Case"),
    ("arm", "Arm"),
    ("level", "Level"),
    ("repeat", "Repeat"),
    ("score", "Score"),
    ("ttfo_ms", "First output"),
    ("total_ms", "Total time"),
    ("output_tokens", "Output tokens"),
    ("cost", "Cost"),
    ("preview", "Answer"),
)
_OUTCOMES = (("right", "right"), ("wrong", "not right"), ("ungraded", "no score"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A choice among trials. ``name``: what the script knows it by; ``options``: values and what they are called."""

    name: str
    title: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trials:
    """``data`` and ``texts`` are base64: letters, digits, plus, slash and equals signs alone. ``side_index``: the page
    over the pages that hold all texts, empty where they were not asked for."""

    count: str
    data: Markup
    texts: Markup
    notes: tuple[str, ...]
    run_id: str
    columns: tuple[tuple[str, str], ...]
    filters: tuple[Filter, ...]
    side_index: str


def build(view: View) -> Trials | None:
    table = TrialTable(view=view)
    if not len(table.rows):
        return None
    texts, n_texts = texts_blob(table)
    filters = tuple(_filters(table))
    chosen_by = {each.name for each in filters}
    return Trials(
        count=numbers.plural(len(table.rows), "trial"),
        data=Markup(table.blob()),
        texts=Markup(texts),
        notes=tuple(note for note in (table.kept_in_words, _texts_note(n_texts, len(table.kept))) if note),
        run_id=shlex.quote(view.run.manifest.run_id),
        columns=tuple(each for each in COLUMNS if each[0] not in ("arm", "level") or each[0] in chosen_by),
        filters=filters,
        side_index=f"trials/{INDEX}" if view.settings.full_text else "",
    )


def _filters(table: TrialTable) -> Iterator[Filter]:
    """Those with something to choose."""
    arms = tuple(arm.label for arm in table.view.arms)
    if len(arms) > 1:
        yield _filter("arm", "Arm", arms)
    if table.levels:
        yield _filter("level", "Level", table.levels)
    yield Filter(name="outcome", title="Result", options=_OUTCOMES)
    if len(table.statuses) > 1:
        yield _filter("status", "Ended", table.statuses)
    if table.failures:
        yield _filter("failure", "Failure", table.failures)
    if table.tags:
        yield _filter("tag", "Tag", table.tags)


def _filter(name: str, title: str, values: tuple[str, ...]) -> Filter:
    return Filter(name=name, title=title, options=tuple((value, value) for value in dict.fromkeys(values)))


def _texts_note(n_texts: int, n_rows: int) -> str:
    if n_texts == n_rows:
        return "The text of every trial in the table is in this page."
    some, every = numbers.count(n_texts), numbers.count(n_rows)
    return (
        f"The text of {some} of {every} trials in the table is in this page: failed, wrong and changed ones first. "
        "The others have a preview."
    )
