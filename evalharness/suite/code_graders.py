"""Graders that run code: only where the user allows it, and with every file they name read and in the plan."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from evalharness.core.model import GraderSpec, Json
from evalharness.suite.problems import Problems, did_you_mean
from evalharness.suite.templates import is_template
from evalharness.suite.yaml_text import Path

if TYPE_CHECKING:
    from evalharness.suite.cases import CaseReader

#: The pydantic model of a type's keys.
ParamsOf = Callable[[str], Any]


def code_parts(
    grader_type: str, params: Mapping[str, Json], params_of: ParamsOf, path: Path = ()
) -> Iterator[tuple[Path, str, Mapping[str, Json]]]:
    """A grader that runs code, and those among the children of a composite: key path, type, keys."""
    if params_of(grader_type).runs_code:
        yield path, grader_type, params
    children = params.get("of")
    for at, child in enumerate(children if isinstance(children, list) else ()):
        if isinstance(child, dict) and isinstance(child.get("type"), str):
            yield from code_parts(child["type"], child, params_of, (*path, "of", at))


def read_code_files(spec: GraderSpec, path: Path, params_of: ParamsOf, reader: CaseReader, problems: Problems) -> None:
    """Of one grader, which stands at ``path``."""
    for inside, grader_type, params in code_parts(spec.type, spec.params, params_of, path):
        for key, name in params_of(grader_type).files_in(params):
            place = (*inside, *key)
            if is_template(name):
                problems.add(place, "must be written out: files are read before any case is known")
            elif (content := reader.read(name, place)) is not None and key == ("function",):
                _check_function(content, name, str(params["function"]).rpartition(":")[2], place, problems)


def _check_function(content: bytes, file: str, name: str, place: Path, problems: Problems) -> None:
    try:
        module = ast.parse(content)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        line = f":{problem.lineno}" if isinstance(problem, SyntaxError) else ""
        problems.add(place, f"{file}{line} is no Python: {getattr(problem, 'msg', problem)}")
        return
    found = [node.name for node in module.body if isinstance(node, ast.FunctionDef)]
    if name not in found:
        problems.add(place, f"{file} has no function `{name}`", did_you_mean(name, found))
