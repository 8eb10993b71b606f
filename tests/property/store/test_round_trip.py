from __future__ import annotations

import sqlite3
from array import array
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, replace
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from evalharness.core.failure import Clock, Failure, FailureKind
from evalharness.core.model import PendingReason, Plan, Status
from evalharness.core.record import (
    Answer,
    Attempt,
    AttemptStatus,
    Call,
    Observed,
    Purpose,
    Score,
    Stamps,
    StampSource,
    ToolCall,
    TrialResult,
    Usage,
)
from evalharness.store import plan_rows, result_rows, schema
from evalharness.store.numbers import Session
from tests.support.runs import make_run
from tests.support.stored import rounded

SESSION = Session(number=1, monotonic_ns=7_000_000_000, utc_ns=1_793_534_400_000_000_000)
PLAN: Plan = make_run(arms=2, cases=3, repeats=1, seed=1).plan
HOSTILE = ("\x00", "\x00long_text:0", "\ud83d\ude00", "\ud800", "=1+1", "\x1b[2J", "null", "[" * 3000, "x\udfff" * 1100)

text = st.one_of(st.text(st.characters(), max_size=20), st.sampled_from(HOSTILE))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.integers(10**20, 10**40), st.floats(allow_nan=False), text),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(text, inner, max_size=3)),
    max_leaves=8,
)
json_objects = st.dictionaries(text, json_values, max_size=3)
floats = st.floats(allow_nan=False, allow_infinity=False)
int64 = st.integers(-(2**63), 2**63 - 1)
counts = st.integers(0, 2**53)
stamps_ns = st.integers(0, 2**62)


def maybe(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.one_of(st.none(), strategy)


@st.composite
def arrivals(draw: st.DrawFn) -> array[int]:
    gaps = draw(st.lists(st.integers(0, 10**13), max_size=12))
    return array("q", accumulate(gaps, initial=draw(st.integers(0, 2**60))) if gaps else ())


failures = st.builds(
    Failure,
    kind=st.sampled_from(FailureKind),
    message=text,
    http_status=maybe(st.integers(100, 599)),
    code=maybe(text),
    param=maybe(text),
    clock=maybe(st.sampled_from(Clock)),
    retry_after_ms=maybe(floats),
    should_retry=maybe(st.booleans()),
    body_excerpt=maybe(text),
)
stamps = st.builds(
    Stamps,
    **{field.name: maybe(stamps_ns) for field in fields(Stamps) if field.name != "deltas_ns"},
    deltas_ns=arrivals(),
)
observed = st.builds(
    Observed,
    source=st.sampled_from(StampSource),
    send_ns=counts,
    max_lag_ns=counts,
    n_coalesced=counts,
    first_output_error_ns=maybe(counts),
    done_error_ns=maybe(counts),
    first_reasoning_error_ns=maybe(counts),
)
attempts = st.builds(
    Attempt,
    index=st.integers(0, 5),
    status=st.sampled_from(AttemptStatus),
    stamps=stamps,
    wait_ms=floats,
    http_status=maybe(st.integers(100, 599)),
    failure=maybe(failures),
    connection_reused=maybe(st.booleans()),
    n_events=counts,
    n_deltas=counts,
    n_reads=counts,
    unknown_events=st.dictionaries(text, st.integers(1, 9), max_size=2),
    request_id=maybe(text),
    partial_text=maybe(text),
    observed=maybe(observed),
)
answers = st.builds(
    Answer,
    text=text,
    refusal=maybe(text),
    reasoning_summary=maybe(text),
    tool_calls=st.lists(st.builds(ToolCall, name=text, arguments=text, call_id=maybe(text), type=text), max_size=2).map(
        tuple
    ),
    items=st.lists(json_values, max_size=2).map(tuple),
    stop_reason=maybe(text),
    response_id=maybe(text),
    model_reported=maybe(text),
    effort_reported=maybe(text),
    tier_reported=maybe(text),
)
usages = st.builds(
    Usage,
    input_tokens=maybe(counts),
    cached_tokens=maybe(counts),
    output_tokens=maybe(counts),
    reasoning_tokens=maybe(counts),
    source=text,
)
calls = st.builds(
    Call,
    purpose=st.sampled_from(Purpose),
    turn_index=st.integers(0, 5),
    request=json_objects,
    status=st.sampled_from(Status),
    intended_ns=int64,
    intended_utc_ns=int64,
    attempts=st.lists(attempts, max_size=2).map(tuple),
    answer=answers,
    usage=maybe(usages),
    failure=maybe(failures),
    anomalies=st.lists(text, max_size=2).map(tuple),
    cost_usd=maybe(floats),
)
scores = st.builds(Score, grader=text, value=maybe(st.floats(0, 1)), passed=maybe(st.booleans()), reason=maybe(text))
results = st.builds(
    TrialResult,
    trial_id=st.just(""),
    status=st.sampled_from(Status),
    calls=st.lists(calls, max_size=2).map(tuple),
    scores=st.dictionaries(text, scores, max_size=2),
    failure=maybe(failures),
    pending_reason=maybe(st.sampled_from(PendingReason)),
    anomalies=st.lists(text, max_size=2).map(tuple),
    cost_usd=maybe(floats),
)


@contextmanager
def database(plan: Plan) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        schema.migrate(connection, applied_utc="")
        plan_rows.write_plan(connection, plan)
        connection.execute(
            "INSERT INTO sessions (opened_utc, pid, monotonic_ns, utc_ns) VALUES ('', 1, ?, ?)",
            (SESSION.monotonic_ns, SESSION.utc_ns),
        )
        yield connection
    finally:
        connection.close()


@settings(max_examples=150, deadline=None)
@given(st.lists(results, max_size=len(PLAN.trials)))
def test_whatever_was_recorded_is_read_back_equal(drawn: list[TrialResult]) -> None:
    recorded = [replace(result, trial_id=trial.trial_id) for trial, result in zip(PLAN.trials, drawn, strict=False)]
    with database(PLAN) as connection:
        for result in recorded:
            result_rows.write_result(connection, result, session=SESSION)
        shared = result_rows.read_shared(connection)
        stored = [result_rows.result_of(trial_id, row, shared) for trial_id, row in result_rows.read_rows(connection)]
    assert stored == [rounded(result) for result in recorded]


@settings(max_examples=100, deadline=None)
@given(json_objects, json_values, text, text, json_objects)
def test_whatever_a_suite_says_is_read_back_equal(
    variables: dict[str, object], expected: object, name: str, prompt: str, request: dict[str, object]
) -> None:
    case = replace(PLAN.suite.cases[0], vars=variables, expected=expected, expected_text=name, tags=(name, prompt))
    suite = replace(
        PLAN.suite,
        description=name,
        prompts=(replace(PLAN.suite.prompts[0], template=prompt),),
        cases=(case, *PLAN.suite.cases[1:]),
        request=request,
    )
    arms = (replace(PLAN.arms[0], key={name: expected}, request=request, model=prompt), *PLAN.arms[1:])
    plan = replace(PLAN, suite=suite, arms=arms, hashed=variables)
    with database(plan) as connection:
        assert plan_rows.read_plan(connection) == plan
