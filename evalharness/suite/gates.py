"""The section ``gates`` in core's words: a metric that exists, one demand that it can meet, arms that are there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalharness.core.model import Demand, GateScope, GateSpec, OnInconclusive, Sweep
from evalharness.suite.gate_arms import ArmSelectors
from evalharness.suite.gate_metrics import GRADER, METRICS, GateMetric, Kind
from evalharness.suite.gate_parts import DEMANDS, GatePart
from evalharness.suite.problems import Problems, did_you_mean, named
from evalharness.suite.yaml_text import Path

_ABSOLUTE = (Demand.AT_LEAST, Demand.AT_MOST)
_OF_SHARES = (Demand.NON_INFERIOR, Demand.EQUIVALENT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What gates refer to. ``graders`` and ``tags`` None: that part of the suite is broken, and nothing is said of it.

    ``on_inconclusive`` None: the suite does not say.
    """

    graders: Sequence[str] | None
    tags: Sequence[str] | None
    sweep: Sweep
    on_inconclusive: OnInconclusive | None


def gates_of(
    parts: Sequence[GatePart], paths: Sequence[Path], judged: Judged, problems: Problems
) -> tuple[GateSpec, ...]:
    """``paths``: where the valid entries ``parts`` of the list stand; a gate's number is its place there."""
    selectors = ArmSelectors(sweep=judged.sweep, problems=problems)
    found = []
    for part, path in zip(parts, paths, strict=True):
        check = _Check(part=part, path=path, judged=judged, problems=problems)
        check.run()
        selectors.check(part, path)
        if part.demands:
            found.append(_spec(part, int(path[-1]) + 1))
    return tuple(found)


def check_followed(n_gates: int, *, settles: bool, follows: OnInconclusive | None, problems: Problems) -> None:
    """What only gates give a meaning: written without a gate, it would promise what never happens."""
    if n_gates or "gates" in problems.broken:
        return
    if settles:
        hint = "name `gates`, or delete it"
        problems.add(("budget", "stop_when_settled"), "there is nothing to settle: the suite has no gate", hint)
    if follows is not None:
        message = "does nothing here: the suite has no gate"
        problems.add(("on_inconclusive",), message, "name `gates`, or delete it", at_key=True)


