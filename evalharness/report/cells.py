"""Tables as values: what a cell says, over what, in which tone. Templates only place them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.core.findings import Comparison, Estimate, TimeFindings
from evalharness.report import numbers
from evalharness.report.sight import (
    COARSE,
    COARSE_NOTE,
    NARROW_NOTE,
    NOT_SHOWN,
    NOT_SHOWN_NOTE,
    coarse_ms,
    hidden_ms,
    time_text,
)
from evalharness.report.view import ArmView
from evalharness.report.words import is_certain

#: Letters of all columns together that a screen of 390 units has room for beside the heads of rows.
_PHONE = 29
#: How an interval with a lower limit only begins.
AT_LEAST = "\N{GREATER-THAN OR EQUAL TO}"
#: Said once where a cell has a lower limit only.
NO_UPPER_LIMIT = "≥: no upper limit, there are too few calls for one, or it lies among the failed ones."


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """``main`` with an ``aside`` on the same line and its interval or remark ``below``.

    ``mark`` is a word that goes wherever the figure goes: a verdict on it, or that it was not seen well enough.
    ``tone`` is ``better``, ``worse`` or empty; it is set only where the interval leaves out zero. ``heat`` is the
    ground of a heat map's cell, ``better1`` to ``worse3``, or empty.
    """

    main: str
    aside: str = ""
    below: str = ""
    tone: str = ""
    mark: str = ""
    heat: str = ""

    @property
    def marked(self) -> str:
        """The figure with its mark, for formats of one line."""
        return f"{self.main} {self.mark}" if self.mark else self.main

    @property
    def is_short(self) -> bool:
        """Whether it may be kept on one line: numbers always, sentences and long remarks never."""
        return len(self.marked) < 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``within``: what is left of ``head`` under the heading ``group``; empty for all of it."""

    head: str
    cells: tuple[Cell, ...]
    notes: tuple[str, ...] = ()
    swatch: Markup | None = None
    strip: Markup | None = None
    group: str = ""
    within: str = ""
    strong: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """``axis`` is drawn in the header over the rows' strips, ``axis_title`` written there instead."""

    caption: str
    head: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    axis: Markup | None = None
    axis_title: str = ""
    note: str = ""

    @property
    def layout(self) -> str:
        """Classes of the table: with a strip column, or so few columns that the full width would tear it apart; rows
        that become cards on a small screen, unless all of it fits one."""
        width = "strips" if self.has_strips else "narrow" if len(self.columns) <= 3 else ""
        return width if self._fits_a_phone else f"stack {width}"

    @property
    def _fits_a_phone(self) -> bool:
        columns = zip(self.columns, zip(*(row.cells for row in self.rows), strict=True), strict=True)
        return not self.has_strips and sum(_width(title, cells) for title, cells in columns) <= _PHONE

    @property
    def is_wide(self) -> bool:
        """Whether it may need more than the page's width and gets a scroll bar of its own."""
        return len(self.columns) > 7

    @property
    def common_marks(self) -> tuple[str, ...]:
        """Of each column the mark that all its figures bear, said once in its head; empty where they differ."""
        return tuple(_common_mark([row.cells[place] for row in self.rows]) for place in range(len(self.columns)))

    @property
    def of_words(self) -> tuple[bool, ...]:
        """Of each column whether it holds words: they are read from the left, figures compared from the right."""
        return tuple(_are_words([row.cells[place] for row in self.rows]) for place in range(len(self.columns)))

    @property
    def has_strips(self) -> bool:
        return any(row.strip is not None for row in self.rows)


def _width(title: str, cells: Sequence[Cell]) -> int:
    """Letters that a column needs: figures keep to a line, titles break between words."""
    figures = [len(f"{cell.marked} {cell.aside}".strip()) for cell in cells]
    below = [len(cell.below) for cell in cells]
    return 2 + max(*figures, *below, *(len(word) for word in title.split()), 1)


def _are_words(cells: Sequence[Cell]) -> bool:
    said = [cell.main for cell in cells if cell.main not in (numbers.MISSING, "baseline")]
    return bool(said) and all(text[:1].isalpha() or text[:1] in "“(" for text in said)


def _common_mark(cells: Sequence[Cell]) -> str:
    marks = {cell.mark for cell in cells if cell.main != numbers.MISSING}
    return COARSE if marks == {COARSE} and len(cells) > 1 else ""


NOTHING = Cell(main=numbers.MISSING)


def arm_row(arm: ArmView, cells: Sequence[Cell], strip: Markup | None = None) -> Row:
    """One arm's row: its shape, its name, what it is here."""
    notes = [note for note, holds in (("recommended", arm.is_chosen), ("baseline", arm.is_baseline)) if holds]
    return Row(
        head=arm.label,
        cells=tuple(cells),
        notes=tuple(notes),
        swatch=arm.swatch,
        strip=strip,
        group=arm.group,
        within=arm.label_in_group if arm.group else "",
        strong=arm.is_chosen,
    )


