"""A stored run in, everything a report says about it out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

from evalharness.core.findings import Analysis, ArmFindings, Comparison, Step
from evalharness.core.record import RunRecord
from evalharness.metrics.table import Floats
from evalharness.verdict.arms import arm_findings
from evalharness.verdict.banners import banners
from evalharness.verdict.baseline_against import against_run, flips_against
from evalharness.verdict.baseline_pairing import PairedBaseline
from evalharness.verdict.baseline_trials import Kept
from evalharness.verdict.cases import flips, tag_quality
from evalharness.verdict.decision import decide
from evalharness.verdict.differences import Scores, differences, family
from evalharness.verdict.effort import effort_evidence
from evalharness.verdict.families import EXPLORATORY, Pair
from evalharness.verdict.front import front
from evalharness.verdict.gates import judge_run_gates, not_judged
from evalharness.verdict.knee import knees
from evalharness.verdict.ladder import ladders
from evalharness.verdict.notes import notes
from evalharness.verdict.observer import observer_findings
from evalharness.verdict.prices import priced
from evalharness.verdict.ratios import RATIO_METRICS, ratios
from evalharness.verdict.remarks import Found
from evalharness.verdict.routing import router
from evalharness.verdict.sequence import is_judged_in_sequence, sequential_gates
from evalharness.verdict.service import Asked, asked, right_column, service_level
from evalharness.verdict.shifted import shift, shift_against
from evalharness.verdict.spending import spendings
from evalharness.verdict.stretches import stretches
from evalharness.verdict.tags import tag_tables, tag_tables_against
from evalharness.verdict.trend import effort_trend, ordered_metrics
from evalharness.verdict.view import N_RESAMPLES, RunView, view


def analyse(run: RunRecord, *, baseline: Kept | None = None, n_resamples: int = N_RESAMPLES) -> Analysis:
    """A pure function of the run and of what is kept of the run it is compared with: the same gives the same bits.

    A run that failed, broke off or is tiny has an analysis too: what cannot be said is None or left out.
    """
    seen = view(run, n_resamples=n_resamples)
    right = right_column(seen)
    sought = asked(seen, right)
    arms = _all_arms(seen, right, sought)
    compared = _compared(seen)
    costs = [None if arm.cost_usd is None else arm.cost_usd.point for arm in arms]
    comparisons = compared.all
    decision = decide(seen, seen.suite.decision, costs)
    primary = seen.grader_ids[0]
    paired = None if baseline is None else PairedBaseline(seen, baseline)
    of_load = stretches(seen, sought)
    observer = observer_findings(seen, arms)
    remarks = Found(view=seen, arms=arms, comparisons=comparisons, stretches=of_load, observer=observer)
    return Analysis(
        kind=_kind(seen),
        primary=primary,
        grader_ids=seen.grader_ids,
        n_cases=seen.table.n_cases,
        n_clusters=seen.table.n_clusters,
        repeats=seen.table.n_repeats,
        scope=seen.settings.scope,
        seed=seen.settings.seed,
        n_resamples=seen.settings.n_resamples,
        arms=arms,
        baseline=run.plan.baseline_arm_id,
        versus_baseline=compared.versus_baseline,
        secondary=compared.secondary,
        steps=compared.steps,
        trend=effort_trend(seen, primary, compared.steps),
        ratios=compared.ratios,
        tag_quality=tag_quality(seen, primary),
        tag_cases={tag: len(cases) for tag, cases in seen.table.tags.items()},
        flips={seen.arms[pair[0]].arm_id: flips(seen, primary, pair) for pair in _against_baseline(seen)},
        decision=decision,
        banners=(*not_judged(seen), *banners(remarks)),
        notes=notes(remarks),
        n_comparisons=len({(each.metric, each.candidate, each.baseline) for each in comparisons}),
        service=None if sought is None else service_level(seen, sought, seen.all_rows),
        stretches=of_load,
        knees=knees(seen, of_load),
        observer=observer,
        ordered=ordered_metrics(seen),
        router=router(seen, primary),
        front=front(seen, primary),
        tag_effects=tag_tables(seen, primary, _against_baseline(seen)),
        shift=shift(seen, decision),
        gates=sequential_gates(run) if is_judged_in_sequence(run.plan.suite) else judge_run_gates(seen, paired),
        baseline_run=None if paired is None else paired.source,
        against_run={} if paired is None else against_run(paired),
        run_flips={} if paired is None else flips_against(paired),
        run_tag_effects={} if paired is None else tag_tables_against(paired),
        run_shift=None if paired is None else shift_against(paired, decision),
        drift=seen.drift,
        drift_sought=seen.measured_drift is not None,
    )


def _kind(seen: RunView) -> str:
    if seen.is_latency:
        return "latency"
    return "effort" if len(seen.arms) > 1 else "single"


def compare_pair(run: RunRecord, grader: str, candidate: str, baseline: str) -> Comparison | None:
    """Two arms by id on one grader, as a family of one; None where no case has a score in either arm."""
    seen = view(run, n_resamples=N_RESAMPLES)
    places = {arm.arm_id: place for place, arm in enumerate(seen.arms)}
    scores = _scores(seen, grader)
    alone = family(scores, differences(scores, [(places[candidate], places[baseline])]))
    return alone[0] if alone else None


def _all_arms(seen: RunView, right: Floats, sought: Asked | None) -> tuple[ArmFindings, ...]:
    tallies = seen.gathered.tallies
    evidence = effort_evidence(seen, tallies)
    return tuple(
        arm_findings(seen, place, tallies[arm.arm_id], evidence[arm.arm_id], spent, right, sought)
        for place, (arm, spent) in enumerate(zip(seen.arms, spendings(seen, right), strict=True))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """As the fields of the same names of ``Analysis``."""

    versus_baseline: tuple[Comparison, ...]
    secondary: Mapping[str, tuple[Comparison, ...]]
    steps: tuple[Step, ...]
    ratios: Mapping[str, Mapping[str, Comparison]]

    @property
    def all(self) -> tuple[Comparison, ...]:
        of_secondary = (each for comparisons in self.secondary.values() for each in comparisons)
        of_ratios = (each for by_arm in self.ratios.values() for each in by_arm.values())
        of_steps = (each for step in self.steps for each in (step.quality, step.time_ratio) if each is not None)
        return (*self.versus_baseline, *of_secondary, *of_ratios, *of_steps)


def _compared(seen: RunView) -> _Compared:
    pairs = _against_baseline(seen)
    primary, *others = seen.grader_ids
    by_metric = {name: ratios(seen, name, pairs) for name in RATIO_METRICS}
    secondary = {name: Scores(view=seen, grader=name, adjustment=EXPLORATORY) for name in others}
    return _Compared(
        versus_baseline=family(_scores(seen, primary), differences(_scores(seen, primary), pairs)),
        secondary={name: family(scores, differences(scores, pairs)) for name, scores in secondary.items()},
        steps=_steps(seen, primary),
        ratios={
            name: {seen.arms[pair[0]].arm_id: ratio for pair, ratio in by_pair.items()}
            for name, by_pair in by_metric.items()
            if by_pair
        },
    )


def _against_baseline(seen: RunView) -> tuple[Pair, ...]:
    baseline = next((place for place, arm in enumerate(seen.arms) if arm.arm_id == seen.run.plan.baseline_arm_id), None)
    if baseline is None:
        return ()
    return tuple((place, baseline) for place in range(len(seen.arms)) if place != baseline)


def _scores(seen: RunView, grader: str) -> Scores:
    """The margin is that of the decision rule, for the metric that it names."""
    rule = seen.suite.decision
    return Scores(view=seen, grader=grader, margin=rule.margin if rule and rule.metric == grader else None)


def _steps(seen: RunView, primary: str) -> tuple[Step, ...]:
    """Each rung of each ladder against the one below it; one family over all."""
    pairs = [(upper, lower) for rungs in ladders(seen) for lower, upper in pairwise(rungs)]
    scores = _scores(seen, primary)
    members = differences(scores, pairs)
    times = ratios(seen, "total_ms", list(members))
    steps = [
        Step(
            lower_arm=quality.baseline,
            upper_arm=quality.candidate,
            quality=quality,
            time_ratio=times.get(pair),
        )
        for pair, quality in zip(members, family(scores, members), strict=True)
    ]
    return tuple(steps) if seen.is_latency else priced(seen, dict(zip(members, steps, strict=True)))