def _spec(part: GatePart, number: int) -> GateSpec:
    demand = part.demands[0]
    limit = None if demand in (Demand.IMPROVED, Demand.MUST_PASS) else float(getattr(part, demand.value))
    scopes = {None: GateScope.ALONE, "arms": GateScope.ARMS, "baseline_run": GateScope.BASELINE_RUN}
    return GateSpec(
        number=number,
        demand=demand,
        metric=part.metric or "",
        limit=limit,
        scope=scopes[part.compare],
        arm=part.arm,
        to=part.to or {},
        quantile=part.quantile,
        tag=part.must_pass.tag if part.must_pass is not None else part.tag,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Check:
    """One gate against the suite. Each mistake is told at the key that has to change."""

    part: GatePart
    path: Path
    judged: Judged
    problems: Problems

    def run(self) -> None:
        part = self.part
        if not part.demands:
            message = "a gate has one of " + ", ".join(f"`{name}`" for name in DEMANDS)
            self.problems.add(self.path, message, "as in `at_least: 0.8`")
            return
        demand, *others = part.demands
        for other in others:
            self._add(other.value, f"a gate has one demand, and this one has `{demand.value}` already", "write another")
        self._check_tag()
        if demand is Demand.MUST_PASS:
            self._check_must_pass()
            return
        metric = self._metric()
        self._check_scope(demand)
        if metric is not None:
            self._check_demand(demand, metric)
        if demand is Demand.NON_INFERIOR and part.non_inferior_margin == 0 and self.judged.on_inconclusive is None:
            hint = "name a margin, or say what follows: `on_inconclusive: warn`, `fail` or `extend`"
            message = "with a margin of 0 a service that did not change is inconclusive in 9 runs of 10"
            self.problems.add((*self.path, demand.value), message, hint)

    def _add(self, key: str, message: str, hint: str | None = None) -> None:
        self.problems.add((*self.path, key), message, hint, at_key=True)

    def _check_must_pass(self) -> None:
        part = self.part
        written = {"metric": part.metric, "compare": part.compare, "tag": part.tag, "quantile": part.quantile}
        for key, value in written.items():
            if value is not None:
                self._add(key, f"`{key}` does not go with `must_pass`: it asks whether answers are right", "delete it")

    def _check_tag(self) -> None:
        part, tags = self.part, self.judged.tags
        wanted = {(*self.path, "tag"): part.tag}
        if part.must_pass is not None:
            wanted[(*self.path, "must_pass", "tag")] = part.must_pass.tag
        for at, tag in wanted.items():
            if tag is not None and tags is not None and tag not in tags:
                self.problems.add(at, f"no case has the tag {named(tag)}", did_you_mean(tag, tags))

    def _metric(self) -> GateMetric | None:
        name, graders = self.part.metric, self.judged.graders
        if name is None:
            hint = "the id of a grader, `error_share`, `cost_per_correct_usd`, or a metric of calls like `ttfo_ms`"
            self.problems.add(self.path, "`metric` is missing", hint)
            return None
        if graders is None:
            return METRICS.get(name)
        if name in graders and name in METRICS:
            message = f"{named(name)} is a grader and a metric: which of them is meant?"
            self.problems.add((*self.path, "metric"), message, "give the grader another id")
            return None
        if name in graders:
            return GRADER
        if name not in METRICS:
            message = f"there is no grader and no metric {named(name)}"
            self.problems.add((*self.path, "metric"), message, did_you_mean(name, [*graders, *METRICS]))
        return METRICS.get(name)

    def _check_scope(self, demand: Demand) -> None:
        part = self.part
        if demand in _ABSOLUTE and part.compare is not None:
            message = f"`{demand.value}` is a limit for an arm by itself, not for a comparison"
            self._add("compare", message, "delete it, or demand `non_inferior_margin`, `improved` or `ratio_at_most`")
        elif demand not in _ABSOLUTE and part.compare is None:
            hint = "add `compare: baseline_run`, or `compare: arms` with `to`"
            self._add(demand.value, f"`{demand.value}` compares, and nothing says with what", hint)

    def _check_demand(self, demand: Demand, metric: GateMetric) -> None:
        for key, message, hint in _misfits(self.part, demand, metric):
            self._add(key, message, hint)


def _misfits(part: GatePart, demand: Demand, metric: GateMetric) -> Iterator[tuple[str, str, str | None]]:
    """(key, message, hint) for each demand that the metric cannot meet, or always meets."""
    what = metric.kind.value
    if part.quantile is not None and metric.kind in (Kind.SHARE, Kind.COST_PER_CORRECT):
        yield "quantile", f"`{part.metric}` is {what} and has no quantiles", "delete it"
    if demand in _OF_SHARES and metric.kind is not Kind.SHARE:
        hint = "`ratio_at_most: 1.1` allows a tenth more" if metric.kind is not Kind.RATE else "demand `improved`"
        yield demand.value, f"`{demand.value}` is for shares, and `{part.metric}` is {what}", hint
    if demand is Demand.RATIO_AT_MOST and metric.kind is Kind.SHARE:
        hint = "`non_inferior_margin: 0.02` allows two points less"
        yield demand.value, "shares are compared by their difference", hint
    if demand is Demand.RATIO_AT_MOST and metric.kind is Kind.RATE:
        hint = "judge `tpot_ms` or `latency_ms`, of which less is better"
        yield demand.value, f"more of `{part.metric}` is better", hint
    if demand is Demand.IMPROVED and metric.higher_is_better is None:
        yield demand.value, f"neither more nor less of `{part.metric}` is better", "demand `ratio_at_most`"
    if metric.kind is Kind.SHARE and demand in _ABSOLUTE:
        yield from _share_limit(demand, float(getattr(part, demand.value)))


def _share_limit(demand: Demand, limit: float) -> Iterator[tuple[str, str, str | None]]:
    key = demand.value
    if limit > 1:
        yield key, f"a share lies between 0 and 1, not at {limit:g}", f"{limit:g}% is written {limit / 100:g}"
    elif limit == (0 if demand is Demand.AT_LEAST else 1):
        yield key, "every share keeps this limit", "delete the gate"
    elif limit in (0, 1):
        hint = "say how many may, as in 0.01; for single cases there is `must_pass`"
        yield key, f"no number of cases shows a share of exactly {limit:g}", hint
