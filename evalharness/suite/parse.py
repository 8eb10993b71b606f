"""Text of a suite to a checked ``Suite``, or to every mistake in it at once. Pure: files come through a port."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from evalharness.core.errors import Problem, SuiteError, UsageError
from evalharness.core.model import (
    AnalysisOptions,
    Budget,
    Case,
    Endpoint,
    EndpointKind,
    GateSpec,
    GraderSpec,
    Json,
    OnInconclusive,
    Prompt,
    Slo,
    Suite,
    Sweep,
)
from evalharness.suite import yaml_text
from evalharness.suite.cases import CaseReader
from evalharness.suite.checks import check_graders, check_prompts
from evalharness.suite.concurrency import check_levels, used_endpoints
from evalharness.suite.decision import decision_of
from evalharness.suite.endpoints import endpoint, with_environment
from evalharness.suite.gates import Judged, check_followed, gates_of
from evalharness.suite.grader_specs import grader_spec
from evalharness.suite.load import load_of
from evalharness.suite.ports import SuitePorts
from evalharness.suite.problems import Problems, did_you_mean, invalid, shown
from evalharness.suite.prompts import prompt_of
from evalharness.suite.request_keys import misspelt
from evalharness.suite.schema import REQUIRED, CaseFilePart, SloPart, SuitePart
from evalharness.suite.sweep import Surroundings, check_sweep
from evalharness.suite.yaml_text import Path

# Sections whose entries are independent: one wrong case must not hide the mistakes of the others.
_BY_ENTRY = ("cases", "graders", "endpoints", "prompts", "gates")


@dataclass(frozen=True, slots=True)
class _Valid:
    """The valid parts of a suite, and where the entries that were kept of its lists stand."""

    part: SuitePart
    entry_paths: Mapping[str, Sequence[Path]]


def parse(text: str, file: str, ports: SuitePorts) -> Suite:
    """Read a suite. ``file`` is the name that problems show.

    Raises ``SuiteError`` with all problems, in the order of the file.
    """
    document = yaml_text.load(text, file)
    if not isinstance(document.value, dict):
        hint = "it begins with `suite: NAME`"
        raise SuiteError((Problem(file=file, message="a suite is a mapping of keys", line=1, column=1, hint=hint),))
    problems = Problems(document)
    valid = _validated(_interpolated(document.value, ports, problems), problems)
    suite = _Reading(valid, ports, problems).suite()
    problems.raise_if_any()
    return suite


def _interpolated(tree: dict[str, Json], ports: SuitePorts, problems: Problems) -> dict[str, Json]:
    endpoints = tree.get("endpoints")
    if not isinstance(endpoints, dict):
        return tree
    used = _used_endpoints(tree, ports.settings.endpoint)
    environ = ports.settings.environ
    replaced = {
        name: with_environment(value, environ, problems, ("endpoints", name), is_used=name in used)
        for name, value in endpoints.items()
    }
    return {**tree, "endpoints": replaced}


def _used_endpoints(tree: dict[str, Json], chosen: str | None) -> set[str]:
    """Names as the text has them: this runs before anything is validated."""
    default = chosen if chosen is not None else next(iter(tree["endpoints"]), "")
    sweep = tree.get("sweep")
    sweep = sweep if isinstance(sweep, dict) else {}
    axes = sweep.get("axes")
    on_axis = axes.get("endpoint") if isinstance(axes, dict) else None
    included = sweep.get("include")
    named = [arm.get("endpoint") for arm in included if isinstance(arm, dict)] if isinstance(included, list) else []
    names = [*(on_axis if isinstance(on_axis, list) else [default]), *named]
    return {name for name in names if isinstance(name, str)}


def _validated(tree: dict[str, Json], problems: Problems) -> _Valid:
    for key in REQUIRED:
        if key not in tree:
            problems.add((), f"`{key}` is missing")
            problems.broken.add(key)
    try:
        part, wrong = SuitePart.model_validate(tree), _Wrong(())
    except ValidationError as error:
        mistakes = invalid(error, SuitePart, tree)
        for mistake in mistakes:
            problems.report(mistake)
        wrong = _Wrong(mistake.path for mistake in mistakes)
        part = SuitePart.model_validate(_without(tree, wrong))
    entries = {key: tree[key] for key in ("cases", "graders", "gates") if isinstance(tree.get(key), list)}
    entry_paths = {
        key: [(key, at) for at in range(len(listed)) if (key, at) not in wrong.heads] for key, listed in entries.items()
    }
    return _Valid(part, entry_paths)


class _Wrong:
    """``paths`` of mistakes, and ``heads``: the sections and entries that have one somewhere inside."""

    def __init__(self, paths: Iterable[Path]) -> None:
        self.paths = frozenset(paths)
        self.heads = frozenset(path[:length] for path in self.paths for length in (1, 2))


def _without(tree: dict[str, Json], wrong: _Wrong) -> dict[str, Json]:
    """``tree`` less what is wrong: single entries of ``_BY_ENTRY``, whole sections otherwise."""
    kept: dict[str, Any] = {}
    for key, value in tree.items():
        if (key,) in (wrong.paths if key in _BY_ENTRY else wrong.heads):
            continue
        if key in _BY_ENTRY and isinstance(value, dict):
            value = {name: entry for name, entry in value.items() if (key, name) not in wrong.heads}
        elif key in _BY_ENTRY and isinstance(value, list):
            value = [entry for at, entry in enumerate(value) if (key, at) not in wrong.heads]
        if key not in _BY_ENTRY or value:
            kept[key] = value
    return kept


class _Reading:
    """Part by part to core's types. A check that needs a broken section is left out: it would tell of it twice."""

    def __init__(self, valid: _Valid, ports: SuitePorts, problems: Problems) -> None:
        self._part = valid.part
        self._entry_paths = valid.entry_paths
        self._ports = ports
        self._problems = problems

    def suite(self) -> Suite:
        part, problems = self._part, self._problems
        self._check_request()
        endpoints = self._endpoints()
        prompts = self._prompts()
        sweep = self._sweep()
        self._check_models(endpoints, sweep)
        graders = self._graders()
        reader = CaseReader(problems, self._ports, with_reserve=part.on_inconclusive == "extend")
        for each in endpoints:
            if each.kind is EndpointKind.SIMULATOR and each.target not in self._ports.simulator_profiles:
                # A profile of one's own decides the answers: it must be there, and it is part of the plan.
                reader.read(each.target, ("endpoints", each.name, "simulator"))
        cases = self._cases(reader)
        cases = check_prompts(prompts, cases, reader, problems)
        check_graders(graders, cases, reader, self._ports, problems)
        load = load_of(part.load, prompts, reader, problems)
        check_levels(load, used_endpoints(endpoints, sweep, self._ports.settings.endpoint), problems)
        return Suite(
            name=part.suite,
            description=part.description,
            endpoints=endpoints,
            request=part.request,
            prompts=prompts,
            sweep=sweep,
            cases=tuple(cases),
            repeats=part.repeats,
            graders=graders,
            load=load,
            budget=Budget(**part.budget.model_dump()),
            slo=_slo(part.slo),
            decision=decision_of(part.decision, [grader.id for grader in part.graders], problems),
            gates=self._gates(cases, sweep),
            on_inconclusive=OnInconclusive(part.on_inconclusive or OnInconclusive.WARN),
            tolerate_error_share=part.tolerate.error_share,
            analysis=AnalysisOptions(**part.analysis.model_dump()),
            files=tuple(reader.files[path] for path in sorted(reader.files)),
        )

    def _check_request(self) -> None:
        for key, value in self._part.request.items():
            path: Path = ("request", key)
            if key == "input":
                self._problems.add(path, "the input comes from `prompts`", "delete it", at_key=True)
            elif "." in key:
                self._problems.add(path, "dotted keys reach nothing here", "nest it: `reasoning: {effort: low}`")
            elif key == "model" and not isinstance(value, str):
                self._problems.add(path, f"a model must be text, not {shown(value)}", "put it in quotes")
        for inner, message, hint in misspelt(self._part.request):
            self._problems.add(("request", *inner), message, hint, at_key=message.startswith("unknown"))

    def _endpoints(self) -> tuple[Endpoint, ...]:
        chosen = self._ports.settings.endpoint
        names = self._names("endpoints")
        if chosen is not None and chosen not in names:
            raise UsageError(f"the suite has no endpoint `{chosen}`", hint=did_you_mean(chosen, names))
        profiles = self._ports.simulator_profiles
        allow_http = self._ports.settings.allow_http
        found = (
            endpoint(name, part, profiles, self._problems, allow_http=allow_http)
            for name, part in self._part.endpoints.items()
        )
        return tuple(each for each in found if each is not None)

    def _names(self, section: str) -> tuple[str, ...]:
        """Names as written, those of broken entries included."""
        written = self._problems.document.value.get(section)
        return tuple(written) if isinstance(written, dict) else ()

    def _prompts(self) -> tuple[Prompt, ...]:
        return tuple(prompt_of(name, part, self._problems) for name, part in self._part.prompts.items())

    def _sweep(self) -> Sweep:
        around = Surroundings(
            endpoints=self._names("endpoints"), prompts=self._names("prompts"), request=self._part.request
        )
        return check_sweep(self._part.sweep, around, self._problems)

    def _check_models(self, endpoints: Sequence[Endpoint], sweep: Sweep) -> None:
        """Every arm needs a model. An endpoint without one is fine where the request or the sweep names it."""
        if {"endpoints", "request", "sweep"} & self._problems.broken or not endpoints:
            return
        if "model" in self._part.request or "model" in sweep.axes:
            return
        default = self._ports.settings.endpoint or endpoints[0].name
        used = [str(name) for name in sweep.axes.get("endpoint", (default,))]
        used += [str(arm.get("endpoint", default)) for arm in sweep.include if "model" not in arm]
        for each in endpoints:
            if each.name in used and each.model is None:
                hint = "write `model:` here, under `request`, or as an axis"
                self._problems.add(("endpoints", each.name), "no model is named", hint, at_key=True)

    def _graders(self) -> tuple[GraderSpec, ...]:
        found: list[GraderSpec] = []
        seen: set[str] = set()
        for part, path in zip(self._part.graders, self._entry_paths.get("graders", ()), strict=True):
            if part.id in seen:
                self._problems.add((*path, "id"), f"a second grader is called `{part.id}`")
            seen.add(part.id)
            if (spec := grader_spec(part, path, self._ports, self._problems.report)) is not None:
                found.append(spec)
        return tuple(found)

    def _cases(self, reader: CaseReader) -> list[Case]:
        found: list[Case] = []
        for part, path in zip(self._part.cases, self._entry_paths.get("cases", ()), strict=True):
            if isinstance(part, CaseFilePart):
                found += reader.from_file(part, path)
            elif (case := reader.inline(part, path)) is not None:
                found.append(case)
        if not found and "cases" not in self._problems.broken:
            self._problems.add(("cases",), "there is no case", "the files are empty")
        return found

    def _gates(self, cases: Sequence[Case], sweep: Sweep) -> tuple[GateSpec, ...]:
        part, broken = self._part, self._problems.broken
        follows = None if part.on_inconclusive is None else OnInconclusive(part.on_inconclusive)
        judged = Judged(
            graders=None if broken & {"graders", "cases"} else self._grader_ids(cases),
            tags=None if "cases" in broken else tuple(dict.fromkeys(tag for case in cases for tag in case.tags)),
            sweep=sweep,
            on_inconclusive=follows,
        )
        gates = gates_of(part.gates, self._entry_paths.get("gates", ()), judged, self._problems)
        check_followed(len(gates), settles=part.budget.stop_when_settled, follows=follows, problems=self._problems)
        if (
            gates
            and follows is OnInconclusive.EXTEND
            and "cases" not in broken
            and not any(case.is_reserve for case in cases)
        ):
            hint = "give a case file `take: {n: ..., seed: ...}` with fewer rows than it has"
            self._problems.add(("on_inconclusive",), "`extend` needs cases that are not drawn at first", hint)
        return gates

    def _grader_ids(self, cases: Sequence[Case]) -> tuple[str, ...]:
        """Those of the suite, then those that single cases add."""
        own = (spec.grader_id for case in cases for spec in case.graders)
        return tuple(dict.fromkeys([*(grader.id for grader in self._part.graders), *own]))


def _slo(part: SloPart | None) -> Slo | None:
    if part is None:
        return None
    limits = part.model_dump(exclude={"share_at_least"}, exclude_none=True)
    return Slo(limits_ms=limits, share_at_least=part.share_at_least)
