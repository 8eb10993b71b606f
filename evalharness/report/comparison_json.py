"""A run beside its baseline as one JSON object: for scripts, with the names of the exports."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict

from evalharness.core.errors import ExitCode
from evalharness.core.findings import Analysis, BaselineSource, Change, Comparison, GateFindings
from evalharness.core.model import Json
from evalharness.core.record import RunRecord
from evalharness.report.comparison_words import comparison_text
from evalharness.report.gate_words import gate_line
from evalharness.report.summary import estimate_json


def comparison_json(run: RunRecord, analysis: Analysis, exit_code: ExitCode) -> str:
    """An estimate is ``[point, lower, upper]``; a limit the data do not give is null."""
    text = comparison_text(run, analysis)
    found = {
        **verdicts_object(run, analysis, exit_code),
        "heading": text.heading,
        "lead": text.lead,
        "comparisons": [_comparison(each, analysis) for of in analysis.against_run.values() for each in of],
        "flips": {
            analysis.arm(arm_id).label: [asdict(flip) for flip in moved] for arm_id, moved in analysis.run_flips.items()
        },
    }
    return json.dumps(found, ensure_ascii=False, sort_keys=True)


def verdicts_json(run: RunRecord, analysis: Analysis, exit_code: ExitCode) -> str:
    return json.dumps(verdicts_object(run, analysis, exit_code), ensure_ascii=False, sort_keys=True)


def verdicts_object(run: RunRecord, analysis: Analysis, exit_code: ExitCode) -> dict[str, Json]:
    return {
        "run_id": run.manifest.run_id,
        "suite": run.manifest.suite_name,
        "simulated": run.manifest.simulated,
        "baseline": None if analysis.baseline_run is None else _source(analysis.baseline_run),
        "gates": [_gate(gate, analysis) for gate in analysis.gates],
        "exit_code": int(exit_code),
    }


def _source(source: BaselineSource) -> Mapping[str, Json]:
    return {
        "run_id": source.run_id,
        "suite": source.suite_name,
        "started_utc": source.started_utc,
        "is_file": source.is_summary,
        "n_paired": source.n_paired,
        "changed": [_change(change) for change in source.changed],
        "only_in_baseline": dict(source.only_in_baseline or {}),
        "only_in_candidate": dict(source.only_in_candidate or {}),
        "invalid": list(source.invalid),
    }


def _change(change: Change) -> Mapping[str, Json]:
    return {"what": change.what, "baseline": change.baseline, "candidate": change.candidate}


def _gate(gate: GateFindings, analysis: Analysis) -> Mapping[str, Json]:
    line = gate_line(gate, analysis)
    return {
        "number": gate.spec.number,
        "metric": gate.spec.metric,
        "arm": dict(gate.key),
        "gate": line.name,
        "verdict": gate.verdict.value,
        "reason": None if gate.reason is None else gate.reason.value,
        "sentence": line.sentence,
        "estimate": estimate_json(gate.estimate),
        "level": None if gate.estimate is None else gate.estimate.level,
        "n_cases": gate.n_cases,
        "n_missing": gate.n_missing,
        "p_fail": gate.p_fail_adjusted,
    }


def _client_error_ms(comparison: Comparison, analysis: Analysis) -> float | None:
    """How far off the candidate's median time may be through its client; null of other metrics and where not known.
    Pages and terminals withhold a median that may be off by more than itself."""
    times = analysis.arm(comparison.candidate).times.get(comparison.metric)
    return None if times is None else times.error_ms("0.5")


def _comparison(comparison: Comparison, analysis: Analysis) -> Mapping[str, Json]:
    return {
        "metric": comparison.metric,
        "arm": dict(analysis.arm(comparison.candidate).key),
        "kind": comparison.kind,
        "design": comparison.design,
        "baseline": estimate_json(comparison.baseline_level),
        "candidate": estimate_json(comparison.candidate_level),
        "estimate": estimate_json(comparison.shown),
        "client_error_ms": _client_error_ms(comparison, analysis),
        "level": comparison.shown.level,
        "method": comparison.shown.method,
        "reading": comparison.reading.value,
        "p_value": comparison.p_value,
        "p_adjusted": comparison.p_adjusted,
        "n_pairs": comparison.n_pairs,
        "gained": comparison.gained,
        "lost": comparison.lost,
        "n_missing": comparison.n_missing,
        "cautions": list(comparison.cautions),
    }
