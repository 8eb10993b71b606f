"""Exports against the fields of the interface documentation, written down here a second time."""

from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow.parquet as pq
import pytest

from evalharness.core.errors import UsageError
from evalharness.core.failure import FailureKind
from evalharness.core.model import PendingReason, Phase, Status
from evalharness.core.record import Answer, Observed, Purpose, RunRecord, Score, StampSource, TrialResult
from evalharness.store import export
from tests.support.runs import make_run

EXAMPLE = json.loads("""
{"run_id": "...", "trial_id": "...", "case_id": "...", "arm_id": "...",
 "arm": {"reasoning.effort": "low", "prompt": "plain"}, "repeat_index": 0, "phase": "measured",
 "step": 0, "status": "ok", "failure": null, "pending_reason": null, "anomalies": [],
 "request": {"...": "as sent, key never included"}, "request_id": "...", "response_id": "...",
 "model_reported": "...", "effort_reported": "low",
 "output_text": "...", "refusal": null, "reasoning_summary": "...", "tool_calls": [], "stop_reason": "completed",
 "usage": {"input_tokens": 12, "cached_tokens": 0, "output_tokens": 70, "reasoning_tokens": 20, "source": "api"},
 "cost_usd": 0.000324, "judge_cost_usd": null,
 "timing": {"intended_at_utc": "...", "queue_ms": 0.1, "wait_ms": 0.0, "connect_ms": null, "headers_ms": 3.2,
            "ttfe_ms": 3.3, "ttfr_ms": 80.1, "ttft_ms": 80.1, "ttfo_ms": 201.4, "latency_ms": 702.0, "total_ms": 702.2,
            "tpot_ms": 10.1, "n_deltas": 50, "n_reads": 50, "connection_reused": true, "reasoning_ms": 121.3,
            "answer_ms": 500.6, "stamps": "kernel", "send_ms": 0.04, "ttfo_error_ms": 0.05, "latency_error_ms": 0.06,
            "max_lag_ms": 0.3, "n_coalesced": 0, "ttft_error_ms": 0.05},
 "attempts": [{"index": 0, "status": "ok", "http_status": 200, "failure": null, "latency_ms": 702.0}],
 "scores": {"answer": {"value": 1.0, "passed": true, "reason": null, "grader": "numeric"}}}
""")
CLEAN = {"failures": 0.0, "incomplete": 0.0, "retries": 0.0}


def lines(run: RunRecord) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export.load("jsonl").export(run).splitlines()]


def with_first(run: RunRecord, **changes: Any) -> RunRecord:
    """The run with another result of its first planned trial."""
    first = run.results[run.plan.trials[0].trial_id]
    return replace(run, results={**run.results, first.trial_id: replace(first, **changes)})


def table(run: RunRecord) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(export.load("csv").export(run).decode(), newline="")))


# ---------------------------------------------------------------- jsonl


def test_a_line_has_the_documented_fields_in_their_order() -> None:
    run = make_run(arms=2, cases=2, repeats=1, seed=1, prompts=("plain", "careful"), **CLEAN)
    for line in lines(run):
        assert list(line) == list(EXAMPLE)
        for group in ("arm", "usage", "timing"):
            assert list(line[group]) == list(EXAMPLE[group])
        assert [list(attempt) for attempt in line["attempts"]] == [list(EXAMPLE["attempts"][0])]
        assert list(line["scores"]["answer"]) == list(EXAMPLE["scores"]["answer"])


def test_every_planned_trial_has_one_line_and_warm_up_trials_follow() -> None:
    run = make_run(arms=2, cases=3, repeats=2, seed=1, pending=0.3)
    warm = {trial.trial_id for trial in run.plan.trials[:2]}
    trials = tuple(replace(trial, phase=Phase.WARMUP) if trial.trial_id in warm else trial for trial in run.plan.trials)
    results = {trial_id: result for trial_id, result in run.results.items() if trial_id != trials[0].trial_id}
    exported = lines(replace(run, plan=replace(run.plan, trials=trials), results=results))
    ids = [line["trial_id"] for line in exported]
    assert ids == [trial.trial_id for trial in (*trials[2:], trials[1])]
    assert [line["phase"] for line in exported] == ["measured"] * 10 + ["warmup"]


