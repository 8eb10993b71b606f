"""Each fault of the list through the real command, over a real socket: what the server saw is what was recorded."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import pytest

from evalharness.app.show import show
from evalharness.core.record import AttemptStatus, Call, TrialResult, Usage
from evalharness.metrics.measure import measure_trial
from evalharness.simulator.faults import CATALOGUE
from evalharness.wire.anomalies import Anomaly
from tests.support.fault_rows import CONDITIONS, ROWS, Course, FaultRow
from tests.support.fault_runs import FaultRun, fault_run, rows_of

#: The least wait before another attempt, of which jitter takes nothing.
BACK_OFF_MS = 500
#: Linux counts the pages of the interpreter too; the design's bound for whatever a service sends.
MOST_BYTES = 300 * 2**20
RETRIED = [course for course in Course if rows_of(course, once=True)]

#: Faults and clocks of one run are not felt by another: each has a service of its own.
N_AT_ONCE = 3

Runs = Callable[[Course], FaultRun]
Begun = Mapping[tuple[Course, bool], Future[FaultRun]]


@pytest.fixture(scope="module")
def begun(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begun]:
    """The courses that the chosen tests look at, some at a time: what a run does most is wait, as it is told to."""
    with ThreadPoolExecutor(N_AT_ONCE) as pool:
        runs: dict[tuple[Course, bool], Future[FaultRun]] = {}
        for item in request.session.items:
            if item.path != request.path or not isinstance(item, pytest.Function):
                continue
            once = "once_runs" in item.fixturenames
            given = item.callspec.params if hasattr(item, "callspec") else {"course": Course.STALE}
            course = given["course"] if "course" in given else given["row"].course
            if (course, once) not in runs:
                folder = tmp_path_factory.mktemp(course.value)
                runs[course, once] = pool.submit(fault_run, course, folder, once=once)
        yield runs
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="module")
def runs(begun: Begun) -> Runs:
    """Each fault meets every attempt of its trial."""
    return lambda course: begun[course, False].result()


@pytest.fixture(scope="module")
def once_runs(begun: Begun) -> Runs:
    """Each fault meets the first attempt alone."""
    return lambda course: begun[course, True].result()


def test_every_fault_that_the_simulator_knows_is_in_the_list_and_each_row_is_one_of_its_own():
    assert {row.fault.partition(";")[0] for row in ROWS if row.fault} == set(CATALOGUE)
    assert max(Counter(row.name for row in ROWS).values()) == 1
    assert not any(character.isdigit() for row in ROWS for character in row.name), (
        "numbers would be part of the problem"
    )


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_a_fault_is_recorded_as_it_was(row: FaultRow, runs: Runs):
    run = runs(row.course)
    name = run.case_of(row)
    result, seen = run.results[name], run.log[name]
    call = result.calls[0]
    failed = [attempt.failure for attempt in call.attempts if attempt.failure is not None]
    assert result.status == row.status, result.failure
    assert_sent(result, seen, row.requests)
    assert run.n_elsewhere == 0, "neither key nor prompt leaves the origin"
    assert_waited(call, seen, hint_ms=row.hint_ms if row.status != "error" else 0)
    shown = show(run.record, name, arms=run.record.plan.arms, repeat=None)
    assert f": {row.status}\n" in shown and row.says in shown
    if row.status == "error":
        assert result.failure is not None
        assert (result.failure.kind, result.failure.clock) == (row.kind, row.clock)
        assert row.says in result.failure.message
        assert len(failed) == len(call.attempts) == max(row.requests, 1 if row.fault else 3)
        assert {failure.kind for failure in failed} == {row.kind}
        assert [bool(attempt.partial_text) for attempt in call.attempts] == [row.keeps_text] * len(failed)
        assert (call.answer.text, result.scores) == ("", {}), "no error is graded"
        assert result.failure.retry_after_ms == (row.hint_ms or None)
        for failure in failed:
            kept = failure.body_excerpt
            assert kept is None or 0 < len(kept.encode()) <= 2048
            assert (kept is not None) >= row.keeps_text, "what came is kept, as it came"
        return
    assert min(1, row.n_failed) <= len(failed) <= row.n_failed and {failure.kind for failure in failed} <= {row.kind}
    assert call.answer.text.startswith(row.begins)
    assert call.answer.stop_reason == (row.stop_reason or "completed")
    assert_as_drawn(result.scores, call.usage, seen[-1], row)
    other = run.results["control-a"] if row.name == "repeated-id" else None
    # Of two responses with one id the second is odd, whichever that was.
    assert set(result.anomalies) | set(other.anomalies if other else ()) == set(row.anomalies)
    assert all(f"anomaly: {anomaly}\n" in shown for anomaly in result.anomalies)
    assert all(f"attempt {index + 1}: " in shown for index in range(len(call.attempts)))


@pytest.mark.parametrize("row", [row for row in ROWS if row.is_retried], ids=lambda row: row.name)
def test_a_fault_that_happens_once_costs_one_more_request_and_nothing_else(row: FaultRow, once_runs: Runs):
    run = once_runs(row.course)
    result, seen = run.results[row.name], run.log[row.name]
    call = result.calls[0]
    assert (result.status, result.failure) == ("ok", None)
    assert_sent(result, seen, 2)
    if is_resent(result):
        assert len(call.attempts) == 1
        return
    assert [attempt.status for attempt in call.attempts] == [AttemptStatus.ERROR, AttemptStatus.OK]
    first, second = call.attempts
    assert first.failure is not None and first.failure.kind == row.kind
    assert (bool(first.partial_text), second.partial_text) == (row.keeps_text, None)
    assert_waited(call, seen)
    assert_as_drawn(result.scores, call.usage, seen[-1], row)
    measured = measure_trial(result)
    assert measured["latency_ms"] is not None and measured["total_ms"] is not None
    assert measured["latency_ms"] + measured["wait_ms"] <= measured["total_ms"]
    assert result.anomalies == ()


def is_resent(result: TrialResult) -> bool:
    """Its connection happened to be idle for as long as one is that a server gives up, and it died like those."""
    return Anomaly.RESENT in result.anomalies


def assert_sent(result: TrialResult, seen: Sequence[Mapping[str, Any]], n: int) -> None:
    """No request that is not recorded, unless the trial says so: then each attempt may have been sent twice."""
    n_attempts = len(result.calls[0].attempts)
    assert n_attempts <= len(seen) <= 2 * n_attempts if is_resent(result) and len(seen) > 1 else len(seen) == n


def assert_waited(call: Call, seen: Sequence[Mapping[str, Any]], *, hint_ms: float = 0) -> None:
    """Between two requests lies the wait, by the server's clock, and it is recorded with the second of them."""
    for before, after in pairwise(seen) if Anomaly.RESENT not in call.anomalies else ():
        gap_ms = (after["read_ns"] - before["read_ns"]) / 1e6
        assert gap_ms >= max(BACK_OFF_MS if not hint_ms else 0, hint_ms)
    assert call.attempts[0].wait_ms == 0
    assert all(attempt.wait_ms >= (hint_ms or BACK_OFF_MS) for attempt in call.attempts[1:])


