"""Which arms of a run a gate is judged on, and what each is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from evalharness.core.model import Arm, GateScope, GateSpec, Json


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A gate on one arm. ``arm`` and ``against`` are indices into the plan's arms; ``against`` None: no other arm."""

    spec: GateSpec
    arm: int
    against: int | None = None


def asked_of(specs: Sequence[GateSpec], arms: Sequence[Arm]) -> tuple[Asked, ...]:
    """In the order of the gates, then of the arms. An arm that was not run (``--arm``) is not asked."""
    return tuple(asked for spec in specs for asked in _of_gate(spec, arms))


def _of_gate(spec: GateSpec, arms: Sequence[Arm]) -> Iterator[Asked]:
    for place, arm in enumerate(arms):
        if not _matches(arm.key, spec.arm):
            continue
        if spec.scope is not GateScope.ARMS:
            yield Asked(spec=spec, arm=place)
            continue
        wanted = {**arm.key, **spec.to}
        against = next((other for other, each in enumerate(arms) if _matches(each.key, wanted)), None)
        if against is not None and against != place:
            yield Asked(spec=spec, arm=place, against=against)


def _matches(key: Mapping[str, Json], selector: Mapping[str, Json]) -> bool:
    return all(axis in key and key[axis] == value for axis, value in selector.items())