def test_times_are_durations_between_the_stamps() -> None:
    run = make_run(arms=1, cases=1, repeats=1, seed=1, **CLEAN)
    (line,) = lines(run)
    (call,) = run.results[line["trial_id"]].calls
    stamps, timing = call.attempts[0].stamps, line["timing"]
    assert stamps.sent_ns is not None
    assert timing["queue_ms"] == (stamps.sent_ns - call.intended_ns) / 1e6
    assert timing["ttfo_ms"] == ((stamps.first_output_ns or 0) - stamps.sent_ns) / 1e6
    assert timing["total_ms"] == ((stamps.done_ns or 0) - call.intended_ns) / 1e6
    assert line["attempts"][0]["latency_ms"] == timing["latency_ms"]
    assert timing["intended_at_utc"] == "2026-11-01T12:00:00.000Z"


def test_a_line_says_how_well_its_times_were_seen() -> None:
    run = make_run(arms=1, cases=1, repeats=1, seed=1, **CLEAN)
    (trial,) = run.plan.trials
    call = run.results[trial.trial_id].calls[0]
    seen = Observed(
        source=StampSource.KERNEL,
        send_ns=40_000,
        max_lag_ns=300_000,
        n_coalesced=2,
        first_output_error_ns=10_000,
        done_error_ns=None,
        first_reasoning_error_ns=30_000,
    )
    stamps = replace(call.attempts[0].stamps, first_reasoning_ns=call.attempts[0].stamps.first_event_ns)
    observed = replace(call, attempts=(replace(call.attempts[0], stamps=stamps, observed=seen),))
    run = with_first(run, calls=(observed,))
    run = replace(run, plan=replace(run.plan, trials=(replace(trial, step=3),)))
    (line,) = lines(run)
    assert line["step"] == 3
    shown = {name: line["timing"][name] for name in ("stamps", "send_ms", "max_lag_ms", "n_coalesced")}
    assert shown == {"stamps": "kernel", "send_ms": 0.04, "max_lag_ms": 0.3, "n_coalesced": 2}
    assert line["timing"]["ttfo_error_ms"] == pytest.approx(0.05)
    assert line["timing"]["ttft_error_ms"] == pytest.approx(0.07)  # reasoning came first
    assert line["timing"]["latency_error_ms"] is None
    (row,) = table(run)
    assert (row["step"], row["timing.stamps"], row["timing.n_coalesced"]) == ("3", "kernel", "2")
    schema = pq.read_table(io.BytesIO(export.load("parquet").export(run))).schema
    kinds = [str(schema.field(name).type) for name in ("step", "timing.stamps", "timing.send_ms", "timing.n_coalesced")]
    assert kinds == ["int64", "string", "double", "int64"]


def test_a_pending_trial_has_nulls_and_no_zeroes() -> None:
    run = make_run(arms=1, cases=1, repeats=1, seed=1)
    pending = TrialResult(trial_id=run.plan.trials[0].trial_id, status=Status.PENDING)
    results = {pending.trial_id: replace(pending, pending_reason=PendingReason.BUDGET)}
    (line,) = lines(replace(run, results=results))
    assert (line["status"], line["pending_reason"]) == ("pending", "budget")
    assert list(line) == list(EXAMPLE)
    empty = ("request", "request_id", "response_id", "output_text", "usage", "cost_usd", "failure")
    assert {line[name] for name in empty} == {None}
    assert set(line["timing"].values()) == {None}
    assert (line["attempts"], line["tool_calls"], line["scores"]) == ([], [], {})


def test_a_failed_trial_has_its_failure_and_no_answer() -> None:
    run = make_run(arms=1, cases=1, repeats=1, seed=1, failures=1.0, retries=1.0)
    (line,) = lines(run)
    assert line["failure"]["kind"] in set(FailureKind)
    assert line["output_text"] is None
    assert line["usage"] is None
    assert line["timing"]["latency_ms"] is None
    assert [attempt["index"] for attempt in line["attempts"]] == [0, 1]
    assert line["attempts"][0]["failure"]["kind"] == "rate_limit"
    assert line["attempts"][1]["latency_ms"] == 5_000.0
    assert line["timing"]["wait_ms"] == 760.0


def test_an_empty_answer_is_an_answer() -> None:
    run = make_run(arms=1, cases=1, repeats=1, seed=1, **CLEAN)
    (call,) = run.results[run.plan.trials[0].trial_id].calls
    (line,) = lines(with_first(run, calls=(replace(call, answer=Answer(text="")),)))
    assert line["output_text"] == ""


