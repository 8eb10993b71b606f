"""Which arm to use, by the rule of the suite, and what would settle it where nothing can be said.

``cheapest_within_margin``: of the arms shown to be at most the margin worse than any other, the cheapest;
``best_within_limits``: of these the one with the highest mean score; ``best_value``: the one that is worth most less
what it costs, with no margin.

All pairs of arms are compared with joint 95% intervals, so that picking the best needs no further correction: the
arm to use is worse than the best by more than the margin in at most 5% of runs (statistics: Decision).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evalharness.core.findings import ArmStanding, Decision, Outcome, Standing
from evalharness.core.model import DecisionRule, Status
from evalharness.verdict.field import Field, field
from evalharness.verdict.limits import keeps
from evalharness.verdict.reading import FEWEST_CLUSTERS
from evalharness.verdict.settling import settling
from evalharness.verdict.view import RunView
from evalharness.verdict.worth import worth, worth_field

CHEAPEST, BEST, BEST_VALUE = "cheapest_within_margin", "best_within_limits", "best_value"
UNKNOWN_COST = "the cost of an arm that could be used is unknown"


def decide(view: RunView, rule: DecisionRule | None, cost_usd: Sequence[float | None]) -> Decision:
    """``cost_usd``: mean per trial by arm. Without a rule, or with a single arm, there is nothing to decide.

    Without a single score nothing is said of any arm: a limit on times that failures broke would read as a verdict.
    Raises ``ValueError`` for a rule or metric that the suite's parser should have refused.
    """
    if rule is None or len(view.arms) < 2:
        return Decision(outcome=Outcome.NO_RULE)
    if rule.rule not in (CHEAPEST, BEST, BEST_VALUE) or rule.metric not in view.grader_ids:
        raise ValueError(f"no decision by {rule.rule} on {rule.metric}")
    if np.isnan(view.table.scores[rule.metric]).all():
        return Decision(outcome=Outcome.NO_CLEAR_WINNER, rule=rule, held_back="no call was scored")
    kept = [keeps(view, arm, rule.limits) for arm in range(len(view.arms))]
    between = (worth_field if rule.rule == BEST_VALUE else field)(view, rule, [state for state, _ in kept])
    standings = []
    for arm, (state, limit) in enumerate(kept):
        if state is False:
            standings.append(ArmStanding(arm_id=view.arms[arm].arm_id, standing=Standing.INELIGIBLE, limit=limit))
        else:
            standings.append(replace(_standing(view, between, arm), limit=limit))
    return _outcome(view, rule, between, tuple(standings), cost_usd)


def _standing(view: RunView, between: Field, arm: int) -> ArmStanding:
    """With the rival that decides it: the one that excludes the arm, that would settle it, or that comes closest."""
    beaten_by = [rival for rival in between.rivals(arm) if between.excludes(rival, arm)]
    standing = _state(between, arm)
    if standing is Standing.UNDECIDED:
        found = settling(view, between, arm)
        against, cases = (found.rival, found.cases) if found else (None, None)
    else:
        nearest = {rival: between.lower(arm, rival) for rival in beaten_by or between.rivals(arm)}
        known = {rival: lower for rival, lower in nearest.items() if lower is not None}
        against, cases = min(known, key=lambda rival: known[rival], default=None), None
    return ArmStanding(
        arm_id=view.arms[arm].arm_id,
        standing=standing,
        against=None if against is None else view.arms[against].arm_id,
        gap=None if against is None else between.gaps.get((arm, against)),
        cases_to_settle=cases,
    )


def _state(between: Field, arm: int) -> Standing:
    rivals = between.rivals(arm)
    if any(between.excludes(rival, arm) for rival in rivals):
        return Standing.EXCLUDED
    shown = arm in between.eligible and all(between.within(arm, rival) for rival in rivals)
    return Standing.ADMISSIBLE if shown else Standing.UNDECIDED


def _outcome(
    view: RunView,
    rule: DecisionRule,
    between: Field,
    standings: tuple[ArmStanding, ...],
    cost_usd: Sequence[float | None],
) -> Decision:
    by_standing = {
        wanted: [arm for arm, standing in enumerate(standings) if standing.standing is wanted] for wanted in Standing
    }
    admissible, possible = by_standing[Standing.ADMISSIBLE], by_standing[Standing.UNDECIDED]
    held_back = _held_back(view, rule, between, admissible, cost_usd)
    if admissible and held_back is None:
        chosen = _cheapest(admissible, cost_usd) if rule.rule == CHEAPEST else _best(view, rule, admissible, cost_usd)
        outcome = Outcome.USE
    else:
        chosen = _cheapest([*admissible, *possible], cost_usd)
        outcome = Outcome.NO_CLEAR_WINNER
    return Decision(
        outcome=outcome,
        rule=rule,
        arm_id=None if chosen is None else view.arms[chosen].arm_id,
        standings=standings,
        held_back=held_back,
    )


def _held_back(
    view: RunView, rule: DecisionRule, between: Field, admissible: Sequence[int], cost_usd: Sequence[float | None]
) -> str | None:
    """Why nothing is chosen although some arm is admissible, or might be if the run were finished or whole."""
    if not admissible and view.table.has_status(Status.PENDING).any():
        return "the run is not finished"
    if between.contenders and view.table.n_clusters < FEWEST_CLUSTERS:
        return _too_few(view)
    if rule.rule == BEST_VALUE and any(cost_usd[arm] is None for arm in between.contenders):
        return UNKNOWN_COST
    if not admissible:
        observed = replace(between, worst=between.gaps)
        would = any(_state(observed, arm) is Standing.ADMISSIBLE for arm in between.contenders)
        return "missing trials decide" if would else None
    unpriced = any(cost_usd[arm] is None for arm in admissible)
    return UNKNOWN_COST if rule.rule == CHEAPEST and unpriced else None


def _too_few(view: RunView) -> str:
    n_cases, n_clusters = view.table.n_cases, view.table.n_clusters
    have = f"only {n_cases}" if n_cases == n_clusters else f"{n_cases} in only {n_clusters} independent groups"
    return f"a rule needs {FEWEST_CLUSTERS} independent cases and the run has {have}"


def _cheapest(arms: Sequence[int], cost_usd: Sequence[float | None]) -> int | None:
    """The lowest mean cost, the first of equals; None where no cost is known."""
    priced = [(cost, arm) for arm in arms if (cost := cost_usd[arm]) is not None]
    return min(priced)[1] if priced else None


def _best(view: RunView, rule: DecisionRule, arms: Sequence[int], cost_usd: Sequence[float | None]) -> int:
    """The highest mean of what the rule asks for; of equals the cheaper, then the first."""
    if rule.rule == BEST_VALUE:
        samples = worth(view, rule).observed
    else:
        samples = [view.scores(rule.metric, arm) for arm in range(len(view.arms))]
    means = {arm: float(np.nanmean(samples[arm].means)) for arm in arms}
    prices = {arm: math.inf if (cost := cost_usd[arm]) is None else cost for arm in arms}
    return min(arms, key=lambda arm: (-means[arm], prices[arm], arm))
