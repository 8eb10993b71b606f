"""Which arms a gate is about: its selectors against the arms of the sweep."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from evalharness.core.model import Json, Sweep
from evalharness.suite.gate_parts import GatePart
from evalharness.suite.problems import Problems, did_you_mean, named
from evalharness.suite.sweep import arm_keys, is_same, matches
from evalharness.suite.yaml_text import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ArmSelectors:
    """The arms that a gate's ``arm`` and ``to`` may select. Nothing is said where the sweep itself is wrong."""

    sweep: Sweep
    problems: Problems
    arms: Sequence[Mapping[str, Json]] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "arms", tuple(arm_keys(self.sweep)))

    def check(self, part: GatePart, path: Path) -> None:
        if {"sweep", "prompts"} & self.problems.broken:
            return
        told = [self._selects(part.arm, (*path, "arm"))]
        if part.to is not None:
            told.append(self._selects(part.to, (*path, "to")))
        if part.compare == "arms" and not part.to:
            hint = "name the arm compared with, as in `to: {reasoning.effort: high}`"
            self.problems.add((*path, "compare"), "`compare: arms` needs `to`", hint)
        elif part.compare != "arms" and part.to is not None:
            hint = "add `compare: arms`, or delete it"
            self.problems.add((*path, "to"), "`to` goes with `compare: arms` alone", hint, at_key=True)
        elif part.to and all(told):
            self._check_pairs(part.arm, part.to, path)

    def _selects(self, selector: Mapping[str, Json], path: Path) -> bool:
        """Whether some arm matches; a selector that names nothing matches all."""
        axes = tuple(dict.fromkeys(axis for arm in self.arms for axis in arm))
        sound = True
        for axis, value in selector.items():
            values = [arm[axis] for arm in self.arms if axis in arm]
            if not values:
                hint = did_you_mean(axis, axes) if axes else "the suite has a single arm"
                self.problems.add((*path, axis), f"there is no axis `{axis}`", hint, at_key=True)
                sound = False
            elif not any(is_same(value, other) for other in values):
                options = tuple(dict.fromkeys(str(other) for other in values))
                self.problems.add((*path, axis), f"no arm has {named(value)}", did_you_mean(value, options))
                sound = False
        if sound and not any(matches(arm, selector) for arm in self.arms):
            self.problems.add(path, "matches no arm", "that combination is excluded", at_key=True)
            return False
        return sound

    def _check_pairs(self, selector: Mapping[str, Json], to: Mapping[str, Json], path: Path) -> None:
        """Every arm selected has its counterpart: itself with the values of ``to``."""
        candidates = [arm for arm in self.arms if matches(arm, selector) and not matches(arm, to)]
        if not candidates:
            message = "every arm that `arm` selects is one that `to` selects"
            self.problems.add((*path, "to"), message, "no arm is compared with itself", at_key=True)
        for arm in candidates:
            wanted = {**arm, **to}
            if not any(is_same(wanted, other) for other in self.arms):
                shown = ", ".join(f"`{value}`" for value in arm.values())
                message = f"the arm {shown} has no counterpart: no arm is otherwise equal and has these values"
                self.problems.add((*path, "to"), message, "narrow `arm`, or name the other axes too", at_key=True)
                return
