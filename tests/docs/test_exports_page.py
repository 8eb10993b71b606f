"""The page on exports lists what is exported: every field, no other, with its type."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from evalharness.core.failure import Clock, Failure, FailureKind
from evalharness.core.model import PendingReason, Phase, Status
from evalharness.core.record import AttemptStatus, Observed, RunRecord, Score, StampSource, ToolCall
from evalharness.store import export
from evalharness.wire.anomalies import Anomaly
from tests.support.load_runs import Sent, load_run
from tests.support.runs import make_run

DOCS = Path(__file__).parents[2] / "evalharness" / "docs"
PAGE = (DOCS / "exports.md").read_text(encoding="utf-8")
TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,), "integer": (int,), "number": (int, float), "boolean": (bool,), "object": (dict,),
    "list of texts": (list,), "list of objects": (list,),
}  # fmt: skip
NEVER_NULL = {"run_id", "trial_id", "case_id", "arm_id", "arm", "repeat_index", "phase", "step", "status"} | {
    "anomalies", "tool_calls", "timing", "attempts", "scores",
}  # fmt: skip


def listed(heading: str) -> dict[str, tuple[str, str]]:
    """The table under a heading: field to (type, meaning)."""
    section = re.split(r"\n##+ ", PAGE.split(f"# {heading}\n", 1)[1])[0]
    rows = re.findall(r"^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \|$", section, re.MULTILINE)
    assert rows, heading
    assert len({name for name, _, _ in rows}) == len(rows), heading
    return {name: (kind.strip(), meaning.strip()) for name, kind, meaning in rows}


LINE, TIMING, USAGE = listed("A line of jsonl"), listed("timing"), listed("usage")
FAILURE, ATTEMPT, TOOL_CALL = listed("failure"), listed("attempts"), listed("tool_calls")
SCORE, CALL = listed("scores"), listed("calls")
#: What a turn has of what a line has, in the page's own words.
OF_A_TURN = {"request", "request_id", "response_id", "model_reported", "effort_reported", "output_text", "refusal",
             "reasoning_summary", "tool_calls", "stop_reason", "usage", "timing", "attempts"}  # fmt: skip


def observed() -> RunRecord:
    """With every part that a client can state of itself, and a call of a tool."""
    seen = Observed(
        source=StampSource.KERNEL,
        send_ns=5,
        max_lag_ns=7,
        n_coalesced=1,
        first_output_error_ns=3,
        done_error_ns=4,
        first_reasoning_error_ns=2,
    )
    run = load_run(make_run(arms=1, cases=1).plan.suite.load, [Sent(start_s=0.0, observed=seen)])
    ((trial_id, result),) = run.results.items()
    call = result.calls[0]
    answer = replace(call.answer, tool_calls=(ToolCall(name="sum", arguments="{}"),))
    return replace(run, results={trial_id: replace(result, calls=(replace(call, answer=answer),))})


RUNS = {
    "usual": make_run(arms=2, cases=4, repeats=2, seed=1, retries=0.5),
    "all kinds of ends": make_run(
        arms=2, cases=20, repeats=1, failures=0.3, incomplete=0.2, refused=0.2, null_scores=0.3
    ),
    "interrupted": make_run(arms=1, cases=5, pending=0.6),
    "conversations": make_run(arms=1, cases=3, turns=3),
    "no stream, no usage": make_run(arms=1, cases=3, stream=False, without_usage=1.0, prices=None),
    "observed": observed(),
}


def lines(run: RunRecord) -> list[dict[str, Any]]:
    return [json.loads(line) for line in export.load("jsonl").export(run).splitlines()]


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_a_line_has_the_fields_of_the_page_in_its_order(run: RunRecord) -> None:
    for line in lines(run):
        assert list(line) == [name for name in LINE if name != "calls" or "calls" in line]


def parts(line: dict[str, Any]) -> Iterator[tuple[dict[str, tuple[str, str]], dict[str, Any]]]:
    """Every object of a line with the table that describes it."""
    yield LINE, line
    turns = line.get("calls", [])
    for turn in turns:
        assert turn.keys() - CALL.keys() == OF_A_TURN
        yield CALL, {name: turn[name] for name in CALL}
    for place in (line, *turns):
        yield TIMING, place["timing"]
        yield from ((TOOL_CALL, each) for each in place["tool_calls"])
        yield from ((ATTEMPT, each) for each in place["attempts"])
        yield from ((USAGE, each) for each in [place["usage"]] if each is not None)
        failures = [place.get("failure"), *(each["failure"] for each in place["attempts"])]
        yield from ((FAILURE, each) for each in failures if each is not None)
    yield from ((SCORE, each) for each in line["scores"].values())


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_every_object_has_the_fields_of_its_table_and_their_types(run: RunRecord) -> None:
    for line in lines(run):
        for table, found in parts(line):
            assert list(found) == [name for name in table if name in found], "in the order of the page"
            assert table.keys() - found.keys() <= {"calls"}
            for name, value in found.items():
                types = TYPES[table[name][0]]
                assert value is None or (isinstance(value, types) and (bool in types) == isinstance(value, bool)), name
        assert [name for name in NEVER_NULL if line[name] is None] == []


def test_the_runs_of_this_file_fill_every_table_and_leave_every_other_field_null_somewhere() -> None:
    filled: set[tuple[int, str]] = set()
    for run in RUNS.values():
        for line in lines(run):
            filled |= {
                (id(table), name) for table, found in parts(line) for name, value in found.items() if value is not None
            }
    tables = (LINE, TIMING, USAGE, ATTEMPT, SCORE, CALL)
    never = {name for table in tables for name in table if (id(table), name) not in filled}
    # What a synthetic run has no way to have: a refusal's text, ids of requests, reasoning in words, a judge.
    assert never <= {"refusal", "request_id", "reasoning_summary", "judge_cost_usd"}


@pytest.mark.parametrize("name", [name for name in TIMING if name.endswith(("_ms", "_utc"))])
def test_units_are_in_the_names(name: str) -> None:
    assert TIMING[name][0] == ("number" if name.endswith("_ms") else "text")


def test_every_failure_has_the_fields_of_the_page() -> None:
    assert list(FAILURE) == [field.name for field in fields(Failure)]
    assert list(SCORE) == ["value", "passed", "reason", "grader"]
    assert set(SCORE) == {field.name for field in fields(Score)}
    assert set(TOOL_CALL) == {field.name for field in fields(ToolCall)}


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        (Status, LINE["status"][1]),
        (Phase, LINE["phase"][1]),
        (PendingReason, LINE["pending_reason"][1]),
        (FailureKind, FAILURE["kind"][1]),
        (Clock, FAILURE["clock"][1]),
        (AttemptStatus, ATTEMPT["status"][1]),
        (StampSource, TIMING["stamps"][1]),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else "",
)
def test_a_closed_list_of_words_is_told_in_full(words: Any, meaning: str) -> None:
    assert set(re.findall(r"`([a-z_]+)`", meaning)) - {"kind", "timeout", "error"} == {word.value for word in words} - {
        "kind",
        "timeout",
        "error",
    }


def test_every_anomaly_is_told() -> None:
    section = PAGE.split("### anomalies\n", 1)[1].split("\n## ", 1)[0]
    assert re.findall(r"^\| `([a-z_]+)` \|", section, re.MULTILINE) == [anomaly.value for anomaly in Anomaly]


# ---------------------------------------------------------------- the other formats


def expected_columns(run: RunRecord) -> list[str]:
    """From the page's tables: objects are spread over columns, lists and bodies are not."""
    axes = dict.fromkeys(axis for arm in run.plan.arms for axis in arm.key)
    spread = {
        "arm": [f"arm.{axis}" for axis in axes],
        "failure": [f"failure.{name}" for name in FAILURE],
        "usage": [f"usage.{name}" for name in USAGE],
        "timing": [f"timing.{name}" for name in TIMING],
        "scores": [f"scores.{spec.grader_id}.{name}" for spec in run.plan.suite.graders for name in SCORE],
    }
    return [column for name in LINE for column in spread.get(name, [name])]


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
def test_columns_are_the_fields_in_the_page_s_order(run: RunRecord) -> None:
    header = next(csv.reader(io.StringIO(export.load("csv").export(run).decode(), newline="")))
    assert header == expected_columns(run)


