"""What gates demand and what came of it, in words: one object that page, Markdown, terminal, JSON and JUnit print."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from evalharness.core.findings import Analysis, GateFindings, Reason, Settling, Verdict
from evalharness.core.model import Demand, GateScope, GateSpec, Json
from evalharness.metrics.catalog import CATALOG, Unit
from evalharness.report import numbers, words
from evalharness.report.gate_figures import (
    COST_PER_CORRECT,
    ERROR_SHARE,
    Figures,
    Quantity,
    figures,
    higher_is_better,
    limit_text,
    point_text,
    quantity,
)

RULE = (
    "Every gate has to pass on every arm that it names. Each is judged by one-sided 95% bounds, which are the ends of "
    "its 90% interval, and never by the figure alone."
)
_SEQUENTIAL = "The intervals hold however often one looked at the run while it went on."
_MOST_TOLD = 2


class GateState(StrEnum):
    """What a gate, or all of them, came to. The last three are neither a pass nor a fail."""

    PASS = "pass"
    FAIL = "fail"
    NOT_ENOUGH = "not enough data"
    CANNOT_TELL = "cannot tell"
    INVALID = "invalid"


#: With these a larger run may decide; with all others it would not.
_MORE_WOULD_HELP = (Reason.NOT_ENOUGH, Reason.FEW_CASES, Reason.HOLM)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLine:
    """One gate on one arm.

    ``metric``, ``arm`` (with what it is compared with), ``demand``, ``found`` and ``interval`` (at ``level_text``;
    either is a dash where there is none), ``remark``: why it is not decided and what would settle it, or empty.
    """

    finding: GateFindings
    metric: str
    arm: str
    demand: str
    found: str
    interval: str
    level_text: str
    state: GateState
    remark: str

    @property
    def subject(self) -> str:
        """``answer of medium``"""
        return f"{self.metric} of {self.arm}" if self.arm else self.metric

    @property
    def name(self) -> str:
        """``answer of medium: at least 80%``"""
        return f"{self.subject}: {self.demand}"

    @property
    def outcome(self) -> str:
        """``pass, 86.2% (90% interval 82.1 to 89.6)``"""
        parts = [self.state.value]
        if self.found != numbers.MISSING:
            around = "" if self.interval == numbers.MISSING else f" ({self.level_text} {self.interval})"
            parts.append(f"{self.found}{around}")
        return ", ".join(parts) + (f"; {self.remark}" if self.remark else "")

    @property
    def sentence(self) -> str:
        """``answer of medium: at least 80%: pass, 86.2% (90% interval 82.1 to 89.6)``, without its full stop."""
        return f"{self.name}: {self.outcome}"

    @property
    def tone(self) -> str:
        return {GateState.PASS: "better", GateState.FAIL: "worse"}.get(self.state, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatesText:
    """``lines`` in the suite's order; none where the comparison is invalid."""

    state: GateState
    lead: str
    lines: tuple[GateLine, ...]
    rule: str

    @property
    def heading(self) -> str:
        return self.state.value.capitalize()


def gates_text(analysis: Analysis) -> GatesText | None:
    """None where the suite has no gates and nothing was to be compared."""
    invalid = analysis.baseline_run.invalid if analysis.baseline_run else ()
    if invalid:
        return GatesText(state=GateState.INVALID, lead=_not_comparable(invalid), lines=(), rule="")
    if not analysis.gates:
        return None
    lines = tuple(gate_line(gate, analysis) for gate in analysis.gates)
    rule = f"{RULE} {_SEQUENTIAL}" if any(gate.is_sequential for gate in analysis.gates) else RULE
    state = overall_state(analysis.gates)
    return GatesText(state=state, lead=_lead(state, lines), lines=lines, rule=rule)


def overall_state(gates: Sequence[GateFindings]) -> GateState:
    """One that fails, fails all; where more data would not settle one, it would not settle all."""
    states = {state_of(gate) for gate in gates}
    order = (GateState.FAIL, GateState.CANNOT_TELL, GateState.NOT_ENOUGH)
    return next((state for state in order if state in states), GateState.PASS)


