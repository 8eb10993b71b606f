"""The sweep: axes that reach something, combinations that exist, a baseline that is an arm."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evalharness.core.ids import canonical_json
from evalharness.core.model import Json, Sweep
from evalharness.suite.problems import Problems, did_you_mean, named, shown
from evalharness.suite.request_keys import misspelt_path
from evalharness.suite.schema import SweepPart
from evalharness.suite.yaml_text import Path

#: Of all axes together, before ``exclude``: all of them are listed to be checked.
MAX_COMBINATIONS = 10_000
_SWEEP: Path = ("sweep",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the axes refer to."""

    endpoints: Sequence[str]
    prompts: Sequence[str]
    request: Mapping[str, Json]


def check_sweep(part: SweepPart | None, around: Surroundings, problems: Problems) -> Sweep:
    """The sweep in core's words. More than one prompt is an axis, listed or not."""
    axes = {axis: tuple(values) for axis, values in part.axes.items()} if part is not None else {}
    if len(around.prompts) > 1 and "prompt" not in axes:
        axes["prompt"] = tuple(around.prompts)
    if part is None:
        return Sweep(axes=axes)
    for axis, values in part.axes.items():
        _check_axis(axis, values, around, problems)
    _check_prefixes(list(part.axes), problems)
    n_combinations = math.prod(map(len, axes.values()))
    if n_combinations > MAX_COMBINATIONS:
        message = f"the axes have more than {MAX_COMBINATIONS:,} combinations"
        problems.add((*_SWEEP, "axes"), message, "sweep fewer axes, or fewer values of each", at_key=True)
        return Sweep(axes={})
    for at, rule in enumerate(part.exclude):
        _check_combination(rule, axes, (*_SWEEP, "exclude", at), problems)
    for at, arm in enumerate(part.include):
        _check_include(arm, axes, around, (*_SWEEP, "include", at), problems)
    if part.baseline is not None:
        _check_baseline_keys(part.baseline, [*axes, *(key for arm in part.include for key in arm)], problems)
    if "sweep" not in problems.broken:
        _check_arms(part, axes, problems)
    return Sweep(axes=axes, exclude=tuple(part.exclude), include=tuple(part.include), baseline=part.baseline)


def _check_axis(axis: str, values: Sequence[Json], around: Surroundings, problems: Problems) -> None:
    path: Path = (*_SWEEP, "axes", axis)
    _check_key(axis, around, path, problems)
    seen: set[str] = set()
    for at, value in enumerate(values):
        _check_value(axis, value, around, (*path, at), problems)
        same = canonical_json(value)
        if same in seen:
            problems.add((*path, at), f"{named(value)} stands on this axis twice")
        seen.add(same)


def _check_key(axis: str, around: Surroundings, path: Path, problems: Problems) -> None:
    """A key of an axis or of an included arm: it must reach something nothing else sets."""
    if axis in ("endpoint", "prompt"):
        return
    parts = axis.split(".")
    if parts[0] == "input" or "" in parts:
        hint = "an axis is `endpoint`, `model`, `prompt` or a path into `request`, like `reasoning.effort`"
        problems.add(path, "this axis reaches nothing", hint, at_key=True)
        return
    reached: Json = around.request
    for depth, name in enumerate(parts):
        if not isinstance(reached, Mapping):
            above = ".".join(parts[:depth])
            problems.add(path, f"this axis reaches nothing: `request.{above}` is no mapping", at_key=True)
            return
        if name not in reached:
            return
        reached = reached[name]
    hint = "delete it from `request`: every arm takes it from the sweep"
    problems.add(path, f"`request.{axis}` is set as well", hint, at_key=True)


def _check_value(axis: str, value: Json, around: Surroundings, path: Path, problems: Problems) -> None:
    names = {"endpoint": around.endpoints, "prompt": around.prompts}.get(axis)
    if names is not None:
        if value not in names:
            problems.add(path, f"there is no {axis} {named(value)}", did_you_mean(value, names))
    elif axis == "model":
        if not isinstance(value, str):
            problems.add(path, f"a model must be text, not {shown(value)}", "put it in quotes")
    else:
        for inner, message, hint in misspelt_path(tuple(axis.split(".")), value):
            is_key = inner == tuple(axis.split(".")) and message.startswith("unknown")
            problems.add(path[:-1] if is_key and isinstance(path[-1], int) else path, message, hint, at_key=is_key)


