"""Everything that is said of one arm by itself."""

from __future__ import annotations

from collections.abc import Mapping

from evalharness.core.findings import ArmFindings, EffortEvidence
from evalharness.metrics.table import Floats, Missing
from evalharness.stats.one_arm import estimate_share, intraclass_correlation, mixed_share
from evalharness.stats.sample import score_bounds
from evalharness.verdict.division import time_division
from evalharness.verdict.service import Asked, good_share, service_level
from evalharness.verdict.spending import Spending
from evalharness.verdict.tally import Tally
from evalharness.verdict.tries import tries
from evalharness.verdict.view import RunView
from evalharness.verdict.waits import drift_blocks, rates, retry_blocks, times


def arm_findings(
    view: RunView,
    arm: int,
    counted: Tally,
    effort: EffortEvidence | None,
    spent: Spending,
    right: Floats,
    sought: Asked | None,
) -> ArmFindings:
    """``counted``: the tally of the arm's trials; ``right``: ``service.right_column``; ``sought``: what the suite asks
    of the service, None where it asks nothing."""
    declared = view.arms[arm]
    primary = view.scores(view.grader_ids[0], arm)
    rows = view.rows(arm)
    return ArmFindings(
        arm_id=declared.arm_id,
        label=declared.label,
        key=declared.key,
        n_planned=sum(counted.counts.values()),
        counts=counted.counts,
        quality={name: estimate_share(view.scores(name, arm), view.settings) for name in view.grader_ids},
        quality_bounds=quality_bounds(view, arm),
        icc=intraclass_correlation(primary),
        mixed_share=mixed_share(primary),
        tries=tries(view, arm, right),
        times=times(view, arm),
        tokens=spent.tokens,
        rates=rates(view, arm),
        n_without_usage=spent.n_without_usage,
        cost_usd=spent.cost_usd,
        cost_total_usd=spent.cost_total_usd,
        cost_per_correct_usd=spent.cost_per_correct_usd,
        n_without_cost=spent.n_without_cost,
        wasted_cost_usd=counted.wasted_cost_usd,
        slo_share=None if sought is None else good_share(view, sought, rows),
        failures=counted.failures,
        incomplete_reasons=counted.incomplete_reasons,
        n_cut=counted.n_cut,
        n_cut_by_reasoning=counted.n_cut_by_reasoning,
        n_cut_by_reasoning_at_limit=counted.n_cut_by_reasoning_at_limit,
        n_retries=counted.n_retries,
        p95_retries=counted.p95_retries,
        n_null_scores=_null_scores(view, arm),
        anomalies=counted.anomalies,
        effort=effort,
        models_reported=counted.models_reported,
        tiers_reported=counted.tiers_reported,
        coalesced_share=counted.coalesced_share,
        connection_reused_share=counted.connection_reused_share,
        drift=drift_blocks(view, arm),
        retried=retry_blocks(view, arm),
        service=None if sought is None else service_level(view, sought, rows),
        divided=time_division(view, rows),
    )


def quality_bounds(view: RunView, arm: int) -> Mapping[str, tuple[float, float]]:
    """(all missing wrong, all missing right) for each grader that misses something in the arm."""
    bounds = {}
    for name in view.grader_ids:
        sample = view.scores(name, arm)
        limits = score_bounds(sample) if sample.n_missing else None
        if limits is not None:
            bounds[name] = limits
    return bounds


def _null_scores(view: RunView, arm: int) -> int:
    """Scores that a grader was asked for and could not give, over all graders."""
    rows = view.rows(arm)
    return sum(int((missing[rows] == Missing.NULL_SCORE).sum()) for missing in view.table.missing.values())
