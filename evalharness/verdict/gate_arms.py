"""Which arms of a run a gate is judged on, and what each is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalharness.core.ids import canonical_json
from evalharness.core.model import Arm, GateScope, GateSpec, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A gate on one arm. ``arm`` and ``against`` are indices into the plan's arms; ``against`` None: no other arm."""

    spec: GateSpec
    arm: int
    against: int | None = None


def asked_of(specs: Sequence[GateSpec], arms: Sequence[Arm]) -> tuple[Asked, ...]:
    """In the order of the gates, then of the arms. An arm that was not run (``--arm``) is not asked, nor is one whose
    counterpart was not: the arm with the values of ``to`` that is otherwise equal to the candidate."""
    return tuple(asked for spec in specs for asked in _of_gate(spec, arms))


def _of_gate(spec: GateSpec, arms: Sequence[Arm]) -> Iterator[Asked]:
    for place, arm in enumerate(arms):
        if not _matches(arm.key, spec.arm):
            continue
        if spec.scope is not GateScope.ARMS:
            yield Asked(spec=spec, arm=place)
            continue
        wanted = canonical_json({**arm.key, **spec.to})
        against = next((other for other, each in enumerate(arms) if canonical_json(dict(each.key)) == wanted), None)
        if against is not None and against != place:
            yield Asked(spec=spec, arm=place, against=against)


def _matches(key: Mapping[str, Json], selector: Mapping[str, Json]) -> bool:
    """Equal as JSON on every axis named: ``1`` is neither ``true`` nor ``1.0``."""
    return all(axis in key and canonical_json(key[axis]) == canonical_json(value) for axis, value in selector.items())
