"""What ``plan`` says of the size of a run, in words that hold: for whoever decides by them."""

from __future__ import annotations

from collections.abc import Iterator

from evalharness.app.sizing import GatePeeking, Need, PilotUsed, Sizing, Target
from evalharness.core.model import Plan
from evalharness.stats.cheapest import Design
from evalharness.stats.peeking import MOST_TIMES
from evalharness.stats.planning import MILLER

#: Cases of a pilot below which its variances are hardly known.
FEW_CASES = 20


def sizing_lines(found: Sizing, plan: Plan) -> Iterator[str]:
    if found.smallest_difference is not None:
        yield (
            f"Differences of {_points(found.smallest_difference)} or more {_against(plan)} are found {_terms(found)}."
        )
        yield from _margin_lines(found, plan)
    if found.target is not None:
        yield from _target_lines(found.target, found, plan)
    if found.smallest_difference is not None or found.target is not None:
        yield from _basis_lines(found, plan)
    yield from _peeking_lines(found)
    for need in found.quantiles:
        yield (
            f"A limit on the {need.quantile:g} quantile of {need.metric} cannot be shown to hold with fewer than"
            f" {need.n_cases:,} cases, however fast they are; the plan has {len(plan.suite.cases):,}."
        )


def _peeking_lines(found: Sizing) -> Iterator[str]:
    """What it costs that a run may end as soon as its gates are settled."""
    if not found.peeking:
        return
    yield "Judged while the run goes on, so that it may end early: it costs cases near a limit and saves them far off."
    for gate in found.peeking:
        yield f"  gate {gate.number} ({gate.gate}): {_peeking_line(gate)}"
    yield (
        f"  By simulation of {found.peeking[0].cost.n_runs:,} sequences for each gate, at the truth where the number"
        f" fixed beforehand passes in {_percent(found.odds.power)} of runs. To look often at an interval made for a"
        " fixed number would cost no cases, and err far more often than the 5% stated."
    )


def _peeking_line(gate: GatePeeking) -> str:
    cost = gate.cost
    fixed = (
        f"where {cost.n_fixed:,} cases fixed beforehand pass, {_percent(round(cost.shown_by_fixed, 2))} of sequences"
    )
    half = "fewer than half" if cost.n_half is None else f"half after {cost.n_half:,}"
    if cost.n_power is None:
        rest = f"{half}, and not {_percent(cost.power)} within {MOST_TIMES} times as many"
    else:
        times = cost.n_power / cost.n_fixed
        rest = f"{half} and {_percent(cost.power)} after {cost.n_power:,} ({times:.1f} times as many)"
    return f"{fixed} have by then; {rest}; the plan has {gate.n_units:,}"


def _against(plan: Plan) -> str:
    if len(plan.arms) == 1:
        return "between two runs of this suite"
    return "between the two arms" if len(plan.arms) == 2 else "between an arm and the baseline"


def _terms(found: Sizing) -> str:
    at_once = f" for {found.odds.comparisons} comparisons at once" if found.odds.comparisons > 1 else ""
    return f"in {_percent(found.odds.power)} of runs, by 95% intervals{at_once}"


def _margin_lines(found: Sizing, plan: Plan) -> Iterator[str]:
    """A warning where the decision rule has a margin, and asks for more than the design can show."""
    from evalharness.stats.planning import cases_for

    rule, smallest = plan.suite.decision, found.smallest_difference
    if rule is None or smallest is None or not rule.margin or rule.margin >= smallest:
        return
    n_cases = cases_for(rule.margin, plan.suite.repeats, spread=found.spread, odds=found.odds)
    needed = f"about {_rounded(n_cases):,} cases would" if n_cases else "no number of cases would"
    yield (
        f"The decision rule's margin of {100 * rule.margin:g} points is smaller: arms that are close will stay too"
        f" close to tell; {needed} show it."
    )


def _target_lines(target: Target, found: Sizing, plan: Plan) -> Iterator[str]:
    yield ""
    yield f"To find a difference of {_points(target.difference)} {_against(plan)} {_terms(found)}:"
    yield f"{'repeats':>9} {'cases':>13} {'calls':>15} {'cost, expected':>15}"
    yield from (_need_line(need) for need in target.needs)
    yield _own_cases_line(target, found, plan)
    if target.cheapest is not None:
        yield (
            f"The fewest calls: {_design(target.cheapest)}. For the same number of calls a new case tells more than"
            " another repeat; repeat where cases are scarce."
        )
    if target.check is not None and target.cheapest is not None:
        yield (
            f"Checked by simulation of {target.check.n_runs:,} runs of {_design(target.cheapest)}: the difference was"
            f" found in {100 * target.check.power:.0f}% of them, give or take {196 * target.check.error:.0f}."
        )
    yield from _budget_lines(target)


