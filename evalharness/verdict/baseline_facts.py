"""What is known of a baseline besides its measurements: who it is, its arms and cases, and what decided them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field

from evalharness.core.ids import content_id
from evalharness.core.model import Case, Endpoint, GraderSpec, Json, Prompt
from evalharness.core.record import RunRecord
from evalharness.verdict.view import RunView

#: Longer texts (prompts of a judge, patterns) are told apart by a hash: nobody reads them in a table.
_LONGEST_TEXT = 60
_HASH_DIGITS = 8
#: Parts of ``Plan.hashed`` that are told otherwise: by the pairing of cases and arms, or value by value.
_TOLD_OTHERWISE = ("cases.", "graders.", "sweep.")


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineCase:
    """``content_hash`` covers variables and expectation; ``own_graders`` is a hash of those the case has to itself."""

    content_hash: str
    cluster: str | None = None
    own_graders: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineFacts:
    """``arms``: the axis values of each. ``cases`` by id, those the analysis is about. ``graders``: what each grader of
    the suite is made of, by id. ``described``: all else that decides what is measured, key path to value or hash.
    ``prompts``: the templates by name, empty where only hashes were kept.
    """

    run_id: str
    suite_name: str
    started_utc: str
    primary: str
    arms: tuple[Mapping[str, Json], ...]
    cases: Mapping[str, BaselineCase]
    graders: Mapping[str, Mapping[str, Json]]
    described: Mapping[str, Json]
    prompts: Mapping[str, str] = field(default_factory=dict)


def facts_of(view: RunView) -> BaselineFacts:
    manifest, suite = view.run.manifest, view.suite
    analysed = set(view.table.case_ids)
    return BaselineFacts(
        run_id=manifest.run_id,
        suite_name=manifest.suite_name,
        started_utc=manifest.created_utc,
        primary=view.grader_ids[0],
        arms=tuple(dict(arm.key) for arm in view.arms),
        cases={case.case_id: case_facts(case) for case in suite.cases if case.case_id in analysed},
        graders={spec.grader_id: grader_facts(spec) for spec in suite.graders},
        described=_described(view),
        prompts={prompt.name: _prompt_text(prompt) for prompt in suite.prompts},
    )


def _prompt_text(prompt: Prompt) -> str:
    """As a reader would write it: a template as it is, anything with structure as indented JSON, turns apart."""
    turns = (prompt.template, *prompt.more_turns)
    return "\n\n".join(
        turn if isinstance(turn, str) else json.dumps(turn, ensure_ascii=False, indent=1) for turn in turns
    )


def case_facts(case: Case) -> BaselineCase:
    own = {spec.grader_id: grader_facts(spec) for spec in case.graders}
    return BaselineCase(
        content_hash=case.content_hash,
        cluster=case.cluster,
        own_graders=content_id(own, digits=_HASH_DIGITS) if own else None,
    )


def grader_facts(spec: GraderSpec) -> Mapping[str, Json]:
    """By name of the key in the suite."""
    values = {"type": spec.type, **spec.params, "pass_at": spec.pass_at, "grades": [each.value for each in spec.grades]}
    return {name: _short(value) for name, value in values.items()}


def _described(view: RunView) -> Mapping[str, Json]:
    run = view.run
    planned = {key: value for key, value in run.plan.hashed.items() if not key.startswith(_TOLD_OTHERWISE)}
    return {
        **{key: _short(value) for key, value in planned.items()},
        **_prices(run),
        "models_reported": sorted({name for tally in view.gathered.tallies.values() for name in tally.models_reported}),
        **{f"environment.{name}": value for name, value in run.manifest.environment.items()},
        "environment.evalharness": run.manifest.version,
    }


def _prices(run: RunRecord) -> Mapping[str, Json]:
    used = {arm.endpoint for arm in run.plan.arms}
    found = [endpoint for endpoint in run.plan.suite.endpoints if endpoint.name in used]
    return {f"prices.{endpoint.name}.{name}": value for endpoint in found for name, value in _price_of(endpoint)}


def _price_of(endpoint: Endpoint) -> list[tuple[str, Json]]:
    prices = {} if endpoint.prices is None else asdict(endpoint.prices)
    return [(name, value) for name, value in prices.items() if value is not None]


def _short(value: Json) -> Json:
    if isinstance(value, str) and len(value) <= _LONGEST_TEXT:
        return value
    if isinstance(value, bool | int | float) or value is None:
        return value
    text = content_id(value, digits=_HASH_DIGITS)
    return value if not isinstance(value, str) and len(str(value)) <= _LONGEST_TEXT else f"version {text}"
