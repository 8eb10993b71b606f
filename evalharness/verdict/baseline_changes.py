"""What differs between a run and its baseline: said first, and what makes a comparison impossible."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from evalharness.core.findings import Change
from evalharness.core.ids import canonical_json
from evalharness.core.model import GateScope, Json, Plan
from evalharness.verdict.baseline_facts import BaselineCase, BaselineFacts, grader_facts

#: (index of an arm, index of the baseline's arm it is compared with).
ArmPairs = Mapping[int, int]

_CLIENT = {"environment.git_commit": "commit", "environment.evalharness": "evalharness version"}
_HASHED = ("prompts.", "files.")


def paired_arms(own: Sequence[Mapping[str, Json]], others: Sequence[Mapping[str, Json]]) -> ArmPairs:
    """Arms with equal axis values; the single arm of each run, whatever its values."""
    if len(own) == len(others) == 1:
        return {0: 0}
    places = {_axes(key): place for place, key in enumerate(others)}
    return {arm: places[_axes(key)] for arm, key in enumerate(own) if _axes(key) in places}


def _axes(key: Mapping[str, Json]) -> str:
    return canonical_json(dict(key))


def mismatches(plan: Plan, facts: BaselineFacts) -> tuple[str, ...]:
    """Why no comparison of a run of ``plan`` with the baseline means anything, in whole sentences; empty where it does.

    Needs no result, so that it is known before anything is sent.
    """
    found = []
    if not paired_arms([arm.key for arm in plan.arms], facts.arms):
        found.append(f"No arm is in both: {_arms(facts.arms)} there, {_arms([arm.key for arm in plan.arms])} here.")
    specs = {spec.grader_id: grader_facts(spec) for spec in plan.suite.graders}
    gated = (gate.metric for gate in plan.suite.gates if gate.scope is GateScope.BASELINE_RUN)
    for name in dict.fromkeys([*list(specs)[:1], *(metric for metric in gated if metric in specs)]):
        if name not in facts.graders:
            found.append(f"The baseline has no grader “{name}”.")
        elif differing := differing_keys(facts.graders[name], specs[name]):
            words = "; ".join(_difference(key, facts.graders[name], specs[name]) for key in differing)
            found.append(f"The grader “{name}” is another one: {words}.")
    return tuple(found)


def _arms(keys: Sequence[Mapping[str, Json]]) -> str:
    labels = [", ".join(f"{axis} {_text(value)}" for axis, value in key.items()) or "one arm" for key in keys]
    return " | ".join(labels)


def differing_keys(old: Mapping[str, Json], new: Mapping[str, Json]) -> tuple[str, ...]:
    """Keys whose values differ, or that one side has alone, in the order of the first, then of the second."""
    return tuple(key for key in dict.fromkeys([*old, *new]) if _canonical(old, key) != _canonical(new, key))


def _canonical(values: Mapping[str, Json], key: str) -> str | None:
    """Null is as good as not there."""
    return None if values.get(key) is None else canonical_json(values[key])


def _difference(key: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> str:
    return f"{key} {_value(old, key) or 'not set'} there, {_value(new, key) or 'not set'} here"


def changes(baseline: BaselineFacts, candidate: BaselineFacts) -> tuple[Change, ...]:
    """In the order of a suite; what both have alike is left out."""
    found = []
    if baseline.suite_name != candidate.suite_name:
        found.append(Change(what="suite", baseline=baseline.suite_name, candidate=candidate.suite_name))
    found += [_with_texts(change, key, baseline, candidate) for key, change in _changed(baseline, candidate)]
    for name in dict.fromkeys([*baseline.graders, *candidate.graders]):
        old, new = baseline.graders.get(name), candidate.graders.get(name)
        if old is None or new is None:
            there = [None if own is None else _text(own["type"]) for own in (old, new)]
            found.append(Change(what=f"grader “{name}”", baseline=there[0], candidate=there[1]))
        else:
            found += [_change(f"grader “{name}” {key}", key, old, new) for key in differing_keys(old, new)]
    return tuple(found)


def _changed(baseline: BaselineFacts, candidate: BaselineFacts) -> list[tuple[str, Change]]:
    old, new = baseline.described, candidate.described
    return [(key, _change(_named(key), key, old, new)) for key in differing_keys(old, new)]


def _with_texts(change: Change, key: str, baseline: BaselineFacts, candidate: BaselineFacts) -> Change:
    name = key.removeprefix("prompts.")
    if name == key or name not in baseline.prompts or name not in candidate.prompts:
        return change
    return replace(change, texts=(baseline.prompts[name], candidate.prompts[name]))


def _change(what: str, key: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> Change:
    return Change(what=what, baseline=_value(old, key), candidate=_value(new, key))


def _value(values: Mapping[str, Json], key: str) -> str | None:
    """In words; None where it is not there, or null."""
    value = values.get(key)
    if value is None:
        return None
    return f"version {str(value)[:8]}" if key.startswith(_HASHED) else _text(value)


def _text(value: Json) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return ", ".join(value) or "none"
    return canonical_json(value)


def _named(key: str) -> str:
    """A key path as a reader calls it."""
    section, _, rest = key.partition(".")
    if key in _CLIENT:
        return _CLIENT[key]
    if section == "prompts":
        return f"prompt “{rest}”"
    if section == "files":
        return f"file {rest}"
    if section == "environment":
        return f"client's {rest}"
    if section == "endpoints":
        endpoint, _, what = rest.rpartition(".")
        return f"endpoint {endpoint} {what}" if endpoint else f"endpoint {what}"
    return key.replace("_", " ").replace(".", " ") if section in ("models_reported", "prices") else key


# ---------------------------------------------------------------- cases

NOT_THERE = "not in the baseline"
NOT_HERE = "not in this run"
CONTENT = "its variables or expectation changed"
GRADERS = "its own graders changed"


def unpaired_cases(
    own: Mapping[str, BaselineCase], others: Mapping[str, BaselineCase]
) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """(only in ``others``, only in ``own``) by case id with the reason; a case that changed is in both."""
    return _reasons(others, own, NOT_HERE), _reasons(own, others, NOT_THERE)


def _reasons(ours: Mapping[str, BaselineCase], theirs: Mapping[str, BaselineCase], absent: str) -> Mapping[str, str]:
    by_content: dict[str, list[str]] = {}
    for case_id, case in theirs.items():
        if case_id not in ours:
            by_content.setdefault(case.content_hash, []).append(case_id)
    found = {}
    for case_id, case in ours.items():
        reason = _reason(case, theirs.get(case_id), absent)
        if reason == absent and len(alike := by_content.get(case.content_hash, [])) == 1:
            reason += f"; “{alike[0]}” has the same content"
        if reason is not None:
            found[case_id] = reason
    return found


def _reason(case: BaselineCase, other: BaselineCase | None, absent: str) -> str | None:
    if other is None:
        return absent
    if case.content_hash != other.content_hash:
        return CONTENT
    return GRADERS if case.own_graders != other.own_graders else None
