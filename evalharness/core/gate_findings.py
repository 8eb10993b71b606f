"""What was found of a suite's gates, and of a run beside the baseline run it is compared with.

``math.nan`` and infinity never appear here: missing is None.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from evalharness.core.estimate import Estimate
from evalharness.core.model import GateSpec, Json


class Verdict(StrEnum):
    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


class Reason(StrEnum):
    """Why a gate is inconclusive. More cases help in the first three; they do not in the others."""

    NOT_ENOUGH = "the interval straddles the limit"
    FEW_CASES = "fewer than 10 independent cases"
    HOLM = "not kept among so many gates"
    MISSING = "missing calls decide"
    NOTHING = "nothing to judge"
    BARRED = "no verdict may be given"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settling:
    """What would settle a gate, were its estimate the truth.

    ``cases``: in all, at the present repeats, None where none can be named. ``repeats``: in each arm, that would do
    with the present cases; None where no number does, or one repeat cannot tell. ``cases_at_most_repeats``: where no
    number of repeats does, the cases that the differences between cases alone need. ``near_limit``: the estimate lies
    so near the limit that no number would mean anything.
    """

    cases: int | None = None
    repeats: int | None = None
    cases_at_most_repeats: int | None = None
    near_limit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class GateFindings:
    """One gate judged on one arm.

    ``key``: the candidate's axis values; ``against``: those of the arm compared with, None for a gate on one arm.
    ``estimate``: at level 0.90, whose limits are the one-sided 95% bounds, in the metric's unit (a ratio for
    ``ratio_at_most``); ``worst`` and ``best``: with all missing trials against the candidate, and for it; None where
    none is missing. ``p_fail``: one-sided p that the quantity lies outside; ``p_fail_adjusted``: by Holm over the gates
    judged together. ``reason`` None: decided; ``clause`` says it in words. ``n_cases``: cases that it rests on.
    ``is_sequential``: the interval holds however often one looked.
    """

    spec: GateSpec
    arm_id: str
    key: Mapping[str, Json]
    verdict: Verdict
    against: Mapping[str, Json] | None = None
    reason: Reason | None = None
    clause: str = ""
    estimate: Estimate | None = None
    worst: Estimate | None = None
    best: Estimate | None = None
    p_fail: float | None = None
    p_fail_adjusted: float | None = None
    n_cases: int = 0
    n_missing: int = 0
    settling: Settling | None = None
    is_sequential: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What differs between two runs, stated before anything is compared: ``what`` (prices, the prompt of an arm, the
    model) in the baseline and in the candidate, in words; None where it is not there. ``texts``: both prompts whole,
    where they are known."""

    what: str
    baseline: str | None
    candidate: str | None
    texts: tuple[str, str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BaselineSource:
    """The run compared with.

    ``invalid``: why no comparison is shown at all (no arm in common, another grader); empty where it is. ``changed``:
    what differs. ``only_in_baseline``, ``only_in_candidate``: cases that cannot be paired, with the reason in words by
    case id. ``n_paired``: cases in both. ``is_summary``: a baseline file, which holds sums and no trials.
    """

    run_id: str
    suite_name: str
    started_utc: str
    is_summary: bool
    n_paired: int
    changed: tuple[Change, ...] = ()
    only_in_baseline: Mapping[str, str] | None = None
    only_in_candidate: Mapping[str, str] | None = None
    invalid: tuple[str, ...] = ()


def overall(gates: tuple[GateFindings, ...]) -> Verdict | None:
    """All have to pass; one that fails, fails all. None: there are no gates."""
    verdicts = {gate.verdict for gate in gates}
    if not verdicts:
        return None
    if Verdict.FAIL in verdicts:
        return Verdict.FAIL
    return Verdict.INCONCLUSIVE if Verdict.INCONCLUSIVE in verdicts else Verdict.PASS
