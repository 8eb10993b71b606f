"""Every template against every case, before any call is paid for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from evalharness.core.ids import content_id
from evalharness.core.model import Case, GraderSpec, Prompt
from evalharness.suite.cases import CaseReader
from evalharness.suite.code_graders import read_code_files
from evalharness.suite.grader_specs import check_rendered
from evalharness.suite.ports import SuitePorts, UnreadableFileError
from evalharness.suite.problems import Problems, near
from evalharness.suite.prompts import turn_paths
from evalharness.suite.template_values import TemplateError
from evalharness.suite.templates import compiled, has_templates, is_template, render_turn, turn_template
from evalharness.suite.yaml_text import Path

_CASES_NAMED = 3


class _Failures:
    """Mistakes of one template over many cases: one problem for each kind, with the first cases by name."""

    def __init__(self) -> None:
        self._cases: dict[tuple[Path, str, str | None], list[Case]] = {}

    def add(self, path: Path, message: str, variable: str | None, case: Case) -> None:
        self._cases.setdefault((path, message, variable), []).append(case)

    def report(self, problems: Problems, n_cases: int) -> None:
        for (path, message, variable), cases in self._cases.items():
            names = ", ".join(f"`{case.case_id}`" for case in cases[:_CASES_NAMED])
            more = f" and {len(cases) - _CASES_NAMED} more of {n_cases}" if len(cases) > _CASES_NAMED else ""
            hint = _variable_hint(variable, path, cases[0]) if variable is not None else None
            problems.add(path, f"{message} (case {names}{more})", hint)


def _variable_hint(variable: str, path: Path, case: Case) -> str:
    if variable == "expected":
        return "prompts cannot see the expectation" if path[0] == "prompts" else "give the case an expectation"
    if variable in case.vars:
        return "give it a value, or write `{{ " + variable + " or '' }}`"
    found = near(variable, case.vars)
    if found is not None:
        return f"did you mean `{found}`?"
    return "the case has " + (", ".join(f"`{name}`" for name in case.vars) or "no variables")


def check_prompts(
    prompts: Sequence[Prompt], cases: Sequence[Case], reader: CaseReader, problems: Problems
) -> list[Case]:
    """The cases, with the hashes of the files that prompts read for them in their ``content_hash``."""
    failures = _Failures()
    checked = []
    turns = [(prompt, turn, path) for prompt in prompts for turn, path in enumerate(turn_paths(prompt))]
    usable = [each for each in turns if _compiles(turn_template(*each[:2]), each[2], problems)]
    for case in cases:
        hashes: dict[str, str] = {}

        def read(file: str, hashes: dict[str, str] = hashes) -> bytes:
            hashes[file] = reader.reference_hash(file)
            return b""  # what the file says matters when the request is built

        for prompt, turn, path in usable:
            try:
                render_turn(prompt, case, turn, read)
            except TemplateError as error:
                failures.add(path, str(error), error.variable, case)
            except UnreadableFileError as error:
                failures.add(path, error.message, None, case)
        content_hash = content_id([case.content_hash, hashes]) if hashes else case.content_hash
        checked.append(replace(case, content_hash=content_hash) if hashes else case)
    failures.report(problems, len(cases))
    return checked


def _compiles(template: object, path: Path, problems: Problems) -> bool:
    """Whether all texts below ``path`` are templates that can be compiled; mistakes are told at the text itself."""
    if isinstance(template, str):
        try:
            if is_template(template):
                compiled(template)
        except TemplateError as error:
            problems.add(path, str(error))
            return False
        return True
    children: Iterable[tuple[str | int, object]] = ()
    if isinstance(template, dict):
        children = template.items()
    elif isinstance(template, list | tuple):
        children = enumerate(template)
    # A list, not a generator: every text is to be told of, not the first alone.
    return all([_compiles(child, (*path, part), problems) for part, child in children])  # noqa: C419


def check_graders(
    graders: Sequence[GraderSpec], cases: Sequence[Case], reader: CaseReader, ports: SuitePorts, problems: Problems
) -> None:
    """Each grader's keys as rendered for each case, and each case's own graders."""
    failures = _Failures()
    for at, spec in enumerate(graders):
        path: Path = ("graders", at)
        usable = [key for key, value in spec.params.items() if _compiles(value, (*path, key), problems)]
        if len(usable) == len(spec.params) and has_templates(spec.params):
            for case in cases:
                _check_grader(spec, case, path, ports, failures)
        read_code_files(spec, path, ports.grader_params, reader, problems)
    suite_ids = {spec.grader_id for spec in graders}
    for case in cases:
        path = reader.paths[case.case_id]
        _tell_repeated_ids(case, suite_ids, path, problems)
        for spec in case.graders:
            read_code_files(spec, path, ports.grader_params, reader, problems)
            if has_templates(spec.params):
                _check_grader(spec, case, path, ports, failures)
    failures.report(problems, len(cases))


def _check_grader(spec: GraderSpec, case: Case, path: Path, ports: SuitePorts, failures: _Failures) -> None:
    try:
        mistakes = check_rendered(spec, case, path, ports)
    except TemplateError as error:
        failures.add(path, str(error), error.variable, case)
        return
    for mistake in mistakes:
        failures.add(mistake.path, mistake.message, None, case)


def _tell_repeated_ids(case: Case, suite_ids: set[str], path: Path, problems: Problems) -> None:
    seen = set(suite_ids)
    for spec in case.graders:
        if spec.grader_id in seen:
            problems.add(path, f"the case `{case.case_id}` has a second grader called `{spec.grader_id}`")
        seen.add(spec.grader_id)