def test_a_parquet_file_has_the_same_columns_in_the_page_s_types() -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    run = RUNS["usual"]
    schema = pq.read_schema(io.BytesIO(export.load("parquet").export(run)))
    assert schema.names == expected_columns(run)
    assert {str(field.type) for field in schema} == {"string", "int64", "double", "bool"}


def test_a_junit_file_has_the_attributes_of_the_page() -> None:
    rows = re.findall(r"^\| `([a-z]+)` \| ([^|]+) \|", PAGE.split("## junit\n", 1)[1], re.MULTILINE)
    told = {(element, name) for name, places in rows for element in re.findall(r"`([a-z]+)`", places)}
    found = {
        (element.tag, name)
        for run in RUNS.values()
        for element in ElementTree.fromstring(export.load("junit").export(run)).iter()
        for name in element.attrib
    }
    assert found == told


def test_every_format_has_its_place_on_the_page() -> None:
    headings = " ".join(re.findall(r"^## (.*)$", PAGE, re.MULTILINE))
    assert [name for name in export.names() if name not in headings] == []


@pytest.mark.parametrize("path", sorted(set(re.findall(r"\]\(((?!http)[^)#]+)\)", PAGE))))
def test_every_link_leads_somewhere(path: str) -> None:
    assert (DOCS / path).exists()