def share_cell(estimate: Estimate | None, decimals: int | None = None) -> Cell:
    """``72.3%`` over ``70.4 to 74.3``; ``decimals`` are those of the column it stands in."""
    if estimate is None:
        return Cell(main=numbers.MISSING, below="no score")
    return Cell(main=numbers.share(estimate, decimals), below=numbers.share_interval(estimate, decimals))


def points_cell(comparison: Comparison | None, decimals: int | None = None) -> Cell:
    """A difference in points over its interval, coloured where the reading is certain."""
    if comparison is None:
        return NOTHING
    shown = comparison.shown
    tone = ""
    if is_certain(comparison.reading):
        tone = "better" if comparison.reading.startswith("better") else "worse"
    return Cell(
        main=numbers.points(shown, decimals=decimals),
        below=numbers.points_interval(shown, decimals=decimals),
        tone=tone,
    )


def usd_cell(estimate: Estimate | None, ratio: Comparison | None = None, *, scale: float = 1.0) -> Cell:
    if estimate is None:
        return Cell(main=numbers.MISSING, below="not priced")
    aside = numbers.ratio(ratio.shown.point) if ratio else ""
    return Cell(main=numbers.usd(estimate.point * scale), aside=aside, below=numbers.usd_interval(estimate, scale))


def extra_usd_cell(estimate: Estimate | None, *, scale: float = 1000) -> Cell:
    """What an arm costs more than another, signed, over its interval."""
    if estimate is None:
        return NOTHING
    size, interval = numbers.usd_difference(estimate, scale)
    return Cell(main=size, below=interval)


def quantile_cell(times: TimeFindings | None, q: str, ratio: Comparison | None = None) -> Cell:
    """A quantile over its interval. Where failures keep it from being reached, calls are too few, or this client did
    not see it, it says so."""
    if times is None:
        return NOTHING
    hidden = hidden_ms(times, q)
    if hidden is not None:
        return not_shown(hidden)
    if q in times.unreached:
        return Cell(
            main="not reached",
            below=f"{numbers.count(times.n_failed)} of {numbers.count(times.n_measured + times.n_failed)} failed",
        )
    estimate = times.quantiles.get(q)
    return NOTHING if estimate is None else time_cell(estimate, times.error_ms(q), ratio)


def time_cell(estimate: Estimate, error_ms: float | None, ratio: Comparison | None = None) -> Cell:
    """``error_ms``: how far off the figure may be; None where this client states nothing."""
    main, below = time_text(estimate, error_ms)
    return Cell(
        main=main,
        aside=numbers.ratio(ratio.shown.point) if ratio else "",
        below=below or "no interval",
        mark=COARSE if coarse_ms(estimate.point, error_ms) is not None else "",
    )


def not_shown(error_ms: float) -> Cell:
    """Of a time that this client's error drowns."""
    return Cell(main=NOT_SHOWN, below=f"may be off by {numbers.duration(error_ms)}")


def sight_notes(tables: Iterable[Table], shown: str | None = None) -> list[str]:
    """What the words mean that say how well this client saw the times of these tables; empty without such words.
    ``shown``: what a format has room for, None: all of it."""
    cells = [cell for table in tables for row in table.rows for cell in row.cells]
    return [
        note
        for word, note, is_said in (
            (COARSE, COARSE_NOTE, any(cell.mark == COARSE for cell in cells)),
            (numbers.NARROW, NARROW_NOTE, any(cell.below.startswith(numbers.NARROW) for cell in cells)),
            (NOT_SHOWN, NOT_SHOWN_NOTE, any(cell.main == NOT_SHOWN for cell in cells)),
        )
        if is_said and (shown is None or word in shown)
    ]


def lacks_upper_limit(times: TimeFindings | None, quantiles: Sequence[str]) -> bool:
    """Whether a table with these quantiles has a cell with a lower limit only."""
    found = [times.quantiles.get(q) for q in quantiles] if times else []
    return any(estimate is not None and estimate.upper is None for estimate in found)


def ratio_cell(comparison: Comparison | None) -> Cell:
    if comparison is None:
        return NOTHING
    return Cell(main=numbers.ratio(comparison.shown.point), below=numbers.ratio_interval(comparison.shown))


def tokens_cell(estimate: Estimate | None, error: float | None = None) -> Cell:
    """``error``: how far off the figure may be through this client; None: not at all."""
    if estimate is None:
        return Cell(main=numbers.MISSING, below="not reported")
    return Cell(main=numbers.tokens_of(estimate, error=error), below=numbers.tokens_interval(estimate, error=error))


def part_of(part: int, whole: int) -> Cell:
    """``40`` over ``of 2,000``."""
    return Cell(main=numbers.count(part), below=f"of {numbers.count(whole)}")
