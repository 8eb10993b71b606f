"""Case files: bytes to rows, with the place of each row for error messages. Formats by the name's ending."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

from evalharness.core.errors import Problem, SuiteError
from evalharness.core.model import Json
from evalharness.suite import yaml_text

MAX_LINE_BYTES = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Row:
    """One row. ``number`` counts rows from 1, ``line`` lines (None where the format has none).

    ``source_of`` gives the value of a column with its numbers as they were written: as text.
    """

    values: Mapping[str, Json]
    number: int
    line: int | None
    source_of: Callable[[str], Json]


class RowError(ValueError):
    """A file, or one line of it, that cannot be read."""

    def __init__(self, message: str, *, line: int | None = None, column: int | None = None, hint: str = "") -> None:
        super().__init__(message)
        self.line, self.column, self.hint = line, column, hint or None

    def problem(self, file: str) -> Problem:
        return Problem(file=file, message=str(self), line=self.line, column=self.column, hint=self.hint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Take:
    """``n`` rows out of all, without replacement."""

    n: int
    seed: int

    def chosen(self, count: int) -> list[int]:
        """Indices in the order of the file. By hash, not by a generator's stream: a larger n contains the smaller."""
        if self.n > count:
            raise RowError(f"take asks for {self.n} rows; the file has {count}")
        ranked = sorted(range(count), key=lambda index: hashlib.sha256(f"{self.seed}:{index}".encode()).digest())
        return sorted(ranked[: self.n])


def is_flat(file: str) -> bool:
    """Whether the format has columns only, no nesting."""
    return file.lower().endswith((".csv", ".parquet"))


def read_rows(file: str, content: bytes, take: Take | None) -> Iterator[Row | RowError]:
    """The rows taken. A line that cannot be read is yielded as its mistake; raises ``RowError`` for a whole file."""
    ending = file.rsplit(".", 1)[-1].lower()
    reader = _READERS.get(ending)
    if reader is None:
        raise RowError("cases are read from .jsonl, .json, .csv, .yaml and .parquet files")
    return reader(file, content, take)


def text_of(content: bytes) -> str:
    """Raises ``RowError`` with the line that is no UTF-8."""
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise RowError(f"byte {error.start} is not UTF-8", line=line, hint="save the file as UTF-8") from None


def _jsonl(_file: str, content: bytes, take: Take | None) -> Iterator[Row | RowError]:
    # Split at line feeds alone: JSON texts may hold the other characters that str.splitlines breaks at.
    lines = [(at, line) for at, line in enumerate(text_of(content).split("\n"), start=1) if line.strip()]
    chosen = take.chosen(len(lines)) if take is not None else range(len(lines))
    return (_jsonl_row(index + 1, *lines[index]) for index in chosen)


def _jsonl_row(number: int, at: int, line: str) -> Row | RowError:
    if len(line) > MAX_LINE_BYTES:
        return RowError(f"the line is longer than {MAX_LINE_BYTES // 2**20} MiB", line=at)
    try:
        values = parse_json(line)
    except RowError as mistake:
        return RowError(str(mistake), line=at, column=mistake.column, hint=mistake.hint or "")
    if not isinstance(values, dict):
        return RowError("each line must be a JSON object", line=at)
    return Row(values, number, at, lambda column: parse_json(line, numbers_as_text=True)[column])


