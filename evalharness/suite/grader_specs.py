"""Graders of a suite or of one case: type known, keys valid, templates fillable."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import ValidationError

from evalharness.core.model import Case, GraderSpec, Json, Status
from evalharness.suite import later
from evalharness.suite.code_graders import code_parts
from evalharness.suite.ports import SuitePorts
from evalharness.suite.problems import Mistake, Report, did_you_mean, invalid
from evalharness.suite.schema import GraderPart
from evalharness.suite.templates import is_template, render_params
from evalharness.suite.yaml_text import Path

RENDERED = {"rendered": True}


def grader_spec(part: GraderPart, path: Path, ports: SuitePorts, report: Report) -> GraderSpec | None:
    """The grader at ``path``; None after a report."""
    params = dict(part.model_extra or {})
    if not _is_valid(part.type, params, path, ports, report):
        return None
    grades = tuple(Status(status) for status in part.grades)
    return GraderSpec(grader_id=part.id, type=part.type, params=params, pass_at=part.pass_at, grades=grades)


def _is_valid(grader_type: str, params: Mapping[str, Json], path: Path, ports: SuitePorts, report: Report) -> bool:
    if grader_type in later.GRADERS and grader_type not in ports.grader_names:
        report(Mistake((*path, "type"), f"not supported yet: `{grader_type}` ({later.GRADERS[grader_type]})"))
        return False
    if grader_type not in ports.grader_names:
        hint = did_you_mean(grader_type, ports.grader_names)
        report(Mistake((*path, "type"), f"there is no grader type `{grader_type}`", hint))
        return False
    if not ports.settings.allow_code:
        for inside, named, _ in code_parts(grader_type, params, ports.grader_params, path):
            hint = "say --allow-code, if you trust the suite: the code is isolated"
            report(Mistake((*inside, "type"), f"`{named}` runs code, which is not allowed", hint))
            return False
    mistakes = check_params(grader_type, params, path, ports)
    for mistake in mistakes:
        report(mistake)
    return not mistakes


def check_params(grader_type: str, params: Mapping[str, Json], path: Path, ports: SuitePorts) -> list[Mistake]:
    """Keys as written: what will become of a template is not known yet, so a template passes for anything."""
    model = ports.grader_params(grader_type)
    try:
        model.model_validate(dict(params))
    except ValidationError as error:
        unknown = {each["loc"] for each in error.errors() if each["type"] == "extra_forbidden"}
        return [
            each
            for each in invalid(error, model, dict(params), path)
            if each.path[len(path) :] in unknown or not _is_open(params, each, len(path))
        ]
    return []


def _is_open(params: Json, mistake: Mistake, depth: int) -> bool:
    value = params
    for part in mistake.path[depth:]:
        try:
            value = value[part]
        except (LookupError, TypeError):
            return False
    return isinstance(value, str) and is_template(value)


def check_rendered(spec: GraderSpec, case: Case, path: Path, ports: SuitePorts) -> list[Mistake]:
    """The grader's keys for one case. Raises ``TemplateError`` where they cannot be rendered."""
    params = render_params(spec.params, case)
    model = ports.grader_params(spec.type)
    try:
        model.model_validate(params, context=RENDERED)
    except ValidationError as error:
        return invalid(error, model, params, path)
    return []
