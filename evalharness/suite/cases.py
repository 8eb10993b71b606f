"""Cases: inline ones and those of files, with what they were written as."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import PurePath

from pydantic import ValidationError

from evalharness.core.ids import content_id
from evalharness.core.model import Case, FileRef, Json
from evalharness.suite.case_rows import Row, RowError, Take, is_flat, read_rows
from evalharness.suite.grader_specs import grader_spec
from evalharness.suite.ports import SuitePorts, UnreadableFileError
from evalharness.suite.problems import Mistake, Problems, Report, invalid
from evalharness.suite.schema import CaseFilePart, CasePart, MapPart
from evalharness.suite.yaml_text import Path

_FLAT = MapPart(id="id", expected="expected", tags="tags", cluster="cluster")


class CaseReader:
    """Reads all cases of a suite.

    ``files`` are those it read, ``paths`` where in the suite a case, or the file it is from, is named.
    """

    def __init__(self, problems: Problems, ports: SuitePorts, *, with_reserve: bool = False) -> None:
        """``with_reserve``: rows of a file that are not taken come too, as reserve."""
        self._with_reserve = with_reserve
        self._problems = problems
        self._ports = ports
        self._places: dict[str, str] = {}
        self.files: dict[str, FileRef] = {}
        self.paths: dict[str, Path] = {}

    def inline(self, part: CasePart, path: Path) -> Case | None:
        source = self._problems.document.nearest((*path, "expected")).source
        text = expected_text(part.expected, lambda: source)
        case = self._case(part, text, path, self._problems.report)
        line = self._problems.document.place(path)[0]
        if case is None or not self._is_new(case, f"line {line}", (*path, "id"), self._problems.report):
            return None
        self.paths[case.case_id] = path
        return case

    def from_file(self, part: CaseFilePart, path: Path) -> Iterator[Case]:
        file = part.file
        shown_file = self._shown(file)
        content = self.read(file, (*path, "file"))
        if content is None:
            return
        take = Take(n=part.take.n, seed=part.take.seed) if part.take is not None else None
        mapping = part.map if part.map is not None else _FLAT if is_flat(file) else None
        with_reserve = self._with_reserve and take is not None
        try:
            taken = _numbers(read_rows(file, content, take)) if with_reserve else None
            for row in read_rows(file, content, None if with_reserve else take):
                if isinstance(row, RowError):
                    self._problems.add_elsewhere(row.problem(shown_file))
                elif (case := self._from_row(row, shown_file, mapping, is_strict=part.map is not None)) is not None:
                    self.paths[case.case_id] = path
                    yield replace(case, is_reserve=taken is not None and row.number not in taken)
        except RowError as mistake:
            self._problems.add_elsewhere(mistake.problem(shown_file))

    def read(self, file: str, path: Path) -> bytes | None:
        """The content of a file that is named at ``path``; None after a problem was reported."""
        try:
            content = self._ports.read_bytes(file)
        except UnreadableFileError as error:
            self._problems.add(path, error.message, error.hint)
            return None
        self._keep(file, content)
        return content

    def _shown(self, file: str) -> str:
        """A file as seen from where the suite was named, so that a terminal can open it."""
        return str(PurePath(self._problems.document.file).parent / file)

    def reference_hash(self, file: str) -> str:
        """SHA-256 of a file that a prompt names through ``data_url``; read once. Raises ``UnreadableFileError``."""
        if file not in self.files:
            self._keep(file, self._ports.read_bytes(file))
        return self.files[file].sha256

    def _keep(self, file: str, content: bytes) -> None:
        self.files[file] = FileRef(path=file, sha256=hashlib.sha256(content).hexdigest())

    def _from_row(self, row: Row, file: str, mapping: MapPart | None, *, is_strict: bool) -> Case | None:
        report = self._problems.reporter_at(file, row.line)
        if mapping is None:
            values: dict[str, Json] | None = dict(row.values)
            expected_column = "expected"
        else:
            values = _mapped(row, mapping, file, report, is_strict=is_strict)
            expected_column = mapping.expected or ""
        if values is None:
            return None
        try:
            part = CasePart.model_validate(values)
        except ValidationError as error:
            for mistake in invalid(error, CasePart, values):
                report(_with_map_hint(mistake) if mapping is None else mistake)
            return None
        text = expected_text(part.expected, lambda: row.source_of(expected_column))
        case = self._case(part, text, (), report)
        place = f"{file}, " + (f"line {row.line}" if row.line is not None else f"row {row.number}")
        return case if case is not None and self._is_new(case, place, ("id",), report) else None

    def _case(self, part: CasePart, text: str | None, path: Path, report: Report) -> Case | None:
        if "expected" in part.vars:
            report(Mistake((*path, "vars", "expected"), "a variable cannot be called `expected`", at_key=True))
        graders = [
            grader_spec(grader, (*path, "graders", at), self._ports, report) for at, grader in enumerate(part.graders)
        ]
        try:
            content = content_id({"vars": part.vars, "expected": part.expected, "expected_text": text})
        except (TypeError, ValueError) as error:
            report(Mistake((*path, "vars"), f"a value of this case is no JSON: {error}"))
            return None
        return Case(
            case_id=part.id,
            vars=part.vars,
            expected=part.expected,
            expected_text=text,
            tags=tuple(part.tags),
            cluster=part.cluster,
            graders=tuple(grader for grader in graders if grader is not None),
            content_hash=content,
        )

    def _is_new(self, case: Case, place: str, path: Path, report: Report) -> bool:
        first = self._places.get(case.case_id)
        if first is not None:
            report(Mistake(path, f"a second case is called `{case.case_id}`", f"the first: {first}"))
            return False
        self._places[case.case_id] = place
        return True


def _numbers(rows: Iterable[Row | RowError]) -> frozenset[int]:
    return frozenset(row.number for row in rows if isinstance(row, Row))


def expected_text(value: Json, source: Callable[[], Json]) -> str | None:
    """The expectation as it was written: ``1.10`` stays ``1.10``. Lists and mappings as JSON; None: there is none."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | dict):
        return json.dumps(value, ensure_ascii=False)
    written = source()
    return written if isinstance(written, str) else json.dumps(value)