def parse_json(text: str, *, numbers_as_text: bool = False) -> Json:
    """JSON in the strict sense: no NaN. Raises ``RowError``."""
    try:
        if numbers_as_text:
            return json.loads(text, parse_float=str, parse_int=str, parse_constant=_refuse_constant)
        return json.loads(text, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise RowError(f"not JSON: {error.msg}", line=error.lineno, column=error.colno) from None
    except RecursionError:
        raise RowError("nested too deep") from None
    except RowError:
        raise
    except ValueError as error:  # a whole number of more than 4300 digits
        raise RowError(f"not JSON: {error}") from None


def _refuse_constant(name: str) -> float:
    raise RowError(f"{name} is no JSON number", hint="use null where nothing was measured")


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise RowError(f"{text[:20]} is too large a number")
    return value


def _json(_file: str, content: bytes, take: Take | None) -> Iterator[Row | RowError]:
    text = text_of(content)
    rows = parse_json(text)
    if not isinstance(rows, list):
        raise RowError("the file must hold a JSON list of objects")
    sources: list[Json] = []

    def source(index: int, column: str) -> Json:
        if not sources:  # read a second time only if a number's spelling is asked for
            sources.extend(parse_json(text, numbers_as_text=True))
        return sources[index][column]

    return _listed(rows, take, source, lambda _index: None)


def _yaml(file: str, content: bytes, take: Take | None) -> Iterator[Row | RowError]:
    try:
        document = yaml_text.load(text_of(content), file)
    except SuiteError as error:
        (found,) = error.problems
        raise RowError(found.message, line=found.line, column=found.column, hint=found.hint or "") from None
    if not isinstance(document.value, list):
        raise RowError("the file must hold a list of mappings", line=1)

    def source(index: int, column: str) -> Json:
        node = document.nearest((index, column))
        return node.source if node.source is not None else node.value

    return _listed(document.value, take, source, lambda index: document.place((index,))[0])


def _listed(
    rows: list[Json],
    take: Take | None,
    source: Callable[[int, str], Json],
    line_of: Callable[[int], int | None],
) -> Iterator[Row | RowError]:
    chosen = take.chosen(len(rows)) if take is not None else range(len(rows))
    for index in chosen:
        if isinstance(rows[index], dict):
            yield Row(rows[index], index + 1, line_of(index), partial(source, index))
        else:
            yield RowError(f"row {index + 1} must be a mapping of columns", line=line_of(index))


def _csv(_file: str, content: bytes, take: Take | None) -> Iterator[Row | RowError]:
    reader = csv.reader(io.StringIO(text_of(content), newline=""), strict=True)
    records: list[tuple[int, list[str]]] = []
    try:
        start = 1
        for record in reader:
            if record:
                records.append((start, record))
            start = reader.line_num + 1
    except csv.Error as error:
        raise RowError(f"not CSV: {error}", line=reader.line_num) from None
    if not records:
        raise RowError("the file is empty", hint="the first line names the columns")
    header = records.pop(0)[1]
    if len(set(header)) != len(header) or "" in header:
        raise RowError("the columns of the first line must have names, each another", line=1)
    chosen = take.chosen(len(records)) if take is not None else range(len(records))
    return (_csv_row(index + 1, records[index], header) for index in chosen)


def _csv_row(number: int, record: tuple[int, list[str]], header: list[str]) -> Row | RowError:
    line, cells = record
    if len(cells) != len(header):
        return RowError(f"{len(cells)} cells, the first line has {len(header)}", line=line)
    values = dict(zip(header, cells, strict=True))
    return Row(values, number, line, values.__getitem__)


def _parquet(_file: str, content: bytes, take: Take | None) -> Iterator[Row | RowError]:
    try:
        import pyarrow.parquet
    except ModuleNotFoundError:
        hint = "pip install 'evalharness[parquet]'"
        raise RowError("parquet files need the extra `parquet`", hint=hint) from None
    try:
        table = pyarrow.parquet.read_table(pyarrow.BufferReader(content))
    except pyarrow.ArrowException as error:
        raise RowError(f"not parquet: {str(error)[:200]}") from None
    if take is not None:
        chosen = take.chosen(table.num_rows)
        table = table.take(chosen)
    else:
        chosen = list(range(table.num_rows))
    rows = table.to_pylist()
    return (Row(row, index + 1, None, row.__getitem__) for index, row in zip(chosen, rows, strict=True))


_READERS: dict[str, Callable[[str, bytes, Take | None], Iterator[Row | RowError]]] = {
    "jsonl": _jsonl,
    "json": _json,
    "csv": _csv,
    "yaml": _yaml,
    "parquet": _parquet,
}
