"""This run's arms against the same arms of its baseline: the comparisons of a run's own arms, over two runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalharness.core.findings import CaseFlip, Comparison
from evalharness.core.model import Arm, Demand, GateScope, Suite
from evalharness.stats.sample import Ints, Sample, Settings, sample_of
from evalharness.verdict.baseline_levels import levels
from evalharness.verdict.baseline_pairing import PairedBaseline
from evalharness.verdict.cases import case_flips
from evalharness.verdict.differences import Scores, differences, family
from evalharness.verdict.drift import confounds_runs
from evalharness.verdict.families import EXPLORATORY, Pair
from evalharness.verdict.ratios import RATIO_METRICS, ratios
from evalharness.verdict.view import RunView

#: A cost that differs because what a token costs does.
OTHER_PRICES = "at other prices"


@dataclass(frozen=True, slots=True, kw_only=True)
class TwoRuns:
    """``ArmSamples`` of the arms that both runs have: those of this run, then those of the baseline, by case.

    An arm keeps its name in both: it is one treatment, measured twice.
    """

    paired: PairedBaseline
    places: tuple[int, ...]
    clusters: Ints
    is_latency: bool = False

    @property
    def view(self) -> RunView:
        return self.paired.view

    @property
    def settings(self) -> Settings:
        return self.view.settings

    @property
    def arms(self) -> Sequence[Arm]:
        return [self.view.arms[place] for place in (*self.places, *self.places)]

    @property
    def pairs(self) -> tuple[Pair, ...]:
        """Each arm with itself in the baseline."""
        return tuple((arm, len(self.places) + arm) for arm in range(len(self.places)))

    @property
    def time_confounded(self) -> str | None:
        return confounds_runs(self.view.drift)

    def scores(self, grader: str, arm: int) -> Sample:
        return self.metric(grader, arm)

    def metric(self, name: str, arm: int) -> Sample:
        side, place = divmod(arm, len(self.places))
        pair = self.paired.pair(name, self.places[place])
        return self._nothing() if pair is None else pair[side]

    def paired_times(self, name: str, pair: Pair) -> tuple[Sample, Sample]:
        return self.metric(name, pair[0]), self.metric(name, pair[1])

    def _nothing(self) -> Sample:
        return sample_of(np.empty(0), np.empty(0, dtype=np.int64), self.clusters)


def against_run(paired: PairedBaseline) -> Mapping[str, tuple[Comparison, ...]]:
    """By metric: the primary grader, the other graders (exploratory), cost, times and tokens. What cannot be compared
    is left out.
    """
    runs = TwoRuns(paired=paired, places=tuple(paired.arm_pairs), clusters=paired.view.clusters)
    if not runs.places:
        return {}
    found = {name: _scores(runs, name) for name in paired.view.grader_ids}
    found |= {name: tuple(ratios(runs, name, runs.pairs).values()) for name in RATIO_METRICS}
    return {name: _with_levels(runs, comparisons) for name, comparisons in found.items() if comparisons}


def _with_levels(runs: TwoRuns, comparisons: tuple[Comparison, ...]) -> tuple[Comparison, ...]:
    places = {runs.view.arms[place].arm_id: arm for arm, place in enumerate(runs.places)}
    return tuple(_with_level(runs, comparison, places[comparison.candidate]) for comparison in comparisons)


def _with_level(runs: TwoRuns, comparison: Comparison, arm: int) -> Comparison:
    pair = runs.metric(comparison.metric, arm), runs.metric(comparison.metric, len(runs.places) + arm)
    candidate, baseline = levels(comparison.metric, *pair, runs.settings)
    others = (
        (OTHER_PRICES,) if comparison.metric == "cost_usd" and runs.paired.has_other_prices(runs.places[arm]) else ()
    )
    return replace(
        comparison,
        candidate_level=candidate,
        baseline_level=baseline,
        cautions=(*others, *comparison.cautions),
    )


def _scores(runs: TwoRuns, grader: str) -> tuple[Comparison, ...]:
    if grader == runs.view.grader_ids[0]:
        scores = Scores(view=runs, grader=grader, margin=margin_of(runs.view.suite, grader))
    else:
        scores = Scores(view=runs, grader=grader, adjustment=EXPLORATORY)
    return family(scores, differences(scores, runs.pairs))


def margin_of(suite: Suite, grader: str) -> float | None:
    """That of the decision rule, else of the first gate against the baseline that has one."""
    rule = suite.decision
    if rule is not None and rule.metric == grader:
        return rule.margin
    with_margin = (Demand.NON_INFERIOR, Demand.EQUIVALENT)
    margins = (
        gate.limit
        for gate in suite.gates
        if gate.scope is GateScope.BASELINE_RUN and gate.metric == grader and gate.demand in with_margin
    )
    return next(margins, None)


def flips_against(paired: PairedBaseline) -> Mapping[str, tuple[CaseFlip, ...]]:
    """By arm id the paired cases whose mean primary score moved: losses first, the largest change first."""
    primary, found = paired.view.grader_ids[0], {}
    for arm in paired.arm_pairs:
        pair = paired.pair(primary, arm) if paired.source.n_paired else None
        if pair is not None:
            found[paired.view.arms[arm].arm_id] = case_flips(paired.view.table.case_ids, *pair)
    return found