def _mapped(row: Row, mapping: MapPart, file: str, report: Report, *, is_strict: bool) -> dict[str, Json] | None:
    """A row's columns as the keys of a case, None after a report. ``is_strict``: mapped columns must be there."""
    columns = row.values
    tag_columns = [mapping.tags] if isinstance(mapping.tags, str) else mapping.tags or []
    named = [mapping.id, mapping.expected, mapping.cluster, *tag_columns]
    mapped = {column for column in named if column is not None}
    variables = mapping.vars
    if variables is None:
        variables = {column: column for column in columns if column not in mapped}
    needed = mapped | set(variables.values()) if is_strict else {"id"}
    missing = sorted(needed - set(columns))
    for column in missing:
        report(Mistake((), f"the row has no column `{column}`", "its columns: " + ", ".join(list(columns)[:20])))
    if missing:
        return None
    values: dict[str, Json] = {
        "id": f"{PurePath(file).stem}:{row.number}" if mapping.id is None else _as_id(columns.get(mapping.id)),
        "vars": {name: columns[column] for name, column in variables.items() if column in columns},
        "tags": [tag for column in tag_columns for tag in _as_tags(columns.get(column))],
    }
    if mapping.expected is not None:
        values["expected"] = columns.get(mapping.expected)
    if mapping.cluster is not None and columns.get(mapping.cluster) not in (None, ""):
        values["cluster"] = _as_id(columns[mapping.cluster])
    return values


def _as_id(value: Json) -> Json:
    """Data sets number their rows: a whole number is the text of itself."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _as_tags(cell: Json) -> list[Json]:
    if cell is None or cell == "":
        return []
    return cell if isinstance(cell, list) else [_as_id(cell)]


def _with_map_hint(mistake: Mistake) -> Mistake:
    if mistake.at_key and not mistake.path[1:]:
        hint = f"{mistake.hint}; variables stand under `vars`, or `map` says which columns they are"
        return Mistake(mistake.path, mistake.message, hint, at_key=True)
    return mistake
