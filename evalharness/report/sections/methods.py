"""How the numbers were made, on what, and how to make them again."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass

from evalharness.core.findings import Comparison, Drift
from evalharness.core.model import Endpoint, EndpointKind, Json
from evalharness.core.record import RunRecord
from evalharness.metrics.catalog import CATALOG
from evalharness.report import numbers
from evalharness.report.cells import Cell, Row, Table
from evalharness.report.curl import curl, without_files
from evalharness.report.load_words import load_facts
from evalharness.report.method_words import method_sentence
from evalharness.report.observed import observer_facts
from evalharness.report.shifted import Shifted, shifted
from evalharness.report.view import FEW_ARMS, ArmView, View
from evalharness.report.words import CI_SENTENCE, listed, metric_title, named

NAV = "Methods"
TITLE = "Methods, environment, reproduce"
_DEFINED = ("ttfo_ms", "ttft_ms", "latency_ms", "total_ms", "gap_ms", "visible_tokens_per_s", "output_tokens_per_s")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One exact body, and how to send it by hand. The key is read from its variable, never printed."""

    label: str
    curl: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Methods:
    methods: tuple[str, ...]
    facts: tuple[tuple[str, str], ...]
    measured: tuple[tuple[str, str], ...]
    definitions: tuple[tuple[str, str, str], ...]
    tests: Table | None
    shifted: tuple[Shifted, ...]
    command: str
    requests: tuple[Request, ...]
    suite_text: str


def build(view: View) -> Methods | None:
    return Methods(
        methods=tuple(_methods(view)),
        facts=tuple(_facts(view)),
        measured=tuple(_measured(view)),
        definitions=tuple((CATALOG[name].title, name, CATALOG[name].formula) for name in _DEFINED),
        tests=_tests(view),
        shifted=shifted(view),
        command=_command(view.run),
        requests=tuple(_requests(view)),
        suite_text=view.run.manifest.suite_text,
    )


# ---------------------------------------------------------------- methods in words


def _methods(view: View) -> list[str]:
    analysis = view.analysis
    scope = "new cases like these" if analysis.scope == "population" else "these cases only, answered anew"
    grouped = analysis.n_clusters != analysis.n_cases
    groups = f" in {numbers.plural(analysis.n_clusters, 'independent group')}" if grouped else ""
    up_to = "up to " if view.run.plan.suite.load.is_timed else ""
    sentences = [
        f"Unit: the case. {numbers.plural(analysis.n_cases, 'case')}{groups}, "
        f"{up_to}{numbers.plural(analysis.repeats, 'call')} of each in every arm. Calls of one case are averaged "
        "first.",
        f"Intervals speak about {scope}. {CI_SENTENCE}",
        "Failed calls: refused and incomplete answers and timeouts score 0; calls lost to other errors, and scores a "
        "grader could not give, are missing, never dropped: the page shows what the result could be with them.",
        "Times: the calls are put in order, and the median is the time of the middle one, p95 of the one below which "
        "95% lie; a failed call counts as infinitely long. The interval runs from a call further down that order to "
        "one further up, chosen so that it holds the true value in at least 95 of 100 runs; no shape of the times is "
        "assumed (order statistics). Repeats of a case are worth less than as many cases.",
        f"Resampling: {numbers.count(analysis.n_resamples)} draws of whole cases, seed {analysis.seed}; at most "
        "2,000 for extra costs, tags, routing, efficient arms and ratios of quantiles. The same run gives the same "
        "page, byte by byte.",
    ]
    if analysis.drift is not None:
        sentences.append(_drift_sentence(analysis.drift))
    sentences += [method_sentence(what, methods) for what, methods in sorted(_used_methods(view).items())]
    return sentences


def _drift_sentence(drift: Drift) -> str:
    """What was found of times in the order of sending, and what it did to their intervals."""
    return (
        f"Times over the run: rank correlation with the order of sending {numbers.fixed(drift.rho, 2)}, of neighbours "
        f"{numbers.fixed(drift.lag1, 2)} (n = {numbers.count(drift.n)}); a mean time is worth "
        f"{numbers.percent(drift.effective_share)} of as many independent ones. Intervals of an arm's times and rates "
        "count blocks of neighbouring calls beside cases (clusters in two directions)."
    )


def _used_methods(view: View) -> Mapping[str, set[str]]:
    """Every method that made a number on this page but the times, as the statistics name it."""
    used: dict[str, set[str]] = {}

    def note(what: str, method: str) -> None:
        # What follows a semicolon is about one figure alone (a limit it lacks): its cell says that.
        if method:
            used.setdefault(what, set()).add(method.partition(";")[0])

    for arm in view.arms:
        for estimate in arm.found.quality.values():
            note("Mean scores", estimate.method if estimate else "")
        for estimate in (arm.found.cost_usd, *arm.found.tokens.values()):
            note("Cost and tokens", estimate.method if estimate else "")
    for comparison in view.analysis.versus_baseline:
        note("Differences in score", comparison.shown.method)
        note("p-values", comparison.p_method)
    for metric, by_arm in view.analysis.ratios.items():
        for comparison in by_arm.values():
            note(f"Ratios of {metric_title(metric).lower()}", comparison.shown.method)
    return used


