"""How large a run has to be: cases and repeats for a difference, from assumptions or from a pilot run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from evalharness.core.errors import UsageError
from evalharness.core.ids import content_id
from evalharness.core.model import GateScope, GateSpec, Phase, Plan
from evalharness.plan.forecast import Forecast
from evalharness.stats.cheapest import Bounds, Design, Price, cheapest_design, sharpest_design
from evalharness.stats.peeking import Peeking, Sought, cost_of_peeking
from evalharness.stats.pilot import Pilot, pilot_of
from evalharness.stats.plan_check import SimulatedPower, Truth, simulated_power
from evalharness.stats.planning import (
    MILLER,
    Odds,
    Spread,
    cases_for,
    cluster_inflation,
    detectable_difference,
    repeats_for,
)
from evalharness.stats.quantiles import fewest_for_upper
from evalharness.store import load
from evalharness.verdict.gate_evidence import requirement
from evalharness.verdict.sequence import is_judged_in_sequence
from evalharness.verdict.view import RunView, view

#: Repeats for which the number of cases is given, beside those of the suite.
REPEATS_SHOWN = (1, 2, 3, 5, 10)
#: A plan is checked in about a second: cases simulated in all runs together, and how many runs that may be.
SIMULATED_CASES = 4_000_000
FEWEST_RUNS, MOST_RUNS = 200, 2_000
SEED = 1
#: Two one-sided 95% bounds: what a limit is judged by.
GATE_LEVEL = 0.90


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeRequest:
    """``difference`` to be found, on the scale of the primary score; None: only what the plan as it is finds.
    ``pilot``: the folder of a run that the variances are taken from; None: they are assumed."""

    difference: float | None = None
    power: float = 0.8
    pilot: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PilotUsed:
    """``candidate`` and ``baseline``: labels of the two arms whose differences spread most, of the ``n_pairs`` that
    plan and pilot have in common. ``repeats``: those of the pilot's plan."""

    run_id: str
    suite: str
    candidate: str
    baseline: str
    n_pairs: int
    repeats: int
    found: Pilot


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """``n_cases`` that show the difference with so many repeats, None for more than a billion. ``n_calls`` of all arms
    and their expected cost are None where time ends the run, or without prices."""

    repeats: int
    n_cases: int | None
    n_calls: int | None
    expected_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What it takes to find ``difference``.

    ``repeats_enough``: on the plan's own cases, None where no number of repeats is. ``cheapest``: the design with the
    fewest calls, ``check`` its power in simulated runs (None where no right-or-wrong answers spread as planned).
    ``in_budget``: whether the suite's budget allows it, None without one; where not, ``affordable`` is the sharpest
    design that the budget does allow (None: none), and ``affordable_difference`` what that finds.
    """

    difference: float
    needs: tuple[Need, ...]
    repeats_enough: int | None
    cheapest: Design | None
    check: SimulatedPower | None
    in_budget: bool | None
    affordable: Design | None
    affordable_difference: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuantileNeed:
    """Trials, each of a case of its own, without which a limit on a quantile cannot be shown to hold."""

    metric: str
    quantile: float
    n_cases: int


@dataclass(frozen=True, slots=True, kw_only=True)
class GatePeeking:
    """What it costs a gate to be judged while the run goes on. ``n_units``: of the plan, all that it asks something of,
    reserve included; ``cost`` is told for those that are drawn at first. Units are cases, or clusters of them."""

    number: int
    gate: str
    n_units: int
    cost: Peeking


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizing:
    """What the plan as it is finds (``smallest_difference``, None for a single arm), and what it takes for more.

    ``odds.comparisons``: those with the baseline. ``quantiles``: the needs that the plan's cases do not meet.
    ``peeking``: one for each gate of a run that may end early, empty for other runs.
    """

    odds: Odds
    spread: Spread
    smallest_difference: float | None
    target: Target | None
    pilot: PilotUsed | None
    quantiles: tuple[QuantileNeed, ...]
    peeking: tuple[GatePeeking, ...] = ()


def sizing(plan: Plan, forecast: Forecast, request: SizeRequest) -> Sizing:
    """Raises ``UsageError`` where the pilot cannot tell, ``StoreError`` where it cannot be read."""
    pilot = None if request.pilot is None else _pilot(plan, request.pilot)
    spread = _spread(plan, pilot)
    odds = Odds(power=request.power, comparisons=max(1, len(plan.arms) - 1))
    suite = plan.suite
    finds = detectable_difference(len(suite.cases), suite.repeats, spread=spread, odds=odds)
    return Sizing(
        odds=odds,
        spread=spread,
        smallest_difference=finds if len(plan.arms) > 1 else None,
        target=None
        if request.difference is None
        else _Sizer(plan, forecast, spread, odds, pilot).target(request.difference),
        pilot=pilot,
        quantiles=_quantiles(plan),
        peeking=_peeking(plan, spread, request.power),
    )


def _spread(plan: Plan, pilot: PilotUsed | None) -> Spread:
    """Without a pilot that tells more, the cases of a cluster count as one."""
    sizes = list(Counter(case.cluster or (case.case_id,) for case in plan.suite.cases).values())
    correlation = None if pilot is None else pilot.found.cluster_correlation_limit
    spread = MILLER.spread if pilot is None else pilot.found.planned
    if plan.suite.analysis.scope == "suite":
        # These cases only: how others would differ does not matter. With one repeat all may be noise.
        known = pilot is None or pilot.found.cautious is not None
        spread = replace(spread, between=0.0, within=spread.within if known else spread.between)
        correlation = 0.0
    return replace(spread, inflation=cluster_inflation(sizes, 1.0 if correlation is None else correlation))


class _Sizer:
    """Answers for one plan; what they share."""

    def __init__(self, plan: Plan, forecast: Forecast, spread: Spread, odds: Odds, pilot: PilotUsed | None) -> None:
        self._suite = plan.suite
        self._spread, self._odds = spread, odds
        self._pilot = pilot
        n_measured = sum(trial.phase is Phase.MEASURED for trial in plan.trials)
        one = n_measured / len(plan.trials) / len(plan.suite.cases) / plan.suite.repeats
        #: Of one repeat of one case in all arms; None where time ends the run, and without prices.
        self._calls = forecast.n_calls * one if forecast.is_counted else None
        self._usd = forecast.expected_usd * one if forecast.is_counted and forecast.expected_usd is not None else None

    def target(self, difference: float) -> Target:
        cheapest = cheapest_design(difference, spread=self._spread, odds=self._odds)
        inside = None if cheapest is None else self._in_budget(cheapest)
        affordable = self._affordable() if inside is False else None
        return Target(
            difference=difference,
            needs=tuple(self._need(difference, repeats) for repeats in self._repeats_shown()),
            repeats_enough=repeats_for(difference, len(self._suite.cases), spread=self._spread, odds=self._odds),
            cheapest=cheapest,
            check=None if cheapest is None else self._checked(cheapest, difference),
            in_budget=inside,
            affordable=affordable,
            affordable_difference=None if affordable is None else self._finds(affordable),
        )

    def _repeats_shown(self) -> list[int]:
        """Of repeats that a pilot with one cannot tell of nothing is shown."""
        if self._spread.within == 0:
            return [1]
        return sorted({*REPEATS_SHOWN, self._suite.repeats})

    def _need(self, difference: float, repeats: int) -> Need:
        n_cases = cases_for(difference, repeats, spread=self._spread, odds=self._odds)
        trials = None if n_cases is None else n_cases * repeats
        return Need(
            repeats=repeats,
            n_cases=n_cases,
            n_calls=None if trials is None or self._calls is None else round(trials * self._calls),
            expected_usd=None if trials is None or self._usd is None else trials * self._usd,
        )

    def _finds(self, design: Design) -> float:
        return detectable_difference(design.n_cases, design.repeats, spread=self._spread, odds=self._odds)

    def _in_budget(self, design: Design) -> bool | None:
        bounds, price = self._budget()
        if bounds.calls is None and bounds.cost is None:
            return None
        return design.n_cases <= bounds.most_cases(design.repeats, price)

    def _affordable(self) -> Design | None:
        bounds, price = self._budget()
        return sharpest_design(spread=self._spread, bounds=bounds, price=price)

    def _budget(self) -> tuple[Bounds, Price]:
        """Limits that cannot be held against the calls, for want of a number or of prices, are no bounds."""
        budget = self._suite.budget
        bounds = Bounds(
            calls=None if self._calls is None else budget.max_calls,
            cost=None if not self._usd else budget.max_cost_usd,
            calls_per_repeat=self._calls or 1.0,
        )
        return bounds, Price(repeat=self._usd or 1.0)

    def _checked(self, design: Design, difference: float) -> SimulatedPower | None:
        """Of independent cases: where they are in clusters, of as many as they are worth."""
        n_cases = round(design.n_cases / self._spread.inflation)
        n_runs = min(MOST_RUNS, max(FEWEST_RUNS, SIMULATED_CASES // n_cases))
        if n_cases * n_runs > 10 * SIMULATED_CASES:
            return None
        share = MILLER.share if self._pilot is None else self._pilot.found.share
        truth = Truth(share=share, difference=difference, spread=self._spread)
        independent = Design(n_cases=n_cases, repeats=design.repeats)
        return simulated_power(independent, truth, self._odds, n_runs=n_runs, seed=SEED)


def _pilot(plan: Plan, folder: Path) -> PilotUsed:
    """Of the pairs with the baseline that the pilot has too, the one that needs the most cases."""
    run = load.load(folder)
    seen = view(run)
    grader = plan.suite.graders[0].grader_id
    if grader not in seen.grader_ids:
        hint = f"its graders are {', '.join(seen.grader_ids)}"
        raise UsageError(f"the pilot {folder} has no grader '{grader}', the primary one of the suite", hint=hint)
    pairs = _common_pairs(plan, seen)
    if not pairs:
        labels = "; ".join(arm.label for arm in seen.arms)
        hint = f"its arms are: {labels}. Needed are the baseline and another arm of the suite, with the same axes"
        raise UsageError(f"the pilot {folder} has no two arms of this plan", hint=hint)
    found = {pair: pilot_of(seen.scores(grader, pair[0]), seen.scores(grader, pair[1])) for pair in pairs}
    known = {pair: each for pair, each in found.items() if each is not None}
    if not known:
        hint = "let it end first, or take another run"
        raise UsageError(f"the pilot {folder} has fewer than two cases that both arms scored", hint=hint)
    widest = max(known, key=lambda pair: known[pair].planned.of_case(plan.suite.repeats))
    return PilotUsed(
        run_id=run.manifest.run_id,
        suite=run.plan.suite.name,
        candidate=seen.arms[widest[0]].label,
        baseline=seen.arms[widest[1]].label,
        n_pairs=len(known),
        repeats=run.plan.suite.repeats,
        found=known[widest],
    )


def _common_pairs(plan: Plan, seen: RunView) -> list[tuple[int, int]]:
    """(candidate, baseline) as places of the pilot's arms; arms of two runs pair by their values on the axes."""
    places = {content_id(dict(arm.key)): place for place, arm in enumerate(seen.arms)}
    of_plan = {arm.arm_id: places.get(content_id(dict(arm.key))) for arm in plan.arms}
    baseline = None if plan.baseline_arm_id is None else of_plan.pop(plan.baseline_arm_id)
    if baseline is None:
        return []
    return [(place, baseline) for place in of_plan.values() if place is not None]


