"""The file of ``shape: trace``: when trials started once, to be replayed. Formats by the name's ending."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from evalharness.core.model import Json
from evalharness.suite.case_rows import RowError, parse_json, text_of

MAX_STARTS = 1_000_000
#: Seconds since 1970 are 1.8e9 in 2027; milliseconds are 1.8e12.
_LATEST_S = 1e11
_COLUMNS = ("at_s", "timestamp")
_WANTED = "a number of seconds, or a time like 2026-11-22T14:02:16.120Z"


@dataclass(frozen=True, slots=True)
class _Entry:
    """One row as the format has it. ``number`` counts rows from 1, ``line`` lines (None where the format has none)."""

    value: Json
    number: int
    line: int | None = None


def read_offsets(file: str, content: bytes, report: Callable[[RowError], None]) -> tuple[float, ...]:
    """Seconds from the first start, rising, to the microsecond: a time since 1970 is no finer as a float.

    Rows may stand in any order. What cannot be read is reported, row by row.
    """
    starts: list[float] = []
    mistakes = 0
    try:
        for found in _starts(file, content):
            if isinstance(found, RowError):
                mistakes += 1
                report(found)
            else:
                starts.append(found)
    except RowError as mistake:
        report(mistake)
        return ()
    if not starts and not mistakes:
        report(RowError("the trace is empty: no trial would start", hint="each row says when one trial starts"))
    starts.sort()
    return tuple(round(start - starts[0], 6) for start in starts)


def _starts(file: str, content: bytes) -> Iterator[float | RowError]:
    """In seconds, from any beginning. A row that cannot be read is yielded as its mistake."""
    reader = _READERS.get(file.rsplit(".", 1)[-1].lower())
    if reader is None:
        raise RowError("a trace is read from .jsonl, .json, .csv and .txt files")
    column = None
    for entry in reader(text_of(content)):
        if entry.number > MAX_STARTS:
            raise RowError(f"the trace has more than {MAX_STARTS:,} rows", hint="replay a part of it")
        try:
            if isinstance(entry.value, RowError):
                raise entry.value
            if isinstance(entry.value, dict):
                column = column or _column(entry.value)
            yield _start(entry.value, column)
        except RowError as mistake:
            row = f"row {entry.number}: " if entry.line is None else ""
            yield RowError(f"{row}{mistake}", line=entry.line, column=mistake.column, hint=mistake.hint or "")


def _column(row: dict[str, Json]) -> str:
    """Which column holds the starts: that of the first row holds for all, because the two count from different days."""
    found = next((column for column in _COLUMNS if column in row), None)
    if found is None:
        raise RowError("the row has neither `at_s` nor `timestamp`", hint="its columns: " + ", ".join(list(row)[:20]))
    return found


def _start(value: Json, column: str | None) -> float:
    if isinstance(value, dict):
        assert column is not None  # found in this row or in one before
        if column not in value:
            raise RowError(f"the row has no `{column}`, which the rows before it have")
        value = value[column]
    if isinstance(value, str):
        value = _seconds(value, may_be_a_time=column != "at_s")
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:
        raise RowError("a start must be " + _WANTED)
    if abs(value) > _LATEST_S:
        raise RowError("too large for a number of seconds", hint="is this milliseconds? divide by 1000")
    return float(value)


def _seconds(text: str, *, may_be_a_time: bool) -> float:
    """Of a cell or a line, which are all text."""
    try:
        return float(text)
    except ValueError:
        if not may_be_a_time:
            raise RowError("`at_s` must be a number of seconds", hint="times of day stand under `timestamp`") from None
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        raise RowError("a start must be " + _WANTED) from None
    if moment.tzinfo is None:
        raise RowError("the time has no time zone", hint="add Z, or an offset like +02:00")
    return moment.timestamp()


def _lines(text: str) -> Iterator[tuple[int, str]]:
    return ((at, line) for at, line in enumerate(text.split("\n"), start=1) if line.strip())


def _jsonl(text: str) -> Iterator[_Entry]:
    for number, (at, line) in enumerate(_lines(text), start=1):
        try:
            yield _Entry(parse_json(line), number, at)
        except RowError as mistake:
            yield _Entry(mistake, number, at)


def _json(text: str) -> Iterator[_Entry]:
    rows = parse_json(text)
    if not isinstance(rows, list):
        raise RowError("the file must hold a JSON list of numbers or objects")
    return (_Entry(row, number) for number, row in enumerate(rows, start=1))


def _csv(text: str) -> Iterator[_Entry]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        number = 0
        for cells in reader:
            if cells:
                number += 1
                yield _Entry(dict(zip(header, cells, strict=False)), number, reader.line_num)
    except csv.Error as error:
        raise RowError(f"not CSV: {error}", line=reader.line_num) from None


def _txt(text: str) -> Iterator[_Entry]:
    return (_Entry(line, number, at) for number, (at, line) in enumerate(_lines(text), start=1))


_READERS: dict[str, Callable[[str], Iterator[_Entry]]] = {"jsonl": _jsonl, "json": _json, "csv": _csv, "txt": _txt}