def _tests(view: View) -> Table | None:
    comparisons = view.analysis.versus_baseline
    if not comparisons:
        return None
    rows = tuple(
        Row(
            head=f"{named(view.arm(item.candidate).label)} against {named(view.arm(item.baseline).label)}",
            cells=tuple(Cell(main=text or numbers.MISSING) for text in _test_cells(item)),
        )
        for item in comparisons
    )
    columns = ("Design", "Pairs", "p", "p, adjusted", "Smallest p possible", "Correlation")
    return Table(caption="Tests of the primary metric", head="Comparison", columns=columns, rows=rows)


def _test_cells(item: Comparison) -> tuple[str, ...]:
    adjusted = "" if item.p_adjusted is None else numbers.p_value(item.p_adjusted)
    return (
        item.design,
        numbers.count(item.n_pairs),
        "" if item.p_value is None else numbers.p_value(item.p_value),
        f"{adjusted} ({item.adjustment})" if adjusted and item.adjustment else adjusted,
        "" if item.smallest_p is None else numbers.p_value(item.smallest_p),
        "" if item.correlation is None else numbers.fixed(item.correlation, 2),
    )


# ---------------------------------------------------------------- environment


def _facts(view: View) -> list[tuple[str, str]]:
    manifest, suite = view.run.manifest, view.run.plan.suite
    facts = [
        ("Run", manifest.run_id),
        ("Started", manifest.created_utc),
        ("Finished", manifest.finished_utc or "not finished"),
        ("evalharness", manifest.version),
        ("Plan hash", view.run.plan.plan_hash),
        ("Load", load_facts(suite.load)),
        ("Graders", ", ".join(f"{grader.grader_id} ({grader.type})" for grader in suite.graders)),
    ]
    used = {arm.planned.endpoint for arm in view.arms}
    facts += [(f"Endpoint {e.name}", _endpoint(e)) for e in suite.endpoints if e.name in used]
    facts += [] if len(view.arms) > FEW_ARMS else _all_reported(view)
    facts += [
        (f"Client: {name}", _plain(value)) for name, value in sorted(manifest.environment.items()) if value is not None
    ]
    facts += [(f"Flag {name}", _plain(value)) for name, value in sorted(manifest.flags.items())]
    facts += [(f"File {file.path}", f"sha256 {file.sha256}") for file in suite.files]
    return facts


def _endpoint(endpoint: Endpoint) -> str:
    kind = {EndpointKind.SIMULATOR: "built-in simulator, profile ", EndpointKind.LOCAL: "local model "}
    return f"{kind.get(endpoint.kind, '')}{endpoint.target}, protocol {endpoint.protocol}"


def _measured(view: View) -> list[tuple[str, str]]:
    """What few readers want: every figure of the client's own error, and of many arms what each reported."""
    reported = _all_reported(view) if len(view.arms) > FEW_ARMS else []
    return [*observer_facts(view.analysis.observer), *reported]


def _all_reported(view: View) -> list[tuple[str, str]]:
    """Arms of which the same is told share an entry."""
    told: dict[str, list[str]] = {}
    for arm in view.arms:
        if text := _reported(arm):
            told.setdefault(text, []).append(named(arm.label))
    if len(view.arms) > 1 and [len(names) for names in told.values()] == [len(view.arms)]:
        return [("Reported by every arm", text) for text in told]
    return [(f"Reported by {listed(names)}", text) for text, names in told.items()]


def _reported(arm: ArmView) -> str:
    """Model and tier as the service itself names them, and how coarse the stamps are."""
    found = arm.found
    parts = [f"{name} ({numbers.count(number)})" for name, number in sorted(found.models_reported.items())]
    parts += [f"tier {name} ({numbers.count(number)})" for name, number in sorted(found.tiers_reported.items())]
    if found.coalesced_share:
        parts.append(f"{numbers.percent(found.coalesced_share)} of events shared a read with another")
    if found.connection_reused_share is not None:
        parts.append(f"{numbers.percent(found.connection_reused_share)} of calls on a reused connection")
    return ", ".join(parts)


def _plain(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


# ---------------------------------------------------------------- reproduce


def _command(run: RunRecord) -> str:
    """The command that repeats the run, flags as they were given."""
    words = ["evalharness", "run", run.manifest.suite_path or f"{run.manifest.suite_name}.yaml"]
    for name, value in sorted(run.manifest.flags.items()):
        flag = "--" + name.replace("_", "-").lstrip("-")
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if item is True:
                words.append(flag)
            elif item not in (None, False):
                words += [flag, _plain(item)]
    return " ".join([*(shlex.quote(word) for word in words), "--fresh"])


def _requests(view: View) -> list[Request]:
    """The first request each shown arm sent, as curl."""
    endpoints = {endpoint.name: endpoint for endpoint in view.run.plan.suite.endpoints}
    found: dict[str, Request] = {}
    for trial in view.run.plan.trials:
        result = view.run.results.get(trial.trial_id)
        if result is None or not result.calls or trial.arm_id in found:
            continue
        arm = next((arm for arm in view.shown if arm.arm_id == trial.arm_id), None)
        if arm is not None:
            body = result.calls[0].request
            found[trial.arm_id] = Request(
                label=arm.label, curl=curl(endpoints[arm.planned.endpoint], without_files(body))
            )
        if len(found) == len(view.shown):
            break
    return [found[arm.arm_id] for arm in view.shown if arm.arm_id in found]