def assert_as_drawn(scores: Mapping[str, Any], usage: Usage | None, seen: Mapping[str, Any], row: FaultRow) -> None:
    """Counts and verdict are the server's own: it knows what it drew."""
    if seen["right"] is not None:
        assert scores["answer"].passed == seen["right"]
    known = "none" if usage is None else "all" if usage.output_tokens is not None else "input"
    assert known == row.usage
    if usage is not None:
        assert usage.output_tokens in (None, seen["output_tokens"])
        assert usage.input_tokens is not None


# ---------------------------------------------------------------- a run as a whole


@pytest.mark.parametrize("course", Course)
def test_how_a_run_ends_and_what_it_prints(course: Course, runs: Runs):
    assert_ended(runs(course), CONDITIONS[course].exit_code, rows_of(course, once=False))


@pytest.mark.parametrize("course", RETRIED)
def test_a_run_that_needed_retries_ends_as_any_other(course: Course, once_runs: Runs):
    run = once_runs(course)
    assert_ended(run, 0, ())
    assert {result.status for result in run.results.values()} == {"ok"}


def assert_ended(run: FaultRun, exit_code: int, rows: Sequence[FaultRow]) -> None:
    printed = " ".join((run.stdout + run.stderr).split())
    n_errors = sum(row.status == "error" for row in rows)
    assert run.exit_code == exit_code, printed
    assert run.record.manifest.exit_code == exit_code
    assert "Traceback" not in printed
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", run.stdout + run.stderr), "control characters reach nobody"
    if exit_code in (0, 3):
        assert {result.status for result in run.results.values()} <= {"ok", "incomplete", "refused", "error"}
        assert (f"{n_errors} of {len(run.results)} calls" in printed) == (n_errors > 0)
    else:
        # The call that failed, and the rest was never sent.
        statuses = Counter(result.status for result in run.results.values())
        assert statuses == {"error": 1, "pending": len(run.results) - 1}
        assert {result.pending_reason for result in run.results.values()} == {None, "aborted"}
        assert rows[0].says in printed
        assert f"{len(run.results) - 1} of {len(run.results)}" in printed


@pytest.mark.parametrize("course", [course for course in Course if CONDITIONS[course].exit_code != 4])
def test_cases_that_nothing_happened_to_are_undisturbed(course: Course, runs: Runs):
    run = runs(course)
    controls = {name: result for name, result in run.results.items() if name.startswith("control")}
    assert len(controls) == CONDITIONS[course].n_controls
    for name, result in controls.items():
        (attempt,) = result.calls[0].attempts
        assert (result.status, attempt.wait_ms, len(run.log[name])) == ("ok", 0, 1)
        assert result.scores["answer"].passed == run.log[name][0]["right"]


@pytest.mark.skipif(sys.platform != "linux", reason="what a process used by itself is told by Linux alone")
@pytest.mark.parametrize("course", [Course.HARMLESS, Course.TOO_LARGE])
def test_nothing_that_a_service_sends_fills_the_memory(course: Course, runs: Runs):
    assert 20_000_000 < runs(course).most_bytes < MOST_BYTES


@pytest.mark.parametrize("row", [row for row in ROWS if row.begins], ids=lambda row: row.name)
def test_what_would_be_obeyed_by_a_terminal_is_shown_as_text(row: FaultRow, runs: Runs):
    run = runs(row.course)
    shown = show(run.record, row.name, arms=run.record.plan.arms, repeat=None)
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]", shown)


def test_a_connection_that_ran_out_is_replaced_and_its_request_seen_once(runs: Runs):
    """Three cases in turn, each over the connection that the one before left to die."""
    run = runs(Course.STALE)
    assert {len(entries) for entries in run.log.values()} == {1}
    assert len({entries[0]["connection"] for entries in run.log.values()}) == 3
