"""Single cases and groups of them: which flipped between two arms, and how arms do by tag."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evalharness.core.findings import CaseFlip, Estimate
from evalharness.stats.flips import case_changes
from evalharness.stats.one_arm import estimate_share
from evalharness.stats.sample import Sample, restricted
from evalharness.verdict.families import Pair
from evalharness.verdict.view import RunView


def flips(view: RunView, grader: str, pair: Pair) -> tuple[CaseFlip, ...]:
    """Cases whose mean score differs between candidate and baseline: losses first, the largest change first."""
    return case_flips(view.table.case_ids, view.scores(grader, pair[0]), view.scores(grader, pair[1]))


def case_flips(case_ids: Sequence[str], candidate: Sample, baseline: Sample) -> tuple[CaseFlip, ...]:
    """As ``flips``, of two samples on the cases ``case_ids``."""
    found = case_changes(candidate, baseline)
    return tuple(
        CaseFlip(
            case_id=case_ids[change.case],
            baseline_score=change.baseline,
            candidate_score=change.candidate,
            reading=change.change,
            p_adjusted=change.p_adjusted,
        )
        for change in sorted(found, key=lambda change: change.candidate > change.baseline)
    )


def tag_quality(view: RunView, grader: str) -> Mapping[str, Mapping[str, Estimate]]:
    """Tag -> arm id -> the grader's estimate over the cases with that tag; arms without a score there are left out."""
    samples = [view.scores(grader, arm) for arm in range(len(view.arms))]
    by_tag: dict[str, Mapping[str, Estimate]] = {}
    for tag, members in view.table.tags.items():
        chosen = np.zeros(view.table.n_cases, dtype=np.bool_)
        chosen[members] = True
        found = {
            arm.arm_id: estimate_share(restricted(sample, chosen), view.settings)
            for arm, sample in zip(view.arms, samples, strict=True)
        }
        by_tag[tag] = {arm_id: estimate for arm_id, estimate in found.items() if estimate is not None}
    return by_tag
