"""Why a gate is open and what would settle it, in words."""

from __future__ import annotations

import math
from collections.abc import Iterator

from evalharness.core.findings import GateFindings, Reason, Settling, Verdict
from evalharness.core.model import Demand
from evalharness.report import numbers
from evalharness.report.gate_figures import allowed, point_text


def remark(gate: GateFindings, *, n_repeats: int) -> str:
    if gate.verdict is not Verdict.INCONCLUSIVE:
        told = () if gate.spec.demand is Demand.MUST_PASS else (gate.clause, _whatever_missing(gate))
        return "; ".join(text for text in told if text)
    reason = _without_limit(gate) or gate.clause or (gate.reason.value if gate.reason else "")
    if gate.reason is Reason.MISSING:
        reason += _between_extremes(gate)
    settled = settling_text(gate.settling, n_cases=gate.n_cases, n_repeats=n_repeats)
    return "; ".join(text for text in (reason, settled) if text)


def _without_limit(gate: GateFindings) -> str:
    """Where the data give no limit on the side that decides, the interval straddles nothing."""
    if gate.reason is not Reason.NOT_ENOUGH or gate.estimate is None:
        return ""
    low, high = allowed(gate.spec)
    if high is not None and gate.estimate.upper is None:
        return "too few calls for an upper limit"
    return "too few calls for a lower limit" if low is not None and gate.estimate.lower is None else ""


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