def test_a_trial_of_several_turns_sums_usage_and_lists_its_calls() -> None:
    run = make_run(arms=1, cases=1, repeats=1, seed=1, turns=3, **CLEAN)
    (line,) = lines(run)
    calls = run.results[line["trial_id"]].calls
    assert list(line) == [*EXAMPLE, "calls"]
    assert line["usage"]["output_tokens"] == sum(call.usage.output_tokens for call in calls if call.usage)
    assert line["cost_usd"] == pytest.approx(sum(call.cost_usd or 0 for call in calls))
    assert line["response_id"] == calls[-1].answer.response_id
    lasted_ns = sum((call.last_attempt.stamps.done_ns or 0) - call.intended_ns for call in calls)
    assert line["timing"]["total_ms"] == pytest.approx(lasted_ns / 1e6)
    assert line["timing"]["latency_ms"] == line["calls"][-1]["timing"]["latency_ms"]
    assert [call["request"] for call in line["calls"]] == [call.request for call in calls]
    assert len(line["attempts"]) == 3
    assert all({"request", "usage", "timing"} <= set(call) for call in line["calls"])


def test_judges_are_paid_apart_and_are_no_turn() -> None:
    run = make_run(arms=1, cases=1, repeats=1, seed=1, **CLEAN)
    result = run.results[run.plan.trials[0].trial_id]
    (subject,) = result.calls
    judges = (
        replace(subject, purpose=Purpose.JUDGE, cost_usd=0.25),
        replace(subject, purpose=Purpose.JUDGE, cost_usd=0.5),
    )
    (line,) = lines(with_first(run, calls=(subject, *judges)))
    assert line["judge_cost_usd"] == 0.75
    assert line["cost_usd"] == result.cost_usd
    assert "calls" not in line
    assert len(line["attempts"]) == 1
    unpriced = (subject, judges[0], replace(judges[1], cost_usd=None))
    assert lines(with_first(run, calls=unpriced))[0]["judge_cost_usd"] is None


def test_a_grader_that_could_not_judge_leaves_null_and_its_reason() -> None:
    run = make_run(arms=1, cases=1, repeats=1, seed=1, null_scores=1.0, **CLEAN)
    assert lines(run)[0]["scores"]["answer"] == {
        "value": None,
        "passed": None,
        "reason": "no number found",
        "grader": "numeric",
    }


def test_hostile_text_survives_as_ascii() -> None:
    run = make_run(arms=1, cases=1, repeats=1, seed=1, **CLEAN)
    (call,) = run.results[run.plan.trials[0].trial_id].calls
    text = "\x00\x1b[2J\ud800\u2028 </script> 💶\n{"
    hostile = with_first(run, calls=(replace(call, answer=replace(call.answer, text=text)),))
    exported = export.load("jsonl").export(hostile)
    assert exported.isascii()
    assert exported.count(b"\n") == 1
    assert json.loads(exported)["output_text"] == text


# ---------------------------------------------------------------- csv


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_a_spreadsheet_would_run_is_neutralised(start: str) -> None:
    run = make_run(arms=1, cases=1, repeats=1, seed=1, **CLEAN)
    (call,) = run.results[run.plan.trials[0].trial_id].calls
    text = f'{start}HYPERLINK("http://example.org")'
    hostile = with_first(run, calls=(replace(call, answer=replace(call.answer, text=text)),))
    assert table(hostile)[0]["output_text"] == f"'{text}"


def test_negative_numbers_stay_numbers() -> None:
    run = with_first(make_run(arms=1, cases=1, repeats=1, seed=1, **CLEAN), cost_usd=-0.5)
    assert table(run)[0]["cost_usd"] == "-0.5"


def test_a_graders_name_cannot_be_a_formula() -> None:
    run = make_run(arms=1, cases=1, repeats=1, seed=1, **CLEAN)
    graders = (replace(run.plan.suite.graders[0], grader_id="=1+1"),)
    suite = replace(run.plan.suite, graders=graders)
    run = with_first(run, scores={"=1+1": Score(grader="numeric", value=0.5, passed=False)})
    header = table(replace(run, plan=replace(run.plan, suite=suite)))[0]
    assert header["scores.=1+1.value"] == "0.5"
    assert not any(name.startswith("=") for name in header)


def test_columns_do_not_depend_on_what_happened() -> None:
    options = {"arms": 2, "cases": 4, "repeats": 1, "seed": 1}
    fine, failed = make_run(**options, **CLEAN), make_run(**options, failures=1.0)
    assert list(table(fine)[0]) == list(table(failed)[0])
    assert list(table(replace(fine, plan=replace(fine.plan, trials=()))) or []) == []


def test_missing_is_empty_and_lists_are_json() -> None:
    rows = table(make_run(arms=2, cases=2, repeats=1, seed=1, failures=1.0))
    assert len(rows) == 4
    assert {row["usage.input_tokens"] for row in rows} == {""}
    assert {row["arm.reasoning.effort"] for row in rows} == {"none", "low"}
    assert json.loads(rows[0]["attempts"])[0]["status"] == "error"
    assert json.loads(rows[0]["request"])["model"] == "sim-mini"
    assert rows[0]["failure.kind"] in set(FailureKind)


