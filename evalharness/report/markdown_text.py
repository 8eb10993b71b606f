"""Plain text, tables and lists as Markdown that means nothing but what it says."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from evalharness.core.errors import UsageError
from evalharness.report.cells import Cell, Row, Table
from evalharness.report.visible import shortened, visible

_LONGEST_NAME = 200
#: A zero-width space after ``@`` and ``#`` keeps hosts from making mentions and references of them.
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "@&#8203;", "#": "#&#8203;"}
#: Of a page on the web, and the characters of it that mean something there; brackets and others are written as codes.
_ADDRESS = re.compile(r"https?://[^\s<>\"]{1,2000}")
_IN_ADDRESS = "/:?#[@!$&'*+,;=%~"
#: What a job's summary may take, and a comment on a change.
SUMMARY_BYTES = 60_000
COMMENT_BYTES = 8_000
_SPECIAL = re.compile(r"([\\`*_\[\]|~])")


def escaped(text: str) -> str:
    """Plain text as Markdown: nothing in it formats, links, mentions or refers to an issue."""
    text = _SPECIAL.sub(r"\\\1", " ".join(visible(text).split()))
    return "".join(_ENTITIES.get(character, character) for character in text)


def table_text(table: Table) -> str:
    """A Markdown table: figures with their marks, asides and intervals."""
    head = [table.head, *table.columns]
    lines = [_line(head), _line(["---", *("---" if words else "---:" for words in table.of_words)])]
    lines += [_line([_head(row), *(_cell(cell) for cell in row.cells)]) for row in table.rows]
    return "\n".join(lines)


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _head(row: Row) -> str:
    name = escaped(row.head if not row.group else f"{row.group}: {row.within or row.head}")
    notes = f" ({', '.join(row.notes)})" if row.notes else ""
    return f"**{name}**{notes}" if row.strong else name + notes


def _cell(cell: Cell) -> str:
    text = escaped(cell.marked) + (f" {escaped(cell.aside)}" if cell.aside else "")
    return f"{text} ({escaped(cell.below)})" if cell.below else text


def marker(suite: str) -> str:
    """A comment that nobody sees and by which the next comment on the same suite finds this one to replace it."""
    return f"<!-- evalharness:{re.sub('[^a-z0-9-]', '-', suite)} -->"


def report_place(link: str) -> str:
    """Where the whole report is, as Markdown: an address that was given, else its file.

    Raises ``UsageError`` for an address that a reader's browser would not open.
    """
    if not link:
        return "the whole report is report.html in its folder"
    if not _ADDRESS.fullmatch(link):
        raise UsageError(f"{link} is no address of a page", hint="give it with https://, without spaces")
    return f"[the whole report]({quote(link, safe=_IN_ADDRESS)})"


def first_that_fits(texts: Iterable[str], max_bytes: int) -> str:
    """Of forms of one text, the longest first, the first of at most so many bytes; the last, whatever it takes."""
    text = ""
    for text in texts:
        if len(text.encode("utf-8")) <= max_bytes:
            break
    return text


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
