"""Does a run keep the gates of its suite? Each gate on each arm that it selects: pass, fail or inconclusive."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from evalharness.core.findings import GateFindings, Reason, Verdict
from evalharness.core.model import Demand, GateScope, GateSpec
from evalharness.stats.gates import Gate, GateFinding, judge_gates, must_pass
from evalharness.verdict.baseline_port import Baseline
from evalharness.verdict.drift import confounds_runs, drift_remark
from evalharness.verdict.gate_arms import Asked, asked_of
from evalharness.verdict.gate_evidence import (
    Basis,
    of_one_arm,
    of_spending,
    of_two_arms,
    of_two_spendings,
    requirement,
)
from evalharness.verdict.gate_samples import (
    COST_PER_CORRECT,
    is_of_the_moment,
    most_missing,
    one_arm,
    right_answers,
    spending,
    two_arms,
)
from evalharness.verdict.view import RunView

NO_BASELINE = "no baseline to compare with: name a run or a file with --baseline"
NO_BASELINE_ARM = "the baseline has no such arm"
NO_QUANTILES = "a baseline file holds no quantiles: name the run itself with --baseline"
NO_MEAN = "trials that failed took no time that a mean could be made of: name a `quantile`"
DRIFTING_MEAN = "times drifted, and a mean of them has no interval that would hold: name a `quantile`"


def needs_trials(spec: GateSpec) -> bool:
    """Whether a baseline file, which holds sums, cannot serve the gate."""
    return spec.scope is GateScope.BASELINE_RUN and spec.quantile is not None


def judge_run_gates(view: RunView, baseline: Baseline | None = None) -> tuple[GateFindings, ...]:
    """The gates of the suite in its order, each on its arms in theirs; empty without gates.

    All that have evidence are judged together: a fail has to stand up to Holm over them. ``must_pass`` is a statement
    about its trials alone and takes no part. A gate that cannot be judged is inconclusive, and says what it lacks.
    """
    bench = _Bench(view=view, baseline=baseline)
    brought = [bench.bring(asked) for asked in asked_of(view.suite.gates, view.arms)]
    verdicts = iter(judge_gates([each.gate for each in brought if each.gate is not None]))
    found = (each.findings if each.gate is None else decided(each.findings, next(verdicts)) for each in brought)
    return tuple(_with_drift(findings, view) for findings in found)


def judge_alone(view: RunView, spec: GateSpec, arm: int) -> GateFindings:
    """One demand on one arm by itself, with no family to stand up to."""
    brought = _Bench(view=view, baseline=None).bring(Asked(spec=spec, arm=arm))
    return brought.findings if brought.gate is None else decided(brought.findings, *judge_gates([brought.gate]))


def _with_drift(findings: GateFindings, view: RunView) -> GateFindings:
    """A verdict on times that moved says so: it is one on the run as a whole."""
    spec = findings.spec
    interleaved = spec.scope is GateScope.ARMS
    if findings.verdict is Verdict.INCONCLUSIVE or findings.clause or interleaved or not is_of_the_moment(spec.metric):
        return findings
    remark = drift_remark(view.drift, of_two_runs=spec.scope is GateScope.BASELINE_RUN)
    return replace(findings, clause=remark)


def not_judged(view: RunView) -> tuple[str, ...]:
    """A sentence for each gate that selects no arm of this run: it neither passed nor failed, and is not forgotten."""
    return tuple(
        f"Gate {spec.number} was not judged: the arms that it names are not in this run."
        for spec in view.suite.gates
        if not asked_of([spec], view.arms)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Brought:
    """``findings``: who is judged by what; with its verdict already where there is no ``gate`` for statistics."""

    findings: GateFindings
    gate: Gate | None = None


def decided(findings: GateFindings, found: GateFinding) -> GateFindings:
    """``findings`` with what the statistics found of it."""
    return replace(
        findings,
        verdict=found.verdict,
        reason=found.reason,
        clause=found.clause,
        estimate=found.estimate,
        worst=found.worst,
        best=found.best,
        p_fail=found.p_fail,
        p_fail_adjusted=found.p_fail_adjusted,
        n_missing=found.n_missing,
        settling=found.settling,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bench:
    """What gates are judged on."""

    view: RunView
    baseline: Baseline | None

    def bring(self, asked: Asked) -> _Brought:
        findings = self._named(asked)
        if asked.spec.demand is Demand.MUST_PASS:
            sample = right_answers(self.view, asked.arm, asked.spec.tag)
            counted = replace(findings, n_cases=int(sample.scored.sum()))
            return _Brought(findings=decided(counted, must_pass(sample)))
        basis = self._basis(asked)
        if isinstance(basis, str):
            return _Brought(findings=replace(findings, clause=basis))
        gate = Gate(requirement=requirement(asked.spec), evidence=basis.evidence, barred=self._bar(asked, basis))
        return _Brought(findings=replace(findings, n_cases=basis.n_cases), gate=gate)

    def _named(self, asked: Asked) -> GateFindings:
        """With nothing to judge, until something is found."""
        arms, spec = self.view.arms, asked.spec
        against = None if asked.against is None else arms[asked.against].key
        if spec.scope is GateScope.BASELINE_RUN and self.baseline is not None:
            against = self.baseline.key(asked.arm)
        return GateFindings(
            spec=spec,
            arm_id=arms[asked.arm].arm_id,
            key=arms[asked.arm].key,
            against=against,
            verdict=Verdict.INCONCLUSIVE,
            reason=Reason.NOTHING,
        )

    def _basis(self, asked: Asked) -> Basis | str:
        """In words why there is none."""
        if asked.against is not None:
            return self._between(asked.spec, (asked.arm, asked.against))
        if asked.spec.scope is GateScope.ALONE:
            return self._alone(asked.spec, asked.arm)
        return NO_BASELINE if self.baseline is None else self._against(asked.spec, asked.arm, self.baseline)

    def _alone(self, spec: GateSpec, arm: int) -> Basis:
        settings = self.view.settings
        if spec.metric == COST_PER_CORRECT:
            return of_spending(spending(self.view, arm, spec.tag), settings)
        most = most_missing(self.view, spec.metric, arm)
        return of_one_arm(spec, one_arm(self.view, spec.metric, arm, spec.tag), settings, most=most)

    def _between(self, spec: GateSpec, pair: tuple[int, int]) -> Basis:
        settings = self.view.settings
        if spec.metric == COST_PER_CORRECT:
            candidate, baseline = (spending(self.view, arm, spec.tag) for arm in pair)
            return of_two_spendings((candidate, baseline), settings)
        most = most_missing(self.view, spec.metric, *pair)
        return of_two_arms(spec, two_arms(self.view, spec.metric, pair, spec.tag), settings, most=most)

    def _against(self, spec: GateSpec, arm: int, baseline: Baseline) -> Basis | str:
        settings, missing = self.view.settings, f"nothing of `{spec.metric}` is in both runs"
        if baseline.source.invalid:
            return baseline.source.invalid[0]
        if baseline.key(arm) is None:
            return NO_BASELINE_ARM
        if needs_trials(spec) and not baseline.has_trials:
            return NO_QUANTILES
        if spec.metric == COST_PER_CORRECT:
            spent = baseline.spending_pair(arm, spec.tag)
            return missing if spent is None else of_two_spendings(spent, settings)
        pair = baseline.pair(spec.metric, arm, spec.tag)
        if pair is None:
            return missing
        # What limits a cost of the earlier run is not kept: without a limit none of its gaps lets a gate pass.
        most = math.inf if pair[1].n_missing else most_missing(self.view, spec.metric, arm)
        return of_two_arms(spec, pair, settings, most=most, baseline_is_fixed=True)

    def _bar(self, asked: Asked, basis: Basis) -> str | None:
        """Why no verdict may be given whatever the figures say."""
        spec = asked.spec
        if not is_of_the_moment(spec.metric):
            return None
        if spec.scope is GateScope.ARMS and self.view.time_confounded:
            return self.view.time_confounded
        if spec.scope is GateScope.BASELINE_RUN and (confounded := confounds_runs(self.view.drift)):
            return confounded
        is_mean = spec.scope is GateScope.ALONE and spec.quantile is None
        if is_mean and self.view.drift is not None:
            return DRIFTING_MEAN
        return NO_MEAN if is_mean and basis.n_cases and basis.evidence.observed.estimate is None else None