def _quantiles(plan: Plan) -> tuple[QuantileNeed, ...]:
    limits = () if plan.suite.decision is None else plan.suite.decision.limits
    needs = [
        QuantileNeed(metric=limit.metric, quantile=limit.quantile, n_cases=fewest_for_upper(limit.quantile, GATE_LEVEL))
        for limit in limits
        if limit.quantile is not None
    ]
    return tuple(need for need in needs if need.n_cases > len(plan.suite.cases))


def _peeking(plan: Plan, spread: Spread, power: float) -> tuple[GatePeeking, ...]:
    """Of gates that the drawn cases, judged once, would show at some truth."""
    if not is_judged_in_sequence(plan.suite):
        return ()
    found = []
    for spec in plan.suite.gates:
        asked = [case for case in plan.suite.cases if spec.tag is None or spec.tag in case.tags]
        n_first = len({case.unit for case in asked if not case.is_reserve})
        cost = cost_of_peeking(_sought(spec, plan, spread), n_first, power=power, seed=SEED) if n_first else None
        if cost is not None:
            name = " ".join(part for part in (spec.metric, spec.demand.value, spec.tag) if part)
            n_units = len({case.unit for case in asked})
            found.append(GatePeeking(number=spec.number, gate=name, n_units=n_units, cost=cost))
    return tuple(found)


def _sought(spec: GateSpec, plan: Plan, spread: Spread) -> Sought:
    """The claim that a pass has to show; of two limits the lower one. Of a quantile: the share of times inside."""
    alone = spec.scope is GateScope.ALONE
    if spec.quantile is not None:
        return Sought(limit=spec.quantile, above=True, low=0.0, high=1.0, variance=_share_variance(plan))
    claim = requirement(spec).passes_if[0]
    repeats = plan.suite.repeats

    def of_difference(mean: float) -> float:
        return min(spread.at(abs(mean)).of_case(repeats), 1 - mean**2)

    variance = _share_variance(plan) if alone else of_difference
    return Sought(limit=claim.limit, above=claim.above, low=0.0 if alone else -1.0, high=1.0, variance=variance)


def _share_variance(plan: Plan) -> Callable[[float], float]:
    """Of the mean of a case's repeats, two of which agree as is assumed without a pilot."""
    less = MILLER.agreement + (1 - MILLER.agreement) / plan.suite.repeats
    return lambda share: share * (1 - share) * less
