"""A suite's runs in their order, figure by figure, and where a figure's level changed."""

from __future__ import annotations

from dataclasses import dataclass

from evalharness.core.estimate import Estimate
from evalharness.core.run_summary import Quantity, RunSummary


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelChange:
    """``at``: index of the first run of the new level. ``shift``: the level from there on against the one before, as a
    difference, or as a ratio of times, money and ratios. ``before`` and ``after``: the runs (by index) that either
    level rests on; ``level_before`` and ``level_after`` their means, geometric where the shift is a ratio.
    ``alongside``: what else differs between the two runs and breaks no line (client, version, reported model)."""

    at: int
    shift: Estimate
    p_value: float
    before: tuple[int, ...]
    after: tuple[int, ...]
    level_before: float
    level_after: float
    alongside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """One figure of one arm over all runs of the history.

    ``metric`` is ``quality``, ``good_share``, ``total_ms_p95``, ``cost_usd`` or ``gate``; ``name`` the grader's id or
    the gate's subject; ``arm`` empty where there is one. ``points`` by run, None where a run has none. ``broken``: the
    runs (by index) that did not measure what the run before them did. ``n_tested``: runs in stretches that are long
    enough to look for a change. ``higher_is_better`` None: not known. ``allowed`` as of the newest gate.
    """

    metric: str
    name: str
    arm: str
    quantity: Quantity
    points: tuple[Estimate | None, ...]
    broken: tuple[int, ...] = ()
    changes: tuple[LevelChange, ...] = ()
    n_tested: int = 0
    higher_is_better: bool | None = None
    allowed: tuple[float | None, float | None] = (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """``runs`` oldest first, ``n_older`` the runs before them that were left out. ``changed``: for each run what was
    changed since the run before it, in words. ``alarm``: at most this share of histories in which nothing changed has
    a change marked anywhere; ``n_stretches`` the stretches that were searched."""

    suite: str
    runs: tuple[RunSummary, ...]
    series: tuple[Series, ...]
    changed: tuple[tuple[str, ...], ...]
    alarm: float
    n_stretches: int
    n_older: int = 0
