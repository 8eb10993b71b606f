"""Tables as lines of text, and the writer that keeps to a terminal's width, letters and colours."""

from __future__ import annotations

import textwrap
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from evalharness.report.cells import Cell, Row, Table
from evalharness.report.charts.marks import Interval
from evalharness.report.charts.scales import Scale
from evalharness.report.load_rows import (
    ACHIEVED,
    ASKED,
    FAILED,
    FAILS,
    FIRST_P50,
    FIRST_P95,
    GOOD,
    HOLDS,
    TOKENS,
    TOTAL_P50,
    TOTAL_P95,
)
from evalharness.report.visible import shortened, visible

STRIP = 17
_SHORTEST_HEAD = 16
#: Columns of the arm table by position, the most needed first, as far as the width goes.
_WANTED = (0, 1, 2, -1, 4, 3, 5)
#: Columns of the table of a latency run by title, likewise.
_WANTED_OF_LOAD = (HOLDS, FAILS, ACHIEVED, FIRST_P95, GOOD, TOTAL_P95, FAILED, FIRST_P50, TOTAL_P50, ASKED, TOKENS)
_ASCII = str.maketrans({"−": "-", "×": "x", "–": "-", "≥": ">=", "≤": "<=", "…": "...", "“": '"', "”": '"', "·": "-"})
_STYLES = {"bold": "\x1b[1m", "better": "\x1b[32m", "worse": "\x1b[31m"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Writer:
    width: int
    color: bool
    unicode: bool
    strips: bool

    def plain(self, text: str) -> str:
        """Without control characters, and in ASCII where the terminal has nothing else."""
        text = visible(text).replace("\n", " ").replace("\t", " ")
        return text if self.unicode else text.translate(_ASCII).encode("ascii", "replace").decode()

    def wrapped(self, text: str, lead: str = "") -> list[str]:
        indent = " " * len(lead)
        return textwrap.wrap(
            self.plain(text), self.width, initial_indent=lead, subsequent_indent=indent, break_on_hyphens=False
        )

    def styled(self, text: str, style: str) -> str:
        return f"{_STYLES[style]}{text}\x1b[0m" if self.color and style and text.strip() else text


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Columns by index: ``wanted`` the most needed first, ``with_interval`` those that carry theirs."""

    wanted: Sequence[int]
    with_interval: Collection[int]


def arm_columns(table: Table) -> Columns:
    n = len(table.columns)
    wanted = dict.fromkeys(place % n for place in _WANTED if -n <= place < n)
    return Columns(wanted=list(wanted), with_interval=(0, 1))


def gate_columns() -> Columns:
    """The verdict first, then what was found, then what is demanded."""
    return Columns(wanted=(2, 1, 0), with_interval=(1,))


def with_short_heads(table: Table, columns: Columns, writer: Writer) -> Table:
    """Heads cut to what the columns leave of the width: where a figure is shown, its interval and its verdict are."""
    widths = [len(_column(table, index, columns, writer)[0]) + 2 for index in range(len(table.columns))]
    room = max(_SHORTEST_HEAD, writer.width - sum(widths))
    return replace(table, rows=tuple(replace(row, head=shortened(row.head, room)) for row in table.rows))


def load_columns(table: Table) -> Columns:
    places = {title: index for index, title in enumerate(table.columns)}
    wanted = [places[title] for title in _WANTED_OF_LOAD if title in places]
    return Columns(wanted=wanted, with_interval=[places[title] for title in (FIRST_P95, TOTAL_P95) if title in places])


def laid_out(table: Table, strips: Sequence[str], columns: Columns, writer: Writer) -> list[str]:
    """Columns side by side as far as the width allows; numbers right aligned, titles on two lines."""
    heads = ["", table.head, *(writer.plain(_head(row)) for row in table.rows)]
    lines = [head.ljust(max(map(len, heads))) for head in heads]
    texts = {index: _column(table, index, columns, writer) for index in range(len(table.columns))}
    room = writer.width - len(lines[0])
    # The strip repeats what a column says: it takes the room that is left once cost is shown too.
    if strips and room - STRIP - 2 >= sum(len(texts[index][0]) + 2 for index in columns.wanted[:3]):
        drawn = ["", "", *strips]
        lines = [f"{line}  {strip.ljust(STRIP)}" for line, strip in zip(lines, drawn, strict=True)]
        room -= STRIP + 2
    for index in _fitting(texts, columns.wanted, room):
        lines = [
            f"{line}  {text}" for line, text in zip(lines, _styled(table, index, texts[index], writer), strict=True)
        ]
    return [line.rstrip() for line in lines]


def _fitting(texts: Mapping[int, Sequence[str]], wanted: Sequence[int], room: int) -> list[int]:
    """The columns that fit into ``room``, the most needed first, in their own order."""
    chosen = []
    for index in wanted:
        needed = len(texts[index][0]) + 2
        if needed <= room:
            chosen.append(index)
            room -= needed
    return sorted(chosen)


def _styled(table: Table, index: int, texts: Sequence[str], writer: Writer) -> list[str]:
    cells = [row.cells[index] for row in table.rows]
    return [*texts[:2], *(writer.styled(text, cell.tone) for text, cell in zip(texts[2:], cells, strict=True))]


def _head(row: Row) -> str:
    return f"{row.head} (recommended)" if row.strong else row.head


def _column(table: Table, index: int, columns: Columns, writer: Writer) -> list[str]:
    """Title and cells of one column, right aligned to its width."""
    with_interval = index in columns.with_interval
    texts = [*_two_lines(table.columns[index]), *(_text(row.cells[index], with_interval) for row in table.rows)]
    plain = [writer.plain(text) for text in texts]
    return [text.rjust(max(map(len, plain))) for text in plain]


def _two_lines(title: str) -> tuple[str, str]:
    """A title cut at the space that makes its longer line shortest; a single word stands on the lower line."""
    words = title.split()
    cuts = [(" ".join(words[:cut]), " ".join(words[cut:])) for cut in range(len(words))]
    return min(cuts, key=lambda lines: max(map(len, lines)))


def _text(cell: Cell, with_interval: bool) -> str:
    return f"{cell.marked} ({cell.below})" if with_interval and cell.below else cell.marked


def strip(interval: Interval, scale: Scale) -> str:
    """``  |---o---|  `` on an axis shared by all rows."""
    axis = Scale(scale.low, scale.high, 0, STRIP - 1)
    low = round(axis(interval.point if interval.lower is None else interval.lower))
    high = round(axis(interval.point if interval.upper is None else interval.upper))
    characters = [" "] * STRIP
    for place in range(low, high + 1):
        characters[place] = "-"
    characters[low] = characters[high] = "|"
    characters[round(axis(interval.point))] = "o"
    return "".join(characters)
