"""A typed table for notebooks and databases. Needs the extra ``parquet``."""

from __future__ import annotations

from evalharness.core.errors import UsageError
from evalharness.core.record import RunRecord
from evalharness.store.flat_rows import Cell, columns, rows


def export(run: RunRecord) -> bytes:
    """Column types are the same for every run with the same axes and graders. Missing is null.

    Text without a UTF-8 form (lone surrogates) is written as escapes. Raises ``UsageError`` without pyarrow.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise UsageError(
            "the parquet format needs pyarrow, which is not installed",
            hint="pip install 'evalharness[parquet]'",
        ) from error
    types = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
    wanted = columns(run)
    by_column = list(zip(*rows(run, wanted), strict=True)) or [()] * len(wanted)
    table = pa.table(
        {
            column.name: pa.array([_encodable(cell) for cell in cells], type=types[column.kind])
            for column, cells in zip(wanted, by_column, strict=True)
        }
    )
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content: bytes = sink.getvalue().to_pybytes()
    return content


def _encodable(cell: Cell) -> Cell:
    return cell.encode("utf-8", "backslashreplace").decode() if isinstance(cell, str) else cell
