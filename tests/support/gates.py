"""Findings of gates made by hand, one for each way they can end, on the arms of a run that was analysed."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from evalharness.core.findings import (
    Analysis,
    BaselineSource,
    Estimate,
    GateFindings,
    Reason,
    Settling,
    Verdict,
)
from evalharness.core.model import Demand, GateScope, GateSpec, Status
from evalharness.core.record import RunRecord
from tests.support.reports import analysed

LOW, MEDIUM, HIGH = ({"reasoning.effort": effort} for effort in ("low", "medium", "high"))


def estimate(point: float, lower: float | None, upper: float | None, unit: str = "share") -> Estimate:
    return Estimate(point=point, lower=lower, upper=upper, method="by hand", n=120, unit=unit, level=0.90)


def spec(demand: Demand, limit: float | None = None, *, metric: str = "answer", **more: object) -> GateSpec:
    return GateSpec(number=1, demand=demand, metric=metric, limit=limit, **more)


def finding(spec: GateSpec, verdict: Verdict, key: dict[str, str] = MEDIUM, **more: object) -> GateFindings:
    """Of the arm of the sweep that has ``key``."""
    _, analysis = analysed("sweep")
    arm = next(arm for arm in analysis.arms if dict(arm.key) == key)
    return GateFindings(spec=spec, arm_id=arm.arm_id, key=key, verdict=verdict, n_cases=120, **more)


@cache
def gate_kinds() -> dict[str, GateFindings]:
    """A finding for each way that a gate can end, by name."""
    at_least = spec(Demand.AT_LEAST, 0.8)
    arms = {"scope": GateScope.ARMS, "arm": LOW, "to": HIGH}
    non_inferior = spec(Demand.NON_INFERIOR, 0.02, **arms)
    tail = spec(Demand.AT_MOST, 2500.0, metric="ttfo_ms", quantile=0.95)
    missing = {"n_missing": 3, "reason": Reason.MISSING, "clause": "3 missing calls decide"}
    extremes = {"worst": estimate(0.7812, 0.741, 0.815), "best": estimate(0.8621, 0.83, 0.889)}
    return {
        "pass": finding(at_least, Verdict.PASS, estimate=estimate(0.862, 0.821, 0.896)),
        "fail": finding(
            non_inferior, Verdict.FAIL, LOW, against=HIGH, estimate=estimate(-0.061, -0.0902, -0.0321), p_fail=0.001
        ),
        "open": finding(
            at_least,
            Verdict.INCONCLUSIVE,
            LOW,
            estimate=estimate(0.813, 0.771, 0.848),
            reason=Reason.NOT_ENOUGH,
            clause=Reason.NOT_ENOUGH.value,
            settling=Settling(cases=362, repeats=4),
        ),
        "missing decide": finding(
            at_least, Verdict.INCONCLUSIVE, HIGH, estimate=estimate(0.842, 0.803, 0.874), **missing, **extremes
        ),
        "time": finding(tail, Verdict.PASS, HIGH, estimate=estimate(1840.0, 1702.0, 2120.0, "ms")),
        "holm": finding(
            tail,
            Verdict.INCONCLUSIVE,
            estimate=estimate(2640.0, 2520.0, 2910.0, "ms"),
            reason=Reason.HOLM,
            clause="fails by itself, but among 9 gates chance alone would do that too often",
            p_fail=0.031,
            p_fail_adjusted=0.279,
            settling=Settling(cases=410),
        ),
        "near the limit": finding(
            spec(Demand.AT_MOST, 0.01, metric="error_share"),
            Verdict.INCONCLUSIVE,
            estimate=estimate(0.0101, 0.004, 0.021),
            reason=Reason.NOT_ENOUGH,
            clause=Reason.NOT_ENOUGH.value,
            settling=Settling(near_limit=True),
        ),
        "few cases": finding(
            spec(Demand.IMPROVED, tag="hard", **arms),
            Verdict.INCONCLUSIVE,
            LOW,
            against=HIGH,
            estimate=estimate(0.05, -0.08, 0.17),
            reason=Reason.FEW_CASES,
            clause="only 6 independent cases, 10 are needed",
        ),
        "ratio": finding(
            spec(Demand.RATIO_AT_MOST, 1.15, metric="total_ms", scope=GateScope.BASELINE_RUN),
            Verdict.FAIL,
            against=MEDIUM,
            estimate=estimate(1.31, 1.22, 1.41, "ratio"),
        ),
        "equivalent": finding(
            spec(Demand.EQUIVALENT, 0.02, scope=GateScope.BASELINE_RUN),
            Verdict.PASS,
            against=MEDIUM,
            estimate=estimate(0.004, -0.011, 0.0189),
        ),
        "money": finding(
            spec(Demand.AT_MOST, 0.004, metric="cost_per_correct_usd"),
            Verdict.PASS,
            LOW,
            estimate=estimate(0.00231, 0.00218, 0.00247, "usd"),
            n_missing=2,
        ),
        "must pass": finding(spec(Demand.MUST_PASS, metric="", tag="critical"), Verdict.PASS),
        "must pass, wrong": finding(
            spec(Demand.MUST_PASS, metric="", tag="critical"), Verdict.FAIL, LOW, clause="2 trials are not right"
        ),
        "nothing": finding(at_least, Verdict.INCONCLUSIVE, reason=Reason.NOTHING, clause=Reason.NOTHING.value),
        "barred": finding(
            tail,
            Verdict.INCONCLUSIVE,
            reason=Reason.BARRED,
            clause="confounded with time: the arms ran one after the other and times drifted",
            estimate=estimate(1840.0, 1702.0, None, "ms"),
        ),
        "no width": finding(
            at_least,
            Verdict.INCONCLUSIVE,
            LOW,
            estimate=estimate(0.8, 0.8, 0.8),
            reason=Reason.NOT_ENOUGH,
            clause=Reason.NOT_ENOUGH.value,
        ),
    }


#: Runs with gates, by name: which findings each has.
GATED = {
    "gates pass": ("pass", "time", "equivalent", "money", "must pass"),
    "gates fail": ("pass", "fail", "open", "time", "missing decide", "ratio"),
    "gates open": ("pass", "open", "holm", "near the limit", "few cases"),
    "gates, missing decide": ("pass", "missing decide", "barred"),
    "one gate": ("pass",),
    "gates, degenerate": ("nothing", "no width", "barred", "must pass, wrong"),
}


@cache
def gated(kind: str) -> tuple[RunRecord, Analysis]:
    """The sweep with gates."""
    run, analysis = analysed("sweep")
    if kind == "invalid":
        source = BaselineSource(
            run_id="20261101T120000-abc",
            suite_name="sweep",
            started_utc="2026-11-01T12:00:00Z",
            is_summary=False,
            n_paired=0,
            invalid=("the grader of “answer” is numeric here and exact there",),
        )
        return run, replace(analysis, baseline_run=source)
    return run, replace(analysis, gates=tuple(gate_kinds()[name] for name in GATED[kind]))


ALL_GATED = (*GATED, "invalid")


def with_tag(run: RunRecord, tag: str, n_cases: int) -> RunRecord:
    """The first cases of the suite get the tag."""
    suite = run.plan.suite
    cases = tuple(
        replace(case, tags=(*case.tags, tag)) if place < n_cases else case for place, case in enumerate(suite.cases)
    )
    return replace(run, plan=replace(run.plan, suite=replace(suite, cases=cases)))


def all_right(run: RunRecord, *, but: int = 0) -> RunRecord:
    """Every answer right; the first ``but`` trials wrong."""

    def scored(result: object, value: float) -> object:
        scores = {
            name: replace(score, value=value, passed=value == 1, reason=None) for name, score in result.scores.items()
        }
        return replace(result, status=Status.OK, failure=None, scores=scores)

    results = {
        trial_id: scored(result, float(place >= but)) for place, (trial_id, result) in enumerate(run.results.items())
    }
    return replace(run, results=results)