def _check_prefixes(axes: Sequence[str], problems: Problems) -> None:
    for short, long in itertools.permutations(axes, 2):
        if long.startswith(short + "."):
            problems.add((*_SWEEP, "axes", long), f"the axis `{short}` sets this as well", at_key=True)


def _check_combination(
    combination: Mapping[str, Json], axes: Mapping[str, Sequence[Json]], path: Path, problems: Problems
) -> None:
    if not combination:
        problems.add(path, "names no axis")
    for axis, value in combination.items():
        if axis not in axes:
            problems.add((*path, axis), f"there is no axis `{axis}`", did_you_mean(axis, tuple(axes)), at_key=True)
        elif not any(is_same(value, other) for other in axes[axis]):
            options = tuple(dict.fromkeys(str(other) for other in axes[axis]))
            problems.add((*path, axis), f"{named(value)} is not on the axis `{axis}`", did_you_mean(value, options))


def _check_include(
    arm: Mapping[str, Json],
    axes: Mapping[str, Sequence[Json]],
    around: Surroundings,
    path: Path,
    problems: Problems,
) -> None:
    missing = [axis for axis in axes if axis not in arm]
    if missing:
        problems.add(path, "an included arm names every axis; missing: " + ", ".join(f"`{axis}`" for axis in missing))
    for key, value in arm.items():
        if key not in axes:
            _check_key(key, around, (*path, key), problems)
        _check_value(key, value, around, (*path, key), problems)


def _check_arms(part: SweepPart, axes: Mapping[str, Sequence[Json]], problems: Problems) -> None:
    """There is an arm, none twice, and the baseline is one of them."""
    combinations = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    for at, rule in enumerate(part.exclude):
        kept = [combination for combination in combinations if not matches(combination, rule)]
        if len(kept) == len(combinations):
            problems.add((*_SWEEP, "exclude", at), "matches no arm", "the exclusions before it took them all")
        combinations = kept
    for at, arm in enumerate(part.include):
        if any(canonical_json(arm) == canonical_json(other) for other in combinations):
            problems.add((*_SWEEP, "include", at), "this arm is there already")
        combinations.append(dict(arm))
    if not combinations:
        problems.add((*_SWEEP, "exclude"), "every arm is excluded", at_key=True)
    elif part.baseline is not None:
        _check_baseline(part.baseline, combinations, problems)


def _check_baseline_keys(baseline: Mapping[str, Json], keys: Sequence[str], problems: Problems) -> None:
    for key in baseline:
        if key not in keys:
            hint = did_you_mean(key, tuple(dict.fromkeys(keys)))
            problems.add((*_SWEEP, "baseline", key), f"there is no axis `{key}`", hint, at_key=True)


def _check_baseline(baseline: Mapping[str, Json], arms: Sequence[Mapping[str, Json]], problems: Problems) -> None:
    path: Path = (*_SWEEP, "baseline")
    for key, value in baseline.items():
        values = [arm[key] for arm in arms if key in arm]
        if not any(is_same(value, other) for other in values):
            options = tuple(dict.fromkeys(str(other) for other in values))
            problems.add((*path, key), f"no arm has {named(value)}", did_you_mean(value, options))
    if "sweep" not in problems.broken and not any(matches(arm, baseline) for arm in arms):
        problems.add(path, "matches no arm", "that combination is excluded", at_key=True)


def arm_keys(sweep: Sweep) -> list[Mapping[str, Json]]:
    """The axis values of every arm, those of included arms with the keys that these add."""
    product = [dict(zip(sweep.axes, values, strict=True)) for values in itertools.product(*sweep.axes.values())]
    kept = [arm for arm in product if not any(matches(arm, rule) for rule in sweep.exclude)]
    return [*kept, *sweep.include]


def matches(arm: Mapping[str, Json], wanted: Mapping[str, Json]) -> bool:
    return all(key in arm and is_same(arm[key], value) for key, value in wanted.items())


def is_same(left: Json, right: Json) -> bool:
    """Equal as JSON: ``1`` is neither ``true`` nor ``1.0``."""
    return canonical_json(left) == canonical_json(right)
