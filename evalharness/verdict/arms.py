"""Everything that is said of one arm by itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from evalharness.core.findings import ArmFindings, EffortEvidence, Estimate
from evalharness.core.model import Slo
from evalharness.metrics.table import Floats, Missing, analysed_cases, grader_specs
from evalharness.stats.one_arm import estimate_share, intraclass_correlation, mixed_share
from evalharness.stats.sample import score_bounds
from evalharness.verdict.spending import spending
from evalharness.verdict.tally import Tally
from evalharness.verdict.view import RunView
from evalharness.verdict.waits import drift_blocks, rates, times


def arm_findings(view: RunView, arm: int, counted: Tally, effort: EffortEvidence | None) -> ArmFindings:
    """``counted``: the tally of the arm's planned measured trials. The first grader is the primary one."""
    declared = view.arms[arm]
    primary = view.scores(view.grader_ids[0], arm)
    right = right_column(view)
    spent = spending(view, arm, right)
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
        times=times(view, arm),
        tokens=spent.tokens,
        rates=rates(view, arm),
        n_without_usage=spent.n_without_usage,
        cost_usd=spent.cost_usd,
        cost_total_usd=spent.cost_total_usd,
        cost_per_correct_usd=spent.cost_per_correct_usd,
        n_without_cost=spent.n_without_cost,
        wasted_cost_usd=counted.wasted_cost_usd,
        slo_share=_slo_share(view, arm, right),
        failures=counted.failures,
        incomplete_reasons=counted.incomplete_reasons,
        n_retries=counted.n_retries,
        n_null_scores=_null_scores(view, arm),
        anomalies=counted.anomalies,
        effort=effort,
        models_reported=counted.models_reported,
        tiers_reported=counted.tiers_reported,
        coalesced_share=counted.zero_gap_share,
        connection_reused_share=counted.connection_reused_share,
        drift=drift_blocks(view, arm),
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


def right_column(view: RunView) -> Floats:
    """Per row 1 where the primary score reaches its grader's pass mark, 0 where not, NaN without a score."""
    primary = view.grader_ids[0]
    specs = grader_specs(view.suite.graders, analysed_cases(view.run))[primary]
    pass_at = np.array([np.nan if spec is None else spec.pass_at for spec in specs])[view.table.case_index]
    score = view.table.scores[primary]
    return np.where(np.isnan(score), np.nan, (score >= pass_at).astype(float))


def _null_scores(view: RunView, arm: int) -> int:
    """Scores that a grader was asked for and could not give, over all graders."""
    rows = view.rows(arm)
    return sum(int((missing[rows] == Missing.NULL_SCORE).sum()) for missing in view.table.missing.values())


def _slo_share(view: RunView, arm: int, right: Floats) -> Estimate | None:
    slo = view.suite.slo
    return None if slo is None else estimate_share(view.sample(good_column(view, slo, right), arm), view.settings)


def good_column(view: RunView, slo: Slo, right: Floats) -> Floats:
    """1 where right and inside every limit, 0 where either is known to fail, NaN where that cannot be known.

    A failed trial took infinitely long and is never good, whatever its score would have been.
    """
    late = np.zeros(len(right), dtype=np.bool_)
    unknown = np.isnan(right)
    for name, limit_ms in slo.limits_ms.items():
        values = view.table.timed(name)
        late |= values > limit_ms
        unknown |= np.isnan(values)
    return np.where(late | (right == 0), 0.0, np.where(unknown, np.nan, 1.0))
