"""What decides a plan's trials and their measurement, in readable form: to tell whether a run can be continued."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields

from evalharness.core.ids import canonical_json, content_id
from evalharness.core.model import Arm, Case, GraderSpec, Json, Load, Prompt, Route, Suite

_SHOWN_NAMES = 5
_LONGEST_VALUE = 60


def hashed_content(suite: Suite, arms: Sequence[Arm]) -> dict[str, Json]:
    """Key path to value, or to a hash of it where it is long. ``suite`` is narrowed by the flags already.

    Not in it, because they change nothing that is measured: budget, slo, decision, baseline, tolerance, prices, limits
    of endpoints, description, and endpoints that no arm uses.
    """
    content: dict[str, Json] = {}
    content["arms"] = [arm.label for arm in arms]
    used = {arm.endpoint for arm in arms}
    for endpoint in suite.endpoints:
        if endpoint.name in used:
            measured = {
                "protocol": endpoint.protocol,
                endpoint.kind.value: endpoint.target,
                "timeouts_ms": asdict(endpoint.timeouts),
                "retry": asdict(endpoint.retry),
            } | _changed(endpoint.route, Route())
            content |= _leaves(f"endpoints.{endpoint.name}", measured)
            content[f"endpoints.{endpoint.name}.model"] = sorted({a.model for a in arms if a.endpoint == endpoint.name})
    if suite.request:
        content |= _leaves("request", suite.request)
    for axis, values in suite.sweep.axes.items():
        content[f"sweep.axes.{axis}"] = list(values)
    content["sweep.exclude"] = [dict(rule) for rule in suite.sweep.exclude]
    content["sweep.include"] = [dict(arm) for arm in suite.sweep.include]
    content |= {f"prompts.{prompt.name}": _prompt_hash(prompt) for prompt in suite.prompts}
    content |= {f"cases.{case.case_id}": _case_hash(case) for case in suite.cases}
    content |= {f"files.{file.path}": file.sha256[:16] for file in suite.files}
    content["repeats"] = suite.repeats
    content |= {f"graders.{spec.grader_id}": content_id(_grader(spec)) for spec in suite.graders}
    return content | _leaves("load", _load(suite.load))


def _load(load: Load) -> dict[str, Json]:
    """As the suite spells it, and only what the shape uses: a field added for one shape changes no other's hash.

    The starts of a trace are in the hash of its file.
    """
    always: dict[str, Json] = {"shape": load.shape}
    if load.shape == "closed":
        always |= {"concurrency": load.concurrency, "think_ms": load.think_ms}
    always |= {"warmup": asdict(load.warmup) if load.warmup is not None else None, "order": load.order.value}
    changed = _changed(load, Load())
    for name in ("offsets_s", "levels", "level_unit"):
        changed.pop(name, None)
    if load.level_unit is not None:
        changed[load.level_unit.value] = list(load.levels)
    return changed | always | {"seed": load.seed}


def _changed(settings: Load | Route, default: Load | Route) -> dict[str, Json]:
    """The fields that are not as in ``default``."""
    values = {each.name: getattr(settings, each.name) for each in fields(settings)}
    return {name: value for name, value in values.items() if value != getattr(default, name)}


def _prompt_hash(prompt: Prompt) -> str:
    return content_id([prompt.template, *prompt.more_turns] if prompt.more_turns else prompt.template)


def _case_hash(case: Case) -> str:
    return content_id([case.content_hash, case.tags, case.cluster, [_grader(spec) for spec in case.graders]])


def _grader(spec: GraderSpec) -> Json:
    return [spec.grader_id, spec.type, dict(spec.params), spec.pass_at, [status.value for status in spec.grades]]


def _leaves(path: str, value: Json) -> dict[str, Json]:
    """Mappings flattened to dotted paths, so that a difference names the one value that changed."""
    if not isinstance(value, Mapping) or not value:
        return {path: value}
    return {leaf: inner for key, item in value.items() for leaf, inner in _leaves(f"{path}.{key}", item).items()}


def differences(old: Mapping[str, Json], new: Mapping[str, Json]) -> list[str]:
    """What changed between two ``Plan.hashed``, in words: one line per key, cases and files together by kind.

    >>> differences({"repeats": 3}, {"repeats": 5})
    ['repeats: 3 -> 5']
    """
    changed = [key for key in old if key in new and canonical_json(old[key]) != canonical_json(new[key])]
    lines = [_change(key, old[key], new[key]) for key in changed if not _is_listed(key)]
    for section in ("cases", "files"):
        lines += _listed_changes(section, old, new, changed)
    gone = [key for key in old if key not in new and not _is_listed(key)]
    come = [key for key in new if key not in old and not _is_listed(key)]
    lines += [f"{key}: no longer there" for key in gone]
    return lines + [f"{key}: new" for key in come]


def _is_listed(key: str) -> bool:
    return key.startswith(("cases.", "files."))


def _change(key: str, old: Json, new: Json) -> str:
    if key.startswith(("prompts.", "graders.")):
        return f"{key}: changed"
    shown = [text if len(text) <= _LONGEST_VALUE else text[:_LONGEST_VALUE] + "…" for text in map(_text, (old, new))]
    return f"{key}: {shown[0]} -> {shown[1]}"


def _text(value: Json) -> str:
    return value if isinstance(value, str) else canonical_json(value)


def _listed_changes(
    section: str, old: Mapping[str, Json], new: Mapping[str, Json], changed: Sequence[str]
) -> list[str]:
    prefix = section + "."

    def line(what: str, keys: Iterable[str]) -> list[str]:
        names = [key.removeprefix(prefix) for key in keys if key.startswith(prefix)]
        more = f" and {len(names) - _SHOWN_NAMES} more" if len(names) > _SHOWN_NAMES else ""
        return [f"{section}: {len(names)} {what} ({', '.join(names[:_SHOWN_NAMES])}{more})"] if names else []

    return [
        *line("changed", changed),
        *line("removed", (key for key in old if key not in new)),
        *line("added", (key for key in new if key not in old)),
    ]
