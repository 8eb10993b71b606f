"""Does the service keep what the suite's ``slo`` asks? Per time limit as a quantile, and for all of it as a share."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from evalharness.core.findings import Estimate, LimitFindings, ServiceLevel
from evalharness.core.model import Slo
from evalharness.metrics.table import Bools, Floats, grader_specs
from evalharness.stats.one_arm import estimate_share
from evalharness.stats.quantiles import ordered
from evalharness.stats.sample import Sample, Settings, score_bounds, with_level, with_values
from evalharness.stats.targets import Target, estimate_reached, estimate_within, judge
from evalharness.verdict.view import RunView

#: The two-sided level whose limits are one-sided bounds at 95%.
ONE_SIDED = 0.90


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The suite's ``slo`` applied to every row of the table. ``lateness``: as the function of that name."""

    slo: Slo
    lateness: Floats

    @property
    def target(self) -> Target:
        """Good is a lateness of 1 or less."""
        return Target(limit=1.0, share=self.slo.share_at_least)


def asked(view: RunView, right: Floats) -> Asked | None:
    slo = view.suite.slo
    return None if slo is None else Asked(slo=slo, lateness=lateness(view, slo, right))


def right_column(view: RunView) -> Floats:
    """Per row 1 where the primary score reaches its grader's pass mark, 0 where not, NaN without a score."""
    primary = view.grader_ids[0]
    specs = grader_specs(view.suite.graders, view.cases)[primary]
    pass_at = np.array([np.nan if spec is None else spec.pass_at for spec in specs])[view.table.case_index]
    score = view.table.scores[primary]
    return np.where(np.isnan(score), np.nan, (score >= pass_at).astype(float))


def lateness(view: RunView, slo: Slo, right: Floats) -> Floats:
    """Per row the largest of its times over their limits: good is 1 or less, and wrong or failed is +inf.

    So the share of good trials is that of times within a limit, with the same test; a single limit that only right
    answers are measured against gives the same verdict either way. NaN where it cannot be known whether a trial was
    good; a trial that is known to be late is late, whatever else is missing.
    """
    worst, unknown = np.zeros(len(right)), np.isnan(right)
    for name, limit_ms in slo.limits_ms.items():
        ratio = view.table.timed(name) / limit_ms
        worst, unknown = np.fmax(worst, ratio), unknown | np.isnan(ratio)
    return np.where(right == 0, np.inf, np.where(unknown & (worst <= 1), np.nan, worst))


def good_share(view: RunView, sought: Asked, rows: Bools) -> Estimate | None:
    """The share of good trials at the level of the report; None where of no trial is known whether it was good."""
    sample = view.times(sought.lateness, rows)
    if view.is_latency or sample.block is not None:
        return estimate_within(sample, sought.target, view.settings)
    return estimate_share(_as_scores(sample, sought.target), view.settings)


def service_level(view: RunView, sought: Asked, rows: Bools) -> ServiceLevel:
    """The trials of ``rows`` against the suite's ``slo``, with one-sided 95% bounds."""
    settings = with_level(view.settings, ONE_SIDED)
    sample = view.times(sought.lateness, rows)
    verdict = judge(sample, sought.target, settings)
    share = estimate_within(sample, sought.target, settings)
    return ServiceLevel(
        share_at_least=sought.slo.share_at_least,
        met=verdict.met,
        limits=tuple(
            _limit(
                view.times(view.table.timed(name), rows), name, Target(limit=ms, share=sought.target.share), settings
            )
            for name, ms in sought.slo.limits_ms.items()
        ),
        share=share,
        share_bounds=score_bounds(_as_scores(sample, sought.target)) if sample.n_missing else None,
        goodput_per_s=_goodput(view, share, rows),
        n_missing=sample.n_missing,
        reason=verdict.reason,
    )


def _as_scores(sample: Sample, target: Target) -> Sample:
    return with_values(sample, np.where(np.isnan(sample.values), np.nan, sample.values <= target.limit))


def _limit(sample: Sample, metric: str, target: Target, settings: Settings) -> LimitFindings:
    verdict = judge(sample, target, settings)
    order = ordered(sample)
    return LimitFindings(
        metric=metric,
        limit_ms=target.limit,
        share_at_least=target.share,
        met=verdict.met,
        quantile=estimate_reached(sample, target, settings),
        unreached=order is not None and math.isinf(order.at(target.share)),
        n_missing=sample.n_missing,
        reason=verdict.reason,
    )


def _goodput(view: RunView, share: Estimate | None, rows: Bools) -> Estimate | None:
    """The share times the rate of ends: its limits are those of the share, the rate is counted and has none."""
    wall_s = view.moments.wall_s(rows)
    if share is None or wall_s is None:
        return None
    ends_per_s = int(view.moments.ended(rows).sum()) / wall_s
    return replace(
        share,
        point=share.point * ends_per_s,
        lower=None if share.lower is None else share.lower * ends_per_s,
        upper=None if share.upper is None else share.upper * ends_per_s,
        method=f"{share.method}, times the rate at which trials ended",
        unit="trials/s",
    )
