"""What is demanded of a quantity, and what a run shows of it: each kind of metric by its own method."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalharness.core.model import Demand, GateSpec
from evalharness.metrics.catalog import CATALOG
from evalharness.stats.evidence import Evidence, Showing
from evalharness.stats.gate_costs import Spending, cost_per_correct_evidence, cost_per_correct_ratio_evidence
from evalharness.stats.gate_means import mean_evidence, mean_ratio_evidence
from evalharness.stats.gate_scores import difference_evidence, share_evidence
from evalharness.stats.gate_times import quantile_evidence, quantile_ratio_evidence, time_ratio_evidence
from evalharness.stats.gates import Requirement, at_least, at_most, equivalent, non_inferior, ratio_at_most
from evalharness.stats.sample import Sample, Settings
from evalharness.verdict.gate_samples import COST_PER_CORRECT, ERROR_SHARE, is_of_the_moment


def is_share(metric: str) -> bool:
    """Grader ids and the share of failed trials: compared by difference. All else is compared by ratio."""
    return metric not in CATALOG and metric != COST_PER_CORRECT


def higher_is_better(metric: str) -> bool:
    if metric in (ERROR_SHARE, COST_PER_CORRECT):
        return False
    return bool(CATALOG[metric].higher_is_better) if metric in CATALOG else True


def requirement(spec: GateSpec) -> Requirement:
    """The region in which the quantity of ``spec`` has to lie. Raises ``ValueError`` for ``must_pass``, which has
    none, and for limits that the suite's parser should have refused."""
    better_above, limit = higher_is_better(spec.metric), spec.limit or 0.0
    match spec.demand:
        case Demand.AT_LEAST:
            return at_least(limit)
        case Demand.AT_MOST:
            return at_most(limit)
        case Demand.RATIO_AT_MOST:
            return ratio_at_most(limit)
        case Demand.EQUIVALENT:
            return equivalent(limit)
        case Demand.NON_INFERIOR:
            return non_inferior(limit) if better_above else Requirement(upper=limit)
        case Demand.IMPROVED:
            same = 0.0 if is_share(spec.metric) else 1.0
            return Requirement(lower=same) if better_above else Requirement(upper=same)
    raise ValueError(f"{spec.demand} demands nothing of a quantity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """``evidence``, and the number of cases (in times of a latency run: trials) that it rests on."""

    evidence: Evidence
    n_cases: int


def of_one_arm(spec: GateSpec, sample: Sample, settings: Settings, *, most: float = math.inf) -> Basis:
    """A share, a quantile or a mean. ``most``: what a missing amount can be at most."""
    if is_share(spec.metric):
        evidence = share_evidence(sample, settings)
        return _basis(evidence if higher_is_better(spec.metric) else _turned(evidence), [sample])
    unit = CATALOG[spec.metric].unit.value
    if spec.quantile is None:
        evidence = mean_evidence(sample, settings, unit=unit, missing=(0.0, most))
    else:
        evidence = _in_unit(quantile_evidence(sample, spec.quantile, settings), unit)
    return _basis(_turned(evidence) if higher_is_better(spec.metric) else evidence, [sample])


def of_two_arms(
    spec: GateSpec,
    pair: tuple[Sample, Sample],
    settings: Settings,
    *,
    most: float = math.inf,
    baseline_is_fixed: bool = False,
) -> Basis:
    """``pair``: candidate and baseline. Shares by their difference, times case by case, all else by means.

    ``most`` as for one arm, in either; ``baseline_is_fixed``: it is of an earlier run.
    """
    if is_share(spec.metric):
        evidence = difference_evidence(*pair, settings, baseline_is_fixed=baseline_is_fixed)
        return _basis(evidence if higher_is_better(spec.metric) else _turned(evidence), pair)
    if spec.quantile is not None:
        evidence = quantile_ratio_evidence(*pair, spec.quantile, settings)
    elif is_of_the_moment(spec.metric):
        evidence = time_ratio_evidence(*pair, settings)
    else:
        evidence = mean_ratio_evidence(*pair, settings, missing=(0.0, most))
    return _basis(_turned(evidence) if higher_is_better(spec.metric) else evidence, pair)


def of_spending(spending: Spending, settings: Settings) -> Basis:
    return _basis(cost_per_correct_evidence(spending, settings), [spending.cost, spending.correct])


def of_two_spendings(pair: tuple[Spending, Spending], settings: Settings) -> Basis:
    samples = [sample for spending in pair for sample in (spending.cost, spending.correct)]
    return _basis(cost_per_correct_ratio_evidence(*pair, settings), samples)


def _basis(evidence: Evidence, samples: Sequence[Sample]) -> Basis:
    """The cases of its estimate; without one those that all samples have a value of."""
    estimate = evidence.observed.estimate
    common = int(np.logical_and.reduce([sample.scored for sample in samples]).sum())
    return Basis(evidence=evidence, n_cases=common if estimate is None else estimate.n)


def _turned(evidence: Evidence) -> Evidence:
    """With worst and best for the candidate the other way round."""
    return replace(evidence, extremes=evidence.extremes[::-1])


def _in_unit(evidence: Evidence, unit: str) -> Evidence:
    def named(showing: Showing) -> Showing:
        estimate = showing.estimate
        return showing if estimate is None else replace(showing, estimate=replace(estimate, unit=unit))

    return replace(evidence, observed=named(evidence.observed), extremes=tuple(map(named, evidence.extremes)))