def _need_line(need: Need) -> str:
    if need.n_cases is None:
        return f"{need.repeats:9,} {'over a billion':>13}"
    calls = "time ends it" if need.n_calls is None else f"{need.n_calls:,}"
    cost = "unknown" if need.expected_usd is None else f"${need.expected_usd:,.2f}"
    return f"{need.repeats:9,} {need.n_cases:13,} {calls:>15} {cost:>15}"


def _own_cases_line(target: Target, found: Sizing, plan: Plan) -> str:
    suite, enough = plan.suite, target.repeats_enough
    own = f"The plan has {len(suite.cases):,} cases × {_repeats(suite.repeats)}"
    if enough is not None and enough <= suite.repeats:
        return f"{own}: that is enough."
    if enough is not None:
        return f"{own}: too few; on these cases it takes {_repeats(enough)}."
    if found.spread.within == 0:
        return f"{own}: too few cases; what more repeats would do, the pilot cannot tell."
    return f"{own}: too few, and on these cases no number of repeats is enough. It takes more cases."


def _budget_lines(target: Target) -> Iterator[str]:
    if target.in_budget is None:
        return
    if target.in_budget:
        yield "The suite's budget allows that."
    elif target.affordable is None or target.affordable_difference is None:
        yield "The suite's budget does not allow that, nor any comparison."
    else:
        yield (
            f"The suite's budget does not allow that: at most {_design(target.affordable)}, which finds differences of"
            f" {_points(target.affordable_difference)} or more."
        )


def _basis_lines(found: Sizing, plan: Plan) -> Iterator[str]:
    if found.pilot is not None:
        yield from _pilot_lines(found.pilot)
    else:
        yield (
            "Assumed, for want of a pilot: answers are right or wrong, half of them right; two answers of one arm to"
            f" a case correlate by {MILLER.agreement:.2f}, how hard cases are by {MILLER.correlation:.2f} between arms."
            " Efforts of one model are often more alike, and then fewer cases do: --pilot RUN measures it."
        )
    if found.spread.inflation >= 1.05:
        yield f"Cases in clusters tell less: about {found.spread.inflation:.1f} are counted as one."
    if plan.suite.analysis.scope == "suite":
        yield "Scope suite: the cases stand for themselves alone, and how others would differ is left out."


def _pilot_lines(pilot: PilotUsed) -> Iterator[str]:
    found = pilot.found
    yield (
        f"Variances from the pilot {pilot.run_id} of {pilot.suite}, {pilot.candidate} against {pilot.baseline}"
        f"{' (the pair that varies most)' if pilot.n_pairs > 1 else ''}, {found.n_cases:,} cases:"
    )
    if found.spread is None or found.cautious is None:
        limit = f"{found.variance_limit:.3f}, the upper 80% limit"
        yield f"  of a case's difference {found.variance:.3f}; planned with {limit}."
        yield (
            "  The pilot has one repeat, so that how cases differ and how answers to one case differ cannot be told"
            " apart, and nothing is promised of more repeats. A pilot with 2 repeats or more would tell."
        )
    else:
        yield (
            f"  between cases {found.spread.between:.3f}, of single answers {found.spread.within:.3f}; planned with the"
            f" upper 80% limits, {found.cautious.between:.3f} and {found.cautious.within:.3f}."
        )
    if found.n_clusters < FEW_CASES:
        yield (
            f"  {found.n_clusters} independent cases are a small pilot: its variances may be far off, and the numbers"
            " above with them."
        )


def _design(design: Design) -> str:
    return f"{design.n_cases:,} cases × {_repeats(design.repeats)}"


def _repeats(count: int) -> str:
    return "1 repeat" if count == 1 else f"{count:,} repeats"


def _points(difference: float) -> str:
    points = f"{100 * difference:.2g}" if difference < 0.1 else f"{100 * difference:.0f}"
    return f"{points} point" + ("" if points == "1" else "s")


def _percent(share: float) -> str:
    return f"{100 * share:.4g}%"


def _rounded(count: int) -> int:
    """To two digits: no more of it is known."""
    return round(count, 2 - len(str(count)))
