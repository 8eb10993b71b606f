"""The flags that narrow what is measured: fewer cases, fewer arms, other repeats, another endpoint or seed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase

from evalharness.core.errors import UsageError
from evalharness.core.ids import canonical_json
from evalharness.core.model import Arm, Case, Json, Suite


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanFlags:
    """The ``plan:`` flags of the command line; None and empty: not given.

    ``tags`` and ``cases`` (glob patterns of case ids) keep the cases that match any of them. ``arms`` maps an axis to
    its value as text, or to a tuple of them of which any may match. ``limit`` keeps the first cases of those left.
    """

    limit: int | None = None
    repeats: int | None = None
    tags: tuple[str, ...] = ()
    cases: tuple[str, ...] = ()
    arms: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    seed: int | None = None
    endpoint: str | None = None


def narrowed(suite: Suite, flags: PlanFlags) -> Suite:
    """The suite with the cases, repeats and seed of the flags.

    Raises ``UsageError`` where no case is left: a run of nothing is no success.
    """
    for name, value in (("--limit", flags.limit), ("--repeats", flags.repeats)):
        if value is not None and value < 1:
            raise UsageError(f"{name} must be at least 1, not {value}")
    return replace(
        suite,
        cases=_cases(suite.cases, flags),
        repeats=flags.repeats if flags.repeats is not None else suite.repeats,
        load=replace(suite.load, seed=flags.seed) if flags.seed is not None else suite.load,
    )


def _cases(cases: Sequence[Case], flags: PlanFlags) -> tuple[Case, ...]:
    kept = list(cases)
    if flags.tags:
        known = list(dict.fromkeys(tag for case in cases for tag in case.tags))
        for tag in flags.tags:
            if tag not in known:
                raise UsageError(f"no case has the tag `{tag}`", hint=_options("the tags", known))
        kept = [case for case in kept if set(case.tags) & set(flags.tags)]
    if flags.cases:
        kept = [case for case in kept if any(fnmatchcase(case.case_id, glob) for glob in flags.cases)]
        if not kept:
            globs = " or ".join(f"`{glob}`" for glob in flags.cases)
            raise UsageError(f"no case matches {globs}", hint=_options("the first", [case.case_id for case in cases]))
    kept = kept[: flags.limit]
    if not kept:
        raise UsageError("no case is selected", hint="take back --tag or --case")
    return tuple(kept)


def chosen_arms(arms: Sequence[Arm], wanted: Mapping[str, str | tuple[str, ...]]) -> tuple[Arm, ...]:
    """The arms that have the wanted value on every axis named. Raises ``UsageError`` where there is none."""
    axes = list(dict.fromkeys(axis for arm in arms for axis in arm.key))
    kept = list(arms)
    for axis, value in wanted.items():
        if axis not in axes:
            raise UsageError(f"there is no axis `{axis}`", hint=_options("the axes", axes))
        texts = value if isinstance(value, tuple) else (value,)
        on_axis = dict.fromkeys(axis_text(arm.key[axis]) for arm in arms if axis in arm.key)
        for text in texts:
            if text not in on_axis:
                raise UsageError(f"no arm has {axis}={text}", hint=_options("its values", on_axis))
        kept = [arm for arm in kept if axis in arm.key and axis_text(arm.key[axis]) in texts]
    if not kept:
        raise UsageError("no arm has all the values asked for", hint="take back an --arm")
    return tuple(kept)


def axis_text(value: Json) -> str:
    """An axis value as it is written on the command line: text as it is, everything else as JSON."""
    return value if isinstance(value, str) else canonical_json(value)


def _options(what: str, options: Iterable[str]) -> str:
    listed = list(options)
    shown = ", ".join(f"`{option}`" for option in listed[:10])
    return f"{what}: {shown}" + (", …" if len(listed) > 10 else "") if listed else f"{what}: none"
