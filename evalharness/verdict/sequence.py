"""Gates of a run that may end as soon as they are settled, judged unit by unit (``stats.sequential``).

The same code looks while the run goes on and when it is reported: units (a case, or all cases of a cluster) enter whole
and in the plan's order, and what came after the first that is not complete is left out of the gates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import takewhile

import numpy as np

from evalharness.core.findings import GateFindings, Verdict
from evalharness.core.model import Demand, GateScope, GateSpec, Phase, Plan, Status, Suite, Trial
from evalharness.core.record import RunRecord
from evalharness.metrics.catalog import CATALOG
from evalharness.metrics.table import Floats
from evalharness.stats import gates, sequential
from evalharness.stats.sample import filled, sample_of
from evalharness.verdict.gate_arms import Asked, asked_of
from evalharness.verdict.gate_evidence import requirement
from evalharness.verdict.gate_samples import ERROR_SHARE, one_arm
from evalharness.verdict.gates import decided
from evalharness.verdict.view import RunView, view

#: A case's values: with every missing trial at its worst for the arm, at its best, and how many are missing.
_Bounds = tuple[Floats, Floats, int]


def why_not(suite: Suite) -> str | None:
    """Why a run of this suite cannot be judged while it goes on; None where it can."""
    load = suite.load
    if load.is_timed or load.levels:
        return "its load is ended by time or goes in steps, and only a list of cases can be ended early"
    for spec in suite.gates:
        if spec.demand is Demand.MUST_PASS:
            return f"gate {spec.number} (must_pass) needs all of its cases"
        if not _is_watchable(spec, suite):
            what = f"{spec.metric} {spec.demand.value}"
            return f"gate {spec.number} ({what}) cannot be judged before the run has ended: it has no limits"
    return None


def is_judged_in_sequence(suite: Suite) -> bool:
    """Whether gates were looked at while the run went on: no interval of a fixed number of cases holds for them."""
    return suite.is_sequential and bool(suite.gates) and why_not(suite) is None


def _is_watchable(spec: GateSpec, suite: Suite) -> bool:
    if spec.scope is GateScope.BASELINE_RUN:
        return False
    is_share = spec.metric == ERROR_SHARE or spec.metric in {grader.grader_id for grader in suite.graders}
    if is_share:
        return spec.quantile is None
    is_time = spec.metric in CATALOG and CATALOG[spec.metric].is_time
    return is_time and spec.quantile is not None and spec.demand is Demand.AT_MOST and spec.scope is GateScope.ALONE


class SequentialGates:
    """The gates of a plan; ``after`` takes the next units in the plan's order. Needs ``why_not`` to be None."""

    def __init__(self, plan: Plan) -> None:
        self._arms = plan.arms
        sizes = [len(cases) for cases in _cases_of_units(plan).values()]
        self._asked = asked_of(plan.suite.gates, plan.arms)
        self._watches = [_watch(asked, max(sizes, default=1)) for asked in self._asked]
        self._n_cases = [0] * len(self._asked)

    def after(self, part: RunRecord) -> None:
        """One more unit that is complete, all its trials."""
        seen = view(part, n_resamples=1)
        for place, asked in enumerate(self._asked):
            worst, best, n_missing = _values(seen, asked)
            known = ~np.isnan(worst)
            cases = int(known.sum())
            if not cases:
                continue
            low, high = float(worst[known].sum()), float(best[known].sum())
            watch = self._watches[place]
            self._watches[place] = (
                watch.after_missing(low, high, n_missing=n_missing, cases=cases)
                if n_missing
                else watch.after(low, cases)
            )
            self._n_cases[place] += cases

    @property
    def are_settled(self) -> bool:
        return all(found.verdict is not Verdict.INCONCLUSIVE for found in self._judged())

    def findings(self) -> tuple[GateFindings, ...]:
        return tuple(
            decided(
                GateFindings(
                    spec=asked.spec,
                    arm_id=self._arms[asked.arm].arm_id,
                    key=self._arms[asked.arm].key,
                    against=None if asked.against is None else self._arms[asked.against].key,
                    verdict=found.verdict,
                    n_cases=n_cases,
                    is_sequential=True,
                ),
                found,
            )
            for asked, found, n_cases in zip(self._asked, self._judged(), self._n_cases, strict=True)
        )

    def _judged(self) -> tuple[gates.GateFinding, ...]:
        return sequential.judge_watches(self._watches)


def sequential_gates(run: RunRecord) -> tuple[GateFindings, ...]:
    """Of a stored run: the units from the first on, up to one that is not complete."""
    found = SequentialGates(run.plan)
    for trials in takewhile(lambda trials: _is_complete(run, trials), units_in_order(run.plan)):
        found.after(part_of(run, trials))
    return found.findings()


def units_in_order(plan: Plan) -> list[Sequence[Trial]]:
    """The measured trials of each unit, in the order in which the plan begins the units."""
    unit_of = {case.case_id: case.unit for case in plan.suite.cases}
    found: dict[tuple[bool, str], list[Trial]] = {}
    for trial in plan.trials:
        if trial.phase is Phase.MEASURED:
            found.setdefault(unit_of[trial.case_id], []).append(trial)
    return list(found.values())


def part_of(run: RunRecord, trials: Sequence[Trial]) -> RunRecord:
    """These trials and their cases as a run of their own."""
    wanted = {trial.case_id for trial in trials}
    cases = tuple(case for case in run.plan.suite.cases if case.case_id in wanted)
    plan = replace(run.plan, suite=replace(run.plan.suite, cases=cases), trials=tuple(trials))
    return replace(run, plan=plan, results={trial.trial_id: run.results[trial.trial_id] for trial in trials})


def _is_complete(run: RunRecord, trials: Sequence[Trial]) -> bool:
    return all(
        trial.trial_id in run.results and run.results[trial.trial_id].status is not Status.PENDING for trial in trials
    )


def _cases_of_units(plan: Plan) -> Mapping[tuple[bool, str], Sequence[str]]:
    found: dict[tuple[bool, str], list[str]] = {}
    for case in plan.suite.cases:
        found.setdefault(case.unit, []).append(case.case_id)
    return found


def _watch(asked: Asked, largest: int) -> sequential.Watch:
    """Of a quantile of a time: whether this share of trials is inside the limit."""
    spec = asked.spec
    wanted = requirement(spec) if spec.quantile is None else gates.at_least(spec.quantile)
    return sequential.watch(wanted, low=0.0 if asked.against is None else -1.0, high=1.0, largest=largest)


def _values(seen: RunView, asked: Asked) -> _Bounds:
    """(cases of the unit) the value that enters; NaN where the gate asks nothing of a case."""
    worst, best, n_missing = _bounds(seen, asked.spec, asked.arm)
    if asked.against is not None:
        low, high, n_more = _bounds(seen, asked.spec, asked.against)
        worst, best, n_missing = worst - high, best - low, n_missing + n_more
    return worst, best, n_missing


def _bounds(seen: RunView, spec: GateSpec, arm: int) -> _Bounds:
    sample = one_arm(seen, spec.metric, arm, spec.tag)
    if spec.quantile is not None:
        inside = np.where(np.isnan(sample.values), np.nan, sample.values <= (spec.limit or 0.0))
        sample = sample_of(inside, sample.case, sample.cluster)
    return filled(sample, 0.0).means, filled(sample, 1.0).means, sample.n_missing
