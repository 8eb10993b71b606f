"""``report.json``: what the index and comparisons over time read of a run, in under 4 kB for up to a dozen arms."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from evalharness.core.findings import (
    Analysis,
    ArmFindings,
    CaseReading,
    Drift,
    Estimate,
    Outcome,
    ServiceLevel,
    TimeFindings,
)
from evalharness.core.ids import content_id
from evalharness.core.model import GraderSpec, Json, Status
from evalharness.core.record import RunRecord
from evalharness.report.comparison_flips import lost_and_won
from evalharness.report.comparison_words import comparison_text
from evalharness.report.gate_figures import allowed, quantity
from evalharness.report.gate_words import GateLine, GatesText, gates_text
from evalharness.report.latency_verdict import headline_stretch
from evalharness.report.load_words import level_text
from evalharness.report.verdict_text import verdict_text
from evalharness.report.visible import shortened

#: An index over 500 runs reads 500 of these files: a limit only against what nobody would read. An arm takes about
#: 150 bytes, 300 with the longest name that is kept.
MAX_BYTES = 32_000
FORMAT = 1
_HASH_DIGITS = 8


def report_json(run: RunRecord, analysis: Analysis) -> str:
    """One JSON object, keys sorted. Of what does not fit the last of the longer list is left out, arms or gates;
    ``n_arms`` and ``n_gates`` count them all."""
    arms = [_arm(arm, analysis.primary) for arm in analysis.arms]
    text = gates_text(analysis)
    facts, gates = _facts(run, analysis) | _verdict(text), [_gate(line) for line in text.lines] if text else []
    while True:
        written = json.dumps({**facts, "arms": arms, "gates": gates}, sort_keys=True, ensure_ascii=False) + "\n"
        size, longer = len(written.encode("utf-8")), max(gates, arms, key=len)
        if size < MAX_BYTES or not longer:
            return written
        del longer[min(len(longer) - 1, len(longer) * MAX_BYTES // size) :]


def _facts(run: RunRecord, analysis: Analysis) -> dict[str, Json]:
    manifest = run.manifest
    verdict = verdict_text(run, analysis)
    headline = headline_arm(analysis)
    return {
        "format": FORMAT,
        "run_id": manifest.run_id,
        "suite": manifest.suite_name,
        "kind": analysis.kind,
        "created_utc": manifest.created_utc,
        "finished_utc": manifest.finished_utc,
        "state": manifest.state.value,
        "simulated": manifest.simulated,
        "version": manifest.version,
        "commit": _short_text(manifest.environment.get("git_commit")),
        "plan_hash": run.plan.plan_hash,
        "hashes": dict(_hashes(run, analysis)),
        "comparison": _compared(run, analysis),
        "outcome": _outcome(analysis),
        "heading": shortened(verdict.heading, 80),
        "lead": shortened(verdict.lead, 400),
        "metric": analysis.primary,
        "arm": _headline_label(analysis, headline),
        "quality": estimate_json(headline.quality.get(analysis.primary)),
        "cost_usd": estimate_json(headline.cost_usd),
        "total_ms_p95": estimate_json(_headline_p95(analysis, headline)),
        "good_share": estimate_json(_good_share(analysis)),
        "quality_range": _range(analysis),
        "drift": _drift(analysis.drift),
        "changed_cases": _changed(analysis, headline),
        "n_arms": len(analysis.arms),
        "n_cases": analysis.n_cases,
        "repeats": analysis.repeats,
        "n_planned": sum(arm.n_planned for arm in analysis.arms),
        "n_failed": sum(arm.counts.get(Status.ERROR, 0) for arm in analysis.arms),
    }


def _hashes(run: RunRecord, analysis: Analysis) -> Mapping[str, str]:
    """What was measured and by whom, part by part: runs with equal hashes of what was measured can be put on one line.

    Not in it, because they change no figure of an arm: its name in the sweep, repeats, seeds, limits, rules.
    """
    suite, hashed = run.plan.suite, run.plan.hashed
    used = {arm.endpoint for arm in run.plan.arms}
    own = {case.case_id: [_grader(spec) for spec in case.graders] for case in suite.cases if case.graders}
    models = {name for arm in analysis.arms for name in arm.models_reported}
    client = {name: value for name, value in run.manifest.environment.items() if name != "git_commit"}

    def planned(*prefixes: str) -> Mapping[str, Json]:
        return {key: value for key, value in hashed.items() if key.startswith(prefixes)}

    endpoints, trace = planned("endpoints."), planned("files.") if suite.load.shape == "trace" else {}
    parts: dict[str, Json] = {
        "cases": [[case.case_id, case.content_hash] for case in suite.cases],
        "graders": [[_grader(spec) for spec in suite.graders], own],
        "prompts": planned("prompts."),
        "request": planned("request"),
        "model": {key: value for key, value in endpoints.items() if key.endswith(".model")},
        "endpoint": {key: value for key, value in endpoints.items() if not key.endswith(".model")},
        "load": {key: value for key, value in {**planned("load"), **trace}.items() if key != "load.seed"},
        "prices": {each.name: asdict(each.prices) for each in suite.endpoints if each.name in used and each.prices},
        "client": client,
        "version": run.manifest.version,
        "reported model": sorted(models),
    }
    return {name: content_id(part, digits=_HASH_DIGITS) for name, part in parts.items()}


def _grader(spec: GraderSpec) -> Json:
    return [spec.grader_id, spec.type, dict(spec.params), spec.pass_at, [status.value for status in spec.grades]]


def _verdict(text: GatesText | None) -> dict[str, Json]:
    """What the gates came to; nulls without gates."""
    return {
        "verdict": text.state.value if text else None,
        "verdict_lead": shortened(text.lead, 400) if text else None,
        "n_gates": len(text.lines) if text else 0,
    }


def _gate(line: GateLine) -> Mapping[str, Json]:
    return {
        "subject": shortened(line.subject, 120),
        "demand": shortened(line.demand, 60),
        "verdict": line.state.value,
        "quantity": quantity(line.finding.spec).value,
        "found": estimate_json(line.finding.estimate),
        "allowed": [_six(limit) for limit in allowed(line.finding.spec)],
    }


def _drift(drift: Drift | None) -> Mapping[str, Json] | None:
    """Null where none was found."""
    if drift is None:
        return None
    return {
        "half_ratio": _six(drift.half_ratio),
        "rho": _six(drift.rho),
        "lag1": _six(drift.lag1),
        "effective_share": _six(drift.effective_share),
        "moved": drift.moved,
        "in_spells": drift.in_spells,
        "confounded": drift.confounded,
    }


def _compared(run: RunRecord, analysis: Analysis) -> Mapping[str, Json] | None:
    """What came of the comparison with the baseline run, as its page says it; null without one."""
    source = analysis.baseline_run
    if source is None:
        return None
    text = comparison_text(run, analysis)
    return {
        "baseline": shortened(source.run_id, 64),
        "heading": shortened(text.heading, 80),
        "lead": shortened(text.lead, 400),
        "n_paired": source.n_paired,
        "n_changed": len(source.changed),
    }


def _changed(analysis: Analysis, headline: ArmFindings) -> Mapping[str, Json] | None:
    """How many cases of the headline arm changed against the baseline run; null without one."""
    moved = analysis.run_flips.get(headline.arm_id)
    if moved is None or analysis.baseline_run is None:
        return None
    lost, won = lost_and_won(moved)
    return {
        "baseline": analysis.baseline_run.run_id,
        "lost": lost,
        "won": won,
        "regressed": sum(flip.reading is CaseReading.REGRESSED for flip in moved),
        "improved": sum(flip.reading is CaseReading.IMPROVED for flip in moved),
    }


def _outcome(analysis: Analysis) -> str:
    """What was decided: of a latency run whether its service level is met."""
    if analysis.kind == "latency":
        service = _headline_service(analysis)
        return service.met.value if service else Outcome.NO_RULE.value
    return analysis.decision.outcome.value


def headline_arm(analysis: Analysis) -> ArmFindings:
    """The arm whose numbers stand for the run: the recommended one, else the baseline, else the only one."""
    wanted = analysis.decision.arm_id or analysis.baseline
    return next((arm for arm in analysis.arms if arm.arm_id == wanted), analysis.arms[0])


def _headline_label(analysis: Analysis, headline: ArmFindings) -> str:
    """Of a latency run with levels the level that its figures are of."""
    stretch = headline_stretch(analysis) if analysis.kind == "latency" else None
    if stretch is None or stretch.level is None or len(analysis.stretches_of()) < 2:
        return headline.label
    return level_text(stretch.level, stretch.level_unit)


def _headline_p95(analysis: Analysis, headline: ArmFindings) -> Estimate | None:
    stretch = headline_stretch(analysis) if analysis.kind == "latency" else None
    return _p95(headline.times if stretch is None else stretch.times)


def _good_share(analysis: Analysis) -> Estimate | None:
    service = _headline_service(analysis) if analysis.kind == "latency" else analysis.service
    return service.share if service else None


def _headline_service(analysis: Analysis) -> ServiceLevel | None:
    """With levels of load at the one that the heading names, as the other figures; else of the whole run."""
    stretch = headline_stretch(analysis) if analysis.knees else None
    return analysis.service if stretch is None else stretch.service


def _arm(arm: ArmFindings, primary: str) -> Mapping[str, Json]:
    return {
        "label": shortened(arm.label, 80),
        "quality": estimate_json(arm.quality.get(primary)),
        "cost_usd": estimate_json(arm.cost_usd),
        "total_ms_p95": estimate_json(_p95(arm.times)),
    }


def _range(analysis: Analysis) -> list[float | None] | None:
    """The lowest and the highest score of all arms."""
    points = [found.point for arm in analysis.arms if (found := arm.quality.get(analysis.primary))]
    return [_six(min(points)), _six(max(points))] if points else None


def _p95(times: Mapping[str, TimeFindings]) -> Estimate | None:
    total = times.get("total_ms")
    return total.quantiles.get("0.95") if total else None


def estimate_json(estimate: Estimate | None) -> list[float | None] | None:
    """``[point, lower, upper]`` with six significant digits; a limit the data do not give is null."""
    if estimate is None:
        return None
    return [_six(estimate.point), _six(estimate.lower), _six(estimate.upper)]


def _six(value: float | None) -> float | None:
    return None if value is None else float(f"{value:.6g}")


def _short_text(value: Json) -> str | None:
    return shortened(value, 64) if isinstance(value, str) else None
