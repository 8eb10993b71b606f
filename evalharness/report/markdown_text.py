"""Plain text, tables and lists as Markdown that means nothing but what it says."""

from __future__ import annotations

import re
from collections.abc import Sequence

from evalharness.report.cells import Cell, Row, Table
from evalharness.report.visible import shortened, visible

_LONGEST_NAME = 200
#: A zero-width space after ``@`` and ``#`` keeps hosts from making mentions and references of them.
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@&#8203;", "#": "#&#8203;"}
_SPECIAL = re.compile(r"([\\`*_\[\]|~])")


def escaped(text: str) -> str:
    """Plain text as Markdown: nothing in it formats, links, mentions or refers to an issue."""
    text = _SPECIAL.sub(r"\\\1", " ".join(visible(text).split()))
    return "".join(_ENTITIES.get(character, character) for character in text)


def table_text(table: Table) -> str:
    """A Markdown table: figures with their marks, asides and intervals."""
    head = [table.head, *table.columns]
    lines = [_line(head), _line(["---", *("---:" for _ in table.columns)])]
    lines += [_line([_head(row), *(_cell(cell) for cell in row.cells)]) for row in table.rows]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _head(row: Row) -> str:
    name = escaped(row.head if not row.group else f"{row.group}: {row.head}")
    notes = f" ({', '.join(row.notes)})" if row.notes else ""
    return f"**{name}**{notes}" if row.strong else name + notes


def _cell(cell: Cell) -> str:
    text = escaped(cell.marked) + (f" {escaped(cell.aside)}" if cell.aside else "")
    return f"{text} ({escaped(cell.below)})" if cell.below else text


def listed(title: str, lines: Sequence[str], most: int) -> list[str]:
    """A list under its title as one part; nothing without lines. Of more than ``most`` the number of the others."""
    if not lines:
        return []
    items = [f"- {escaped(line)}" for line in lines[:most]]
    items += [f"- and {len(lines) - most} more"] if len(lines) > most else []
    return [(f"{title}\n\n" if title else "") + "\n".join(items)]


def folded(title: str, names: Sequence[str], *, most: int) -> str:
    """A list of names that unfolds, in a fence that nothing in them can close. ``title`` is Markdown already."""
    told = [visible(shortened(name, _LONGEST_NAME)) for name in names[:most]]
    runs = re.findall("`+", "\n".join(told))
    fence = "`" * max(3, 1 + max((len(run) for run in runs), default=0))
    more = [f"and {len(names) - most} more"] if len(names) > most else []
    listing = "\n".join([fence, *told, *more, fence])
    return f"<details><summary>{title}</summary>\n\n{listing}\n\n</details>"
