"""Profiles: the declared truth of a simulated service, read from a small JSON file.

The files next door in ``profiles/`` are the built-in ones. A file may say ``"extends": "default"`` and then holds only
what differs, nested keys too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from evalharness.simulator.draws import LogNormal

_BUILT_IN = Path(__file__).parent / "profiles"


class ProfileError(ValueError):
    """A profile or fault file that cannot be used; the message says where and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffortTruth:
    """What one reasoning effort is worth.

    ``ability`` is on the scale of difficulty: a problem of that difficulty is solved with half the ceiling.
    ``reasoning_tokens`` and ``ttfo_ms`` are the laws at average difficulty.
    """

    ability: float
    reasoning_tokens: LogNormal
    ttfo_ms: LogNormal


@dataclass(frozen=True, slots=True, kw_only=True)
class Difficulty:
    """difficulty = per_complexity * (complexity - centre) + spread * N(0, 1), the last drawn from (seed, problem)."""

    spread: float = 1.0
    per_complexity: float = 0.0
    centre: float = 3.0

    def mean(self, complexity: float) -> float:
        return self.per_complexity * (complexity - self.centre)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stalls:
    """Rare trouble: with probability ``share`` a time is ``factor`` times as long."""

    share: float = 0.0
    factor: float = 1.0

    @property
    def mean_factor(self) -> float:
        return 1.0 + self.share * (self.factor - 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """At most ``slots`` requests are worked on at once; the others wait, first come, first served, for their head."""

    slots: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """Where real servers differ. All off is the behaviour of the OpenAI service.

    ``done``: ``[DONE]`` after the terminal event. ``nested_error``: ``error`` events nest the error and are followed by
    ``response.failed``. ``ignores_effort``: every request is answered at the default effort, and says so.
    """

    done: bool = False
    nested_error: bool = False
    ignores_effort: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """The declared truth. Times are milliseconds before ``time_scale``; prices are US dollars per million tokens.

    ``thought_per_difficulty`` is how much one unit of difficulty adds to the logarithm of reasoning tokens and of the
    time to the first output. ``reasoning_share`` is where in that time a reasoning summary begins. ``capacity`` None:
    no request ever waits. ``answer_tokens`` is how many visible tokens every text has; None: as many as it needs.
    """

    name: str
    efforts: Mapping[str, EffortTruth]
    gap_ms: LogNormal
    head_ms: LogNormal
    default_effort: str = "none"
    accuracy_ceiling: float = 1.0
    accuracy_slope: float = 1.0
    difficulty: Difficulty = field(default_factory=Difficulty)
    thought_per_difficulty: float = 0.0
    ttfo_stalls: Stalls = field(default_factory=Stalls)
    gap_stalls: Stalls = field(default_factory=Stalls)
    reasoning_share: float = 0.4
    time_scale: float = 1.0
    ability_by_model: Mapping[str, float] = field(default_factory=dict)
    context_tokens: int = 400_000
    prices: Mapping[str, float] = field(default_factory=dict)
    quirks: Quirks = field(default_factory=Quirks)
    capacity: Capacity | None = None
    answer_tokens: int | None = None

    def effort(self, asked: str | None) -> str:
        """The effort that is used for a request."""
        return self.default_effort if asked is None or self.quirks.ignores_effort else asked

    def ability(self, model: str, effort: str) -> float:
        return self.efforts[effort].ability + self.ability_by_model.get(model, 0.0)


def built_in_profiles() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in _BUILT_IN.glob("*.json")))


def load_profile(name_or_path: str) -> Profile:
    """A built-in profile by name, else a JSON file by path. Raises ``ProfileError``."""
    content = _read(name_or_path)
    name = content.pop("name", Path(name_or_path).stem)
    try:
        return _profile(name, content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProfileError(f"profile {name_or_path!r}: {_explain(error)}") from error


def _read(name_or_path: str, depth: int = 0) -> dict[str, Any]:
    path = _BUILT_IN / f"{name_or_path}.json"
    if "/" in name_or_path or not path.is_file():
        path = Path(name_or_path)
    if not path.is_file():
        raise ProfileError(f"no profile {name_or_path!r}: give a JSON file or one of {', '.join(built_in_profiles())}")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ProfileError(f"profile {path}: not JSON: {error}") from error
    if not isinstance(content, dict):
        raise ProfileError(f"profile {path}: must be a JSON object")
    if "extends" not in content:
        return content
    if depth > 5:
        raise ProfileError(f"profile {path}: extends itself")
    return _merge(_read(str(content.pop("extends")), depth + 1), content)


def _merge(base: dict[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _profile(name: str, content: dict[str, Any]) -> Profile:
    efforts = {effort: _effort(truth) for effort, truth in content.pop("efforts").items()}
    content.pop("description", None)
    parts: dict[str, Any] = {
        "gap_ms": LogNormal,
        "head_ms": LogNormal,
        "difficulty": Difficulty,
        "ttfo_stalls": Stalls,
        "gap_stalls": Stalls,
        "quirks": Quirks,
        "capacity": Capacity,
    }
    values = {key: parts[key](**value) if key in parts else value for key, value in content.items()}
    profile = Profile(name=name, efforts=efforts, **values)
    if profile.default_effort not in efforts:
        raise ValueError(f"default_effort {profile.default_effort!r} is none of {', '.join(efforts)}")
    if profile.time_scale < 0:
        raise ValueError("time_scale must be 0 or more")
    for name, number in (
        ("capacity.slots", profile.capacity and profile.capacity.slots),
        ("answer_tokens", profile.answer_tokens),
    ):
        if number is not None and (not isinstance(number, int) or number < 1):
            raise ValueError(f"{name} must be a whole number of 1 or more, not {number!r}")
    return profile


def _effort(truth: Mapping[str, Any]) -> EffortTruth:
    return EffortTruth(
        ability=float(truth["ability"]),
        reasoning_tokens=LogNormal(**truth["reasoning_tokens"]),
        ttfo_ms=LogNormal(**truth["ttfo_ms"]),
    )


def _explain(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"{error.args[0]} is missing"
    known = ", ".join(field.name for field in fields(Profile))
    return f"{error} (known keys: {known})"
