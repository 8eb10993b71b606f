"""What sentences about a run are made from, and how they name arms and count trials."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from evalharness.core.findings import ArmFindings, Comparison, ObserverFindings, StretchFindings
from evalharness.verdict.view import RunView


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the sentences are about."""

    view: RunView
    arms: Sequence[ArmFindings]
    comparisons: Sequence[Comparison]
    stretches: Sequence[StretchFindings] = ()
    observer: ObserverFindings | None = None

    def named(self, arms: Sequence[ArmFindings]) -> str:
        return named(arms, self.arms)


def named(arms: Sequence[ArmFindings], all_arms: Sequence[ArmFindings]) -> str:
    """``“low”, “medium” and “high, careful”``: quoted, because the label of an arm on two axes has a comma."""
    if len(arms) == len(all_arms) > 1:
        return "all arms"
    return listed(f"“{arm.label}”" if arm.key else arm.label for arm in arms)


def listed(texts: Iterable[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``. At least one."""
    *first, last = texts
    return f"{', '.join(first)} and {last}" if first else last


def trials(n: int) -> str:
    return "1 trial" if n == 1 else f"{n:,} trials"
