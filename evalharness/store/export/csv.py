"""A table for spreadsheets: UTF-8, a header, one row per trial. Missing is an empty cell."""

from __future__ import annotations

import csv
import io

from evalharness.core.record import RunRecord
from evalharness.store.flat_rows import Cell, columns, rows

# Spreadsheets run a text cell that begins with one of these as a formula.
# Source: OWASP, "CSV Injection".
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def export(run: RunRecord) -> bytes:
    """Text cells that a spreadsheet would run get a leading apostrophe; numbers are never changed.

    Text without a UTF-8 form (lone surrogates) is written as escapes, so that the file is valid UTF-8.
    """
    wanted = columns(run)
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\r\n")
    table.writerow([_neutral(column.name) for column in wanted])
    table.writerows([_shown(cell) for cell in row] for row in rows(run, wanted))
    return text.getvalue().encode("utf-8", "backslashreplace")


def _shown(cell: Cell) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return _neutral(cell) if isinstance(cell, str) else repr(cell)


def _neutral(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