def test_text_without_a_utf8_form_leaves_the_file_valid() -> None:
    run = make_run(arms=1, cases=1, repeats=1, seed=1, **CLEAN)
    (call,) = run.results[run.plan.trials[0].trial_id].calls
    hostile = with_first(run, calls=(replace(call, answer=replace(call.answer, text='a\ud800"\r\nb')),))
    assert table(hostile)[0]["output_text"] == 'a\\ud800"\r\nb'


# ---------------------------------------------------------------- parquet


def parquet(run: RunRecord) -> Any:
    return pq.read_table(io.BytesIO(export.load("parquet").export(run)))


def test_parquet_holds_the_same_rows_with_types() -> None:
    run = make_run(arms=3, cases=4, repeats=2, seed=1, failures=0.3)
    read, rows = parquet(run), table(run)
    assert read.column_names == list(rows[0])
    types = {field.name: str(field.type) for field in read.schema}
    assert types["timing.total_ms"] == types["cost_usd"] == types["scores.answer.value"] == "double"
    assert types["usage.output_tokens"] == types["repeat_index"] == types["timing.n_deltas"] == "int64"
    assert types["scores.answer.passed"] == types["timing.connection_reused"] == "bool"
    assert types["output_text"] == types["arm.reasoning.effort"] == "string"
    for exported, row in zip(read.to_pylist(), rows, strict=True):
        shown = {"True": "true", "False": "false", "None": ""}
        assert {name: shown.get(str(value), str(value)) for name, value in exported.items()} == row


def test_types_do_not_depend_on_what_happened() -> None:
    options = {"arms": 2, "cases": 4, "repeats": 1, "seed": 1}
    assert parquet(make_run(**options, **CLEAN)).schema == parquet(make_run(**options, failures=1.0)).schema


@pytest.mark.parametrize(
    ("values", "kind"),
    [((1, 2), "int64"), ((1, 2.5), "double"), ((True, False), "bool"), ((1, 2**70), "string"), ((1, "x"), "string")],
)
def test_an_axis_has_the_type_of_its_values(values: tuple[Any, Any], kind: str) -> None:
    run = make_run(arms=2, cases=1, repeats=1, seed=1)
    arms = tuple(replace(arm, key={"x": value}) for arm, value in zip(run.plan.arms, values, strict=True))
    read = parquet(replace(run, plan=replace(run.plan, arms=arms)))
    assert str(read.schema.field("arm.x").type) == kind


def test_without_pyarrow_the_message_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UsageError, match="needs pyarrow") as caught:
        export.load("parquet").export(make_run(arms=1, cases=1, repeats=1))
    assert "evalharness[parquet]" in (caught.value.hint or "")


def test_an_empty_run_has_a_header_and_no_rows() -> None:
    run = make_run(arms=1, cases=1, repeats=1, seed=1)
    empty = replace(run, plan=replace(run.plan, trials=()), results={})
    assert export.load("jsonl").export(empty) == b""
    assert export.load("csv").export(empty).startswith(b"run_id,trial_id,")
    assert parquet(empty).num_rows == 0


# ---------------------------------------------------------------- the folder is the registry


def test_the_formats_are_the_files_of_the_folder() -> None:
    files = {path.stem for path in Path(export.__file__).parent.glob("*.py")} - {"__init__"}
    assert set(export.names()) == files
    assert files >= {"csv", "jsonl", "parquet"}


def test_a_typo_is_answered_with_the_names_there_are() -> None:
    with pytest.raises(UsageError, match="no export format 'parket'") as caught:
        export.load("parket")
    assert caught.value.hint == f"did you mean parquet? there are {', '.join(export.names())}"


def test_a_plug_in_adds_a_format_and_cannot_take_a_built_in_name(monkeypatch: pytest.MonkeyPatch) -> None:
    plug_in = SimpleNamespace(export=lambda run: run.manifest.run_id.encode())
    monkeypatch.setitem(sys.modules, "someones_formats", plug_in)  # type: ignore[arg-type]
    found = [EntryPoint(name=name, value="someones_formats", group=export.GROUP) for name in ("mine", "csv")]
    monkeypatch.setattr(export, "entry_points", lambda *, group: [entry for entry in found if entry.group == group])
    run = make_run(arms=1, cases=1, repeats=1)
    assert "mine" in export.names()
    assert export.load("mine").export(run) == run.manifest.run_id.encode()
    assert export.load("csv").export(run).startswith(b"run_id,")