def state_of(gate: GateFindings) -> GateState:
    if gate.verdict is not Verdict.INCONCLUSIVE:
        return GateState(gate.verdict.value)
    return GateState.NOT_ENOUGH if gate.reason in _MORE_WOULD_HELP else GateState.CANNOT_TELL


def gate_line(gate: GateFindings, analysis: Analysis) -> GateLine:
    found = _figures(gate)
    level = gate.estimate.level if gate.estimate else 0.90
    return GateLine(
        finding=gate,
        metric=metric_text(gate.spec),
        arm=_arm(gate, analysis),
        demand=demand_text(gate.spec),
        found=found.point,
        interval=found.interval or numbers.MISSING,
        level_text=f"{level:.0%} interval",
        state=state_of(gate),
        remark=_remark(gate, n_repeats=analysis.repeats),
    )


def _figures(gate: GateFindings) -> Figures:
    if gate.estimate is not None:
        return figures(gate.spec, gate.estimate)
    if gate.spec.demand is not Demand.MUST_PASS or gate.verdict is Verdict.INCONCLUSIVE:
        return Figures(point=numbers.MISSING, interval="")
    return Figures(point="all right" if gate.verdict is Verdict.PASS else gate.clause, interval="")


# ---------------------------------------------------------------- what is demanded


def metric_text(spec: GateSpec) -> str:
    """``answer``, ``p95 of time to first output``, ``answer in cases tagged hard``."""
    if spec.demand is Demand.MUST_PASS:
        return f"cases tagged {spec.tag}" if spec.tag else "all cases"
    text = _metric(spec)
    return f"{text} in cases tagged {spec.tag}" if spec.tag else text


def _metric(spec: GateSpec) -> str:
    if spec.metric == ERROR_SHARE:
        return "share of failed calls"
    if spec.metric == COST_PER_CORRECT:
        return "cost per right answer"
    if spec.metric not in CATALOG:
        return spec.metric
    title = CATALOG[spec.metric].title.lower()
    if spec.quantile is not None:
        return f"median {title}" if spec.quantile == 0.5 else f"p{spec.quantile * 100:g} of {title}"
    return title if spec.scope is not GateScope.ALONE and spec.metric.endswith("_ms") else f"mean {title}"


def demand_text(spec: GateSpec) -> str:
    """``at least 80%``, ``at most 2 points lower``, ``within 2 points``, ``at most 1.15× as long``."""
    limit = spec.limit or 0.0
    worse, better = ("lower", "higher") if higher_is_better(spec.metric) else ("higher", "lower")
    match spec.demand:
        case Demand.AT_LEAST:
            return f"at least {limit_text(spec, limit)}"
        case Demand.AT_MOST:
            return f"at most {limit_text(spec, limit)}"
        case Demand.NON_INFERIOR:
            return f"at most {numbers.in_points(limit)} {worse}" if limit else f"not {worse}"
        case Demand.EQUIVALENT:
            return f"within {numbers.in_points(limit)}"
        case Demand.IMPROVED:
            return better if quantity(spec) is Quantity.POINTS else _times_better(spec, better)
        case Demand.RATIO_AT_MOST:
            return f"at most {limit_text(spec, limit)} as {_as(spec)}"
    return "every repeat right"


def _times_better(spec: GateSpec, better: str) -> str:
    return "shorter" if _as(spec) == "long" else better


def _as(spec: GateSpec) -> str:
    is_time = spec.metric in CATALOG and CATALOG[spec.metric].unit is Unit.MS
    return "long" if is_time else "much"


def _arm(gate: GateFindings, analysis: Analysis) -> str:
    """``low against high``, ``medium against the baseline run``; empty for the only arm of a run."""
    arm = "" if len(analysis.arms) == 1 else words.spoken(analysis.arm(gate.arm_id))
    if gate.spec.scope is GateScope.ALONE:
        return arm
    other = "the baseline run"
    if gate.spec.scope is GateScope.ARMS and gate.against is not None:
        other = _named(gate.against, analysis)
    return f"{arm or 'this run'} against {other}"


def _named(key: Mapping[str, Json], analysis: Analysis) -> str:
    """The arm with these axis values; by the values where the run has no such arm."""
    known = next((arm for arm in analysis.arms if dict(arm.key) == dict(key)), None)
    return words.spoken(known) if known else ", ".join(str(value) for value in key.values())


# ---------------------------------------------------------------- why not, and what would settle it


def _remark(gate: GateFindings, *, n_repeats: int) -> str:
    if gate.verdict is not Verdict.INCONCLUSIVE:
        return "" if gate.spec.demand is Demand.MUST_PASS else gate.clause or _whatever_missing(gate)
    reason = gate.clause or (gate.reason.value if gate.reason else "")
    if gate.reason is Reason.MISSING:
        reason += _between_extremes(gate)
    settled = settling_text(gate.settling, n_cases=gate.n_cases, n_repeats=n_repeats)
    return "; ".join(text for text in (reason, settled) if text)


def _whatever_missing(gate: GateFindings) -> str:
    """A verdict beside missing calls says that it holds for all that they could have been."""
    if not gate.n_missing:
        return ""
    return f"whatever the {numbers.plural(gate.n_missing, 'missing call')} had been"


def _between_extremes(gate: GateFindings) -> str:
    if gate.worst is None or gate.best is None:
        return ""
    worst, best = point_text(gate.spec, gate.worst), point_text(gate.spec, gate.best)
    return f": {worst} with all against it, {best} with all for it"


def settling_text(settling: Settling | None, *, n_cases: int, n_repeats: int) -> str:
    """``about 240 more cases, or 4 repeats instead of 1, would settle it``; empty where nothing can be said."""
    if settling is None:
        return ""
    if settling.near_limit:
        return "cannot be settled near the limit, the figure lies too close to it"
    ways = list(_ways(settling, n_cases, n_repeats))
    text = f"about {', or '.join(ways)}{',' if len(ways) > 1 else ''} would settle it" if ways else ""
    if settling.cases_at_most_repeats is not None:
        alone = "no number of repeats would"
        text = f"{text}, {alone}" if text else f"{alone} settle it"
    return text


def _ways(settling: Settling, n_cases: int, n_repeats: int) -> Iterator[str]:
    if settling.cases is not None:
        more = max(1, settling.cases - n_cases)
        yield f"{numbers.count(_two_digits(more))} more {'case' if more == 1 else 'cases'}"
    if settling.repeats is not None:
        yield f"{numbers.count(settling.repeats)} repeats instead of {numbers.count(n_repeats)}"


def _two_digits(needed: int) -> int:
    """What a forecast of a sample size is worth."""
    return round(needed, 1 - math.floor(math.log10(needed))) if needed >= 100 else needed


# ---------------------------------------------------------------- all gates together


def _lead(state: GateState, lines: Sequence[GateLine]) -> str:
    """How many of how many, and the sentences of those that decide it."""
    if state is GateState.PASS:
        return _sentence(lines[0]) if len(lines) == 1 else f"All {len(lines)} gates pass."
    telling = [line for line in lines if line.state is state]
    told = [_sentence(line) for line in telling[:_MOST_TOLD]]
    if len(telling) > _MOST_TOLD:
        told.append(f"The other {len(telling) - _MOST_TOLD} are in the table.")
    counted = [f"{_counted(lines, state)}."] if len(lines) > 1 else []
    return " ".join([*counted, *told])


def _counted(lines: Sequence[GateLine], state: GateState) -> str:
    """``1 of 5 gates fails, 1 is open``"""
    n_fail = sum(line.state is GateState.FAIL for line in lines)
    n_open = sum(line.state not in (GateState.PASS, GateState.FAIL) for line in lines)
    if state is GateState.FAIL:
        also = f", {n_open} {'is' if n_open == 1 else 'are'} open" if n_open else ""
        return f"{n_fail} of {len(lines)} gates {'fails' if n_fail == 1 else 'fail'}{also}"
    return f"No gate fails, but {n_open} of {len(lines)} {'is' if n_open == 1 else 'are'} open"


def _not_comparable(reasons: Sequence[str]) -> str:
    return f"The two runs cannot be compared: {'; '.join(reason.rstrip('.') for reason in reasons)}."


def _sentence(line: GateLine) -> str:
    """A grader's id that is no plain word stays as it is."""
    first, _, rest = line.sentence.partition(" ")
    return f"{words.name_first(first)} {rest}."
