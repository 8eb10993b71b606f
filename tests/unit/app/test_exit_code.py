"""The exit code of a run: how it ended and what its gates came to, in the order of the interface documentation."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from evalharness.app.exit_code import exit_code, exit_code_of, warning
from evalharness.core.errors import ExitCode
from evalharness.core.findings import Verdict
from evalharness.core.model import OnInconclusive, PendingReason, Status
from evalharness.core.record import RunState
from tests.support.gates import gated


@pytest.mark.parametrize(
    ("ended", "verdict", "on_inconclusive", "expected"),
    [
        (0, None, "warn", 0),
        (0, "pass", "warn", 0),
        (0, "fail", "warn", 1),
        (0, "inconclusive", "warn", 0),
        (0, "inconclusive", "extend", 0),
        (0, "inconclusive", "fail", 6),
        (3, None, "warn", 3),
        (3, "pass", "warn", 3),
        (3, "fail", "warn", 1),
        (3, "inconclusive", "fail", 3),
        (4, "fail", "warn", 4),
        (4, "pass", "warn", 4),
        (5, "fail", "warn", 5),
        (130, "fail", "warn", 130),
        (130, "inconclusive", "fail", 130),
        (2, "pass", "warn", 2),
        (2, "fail", "warn", 2),
    ],
)
def test_the_first_code_that_applies_is_the_exit_code(ended, verdict, on_inconclusive, expected):
    judged = None if verdict is None else Verdict(verdict)
    assert exit_code(ExitCode(ended), judged, OnInconclusive(on_inconclusive)) == expected


@pytest.mark.parametrize("ended", [code for code in ExitCode if code not in (ExitCode.OK, ExitCode.GATE_FAILED)])
@pytest.mark.parametrize("verdict", [None, *Verdict])
@pytest.mark.parametrize("on_inconclusive", list(OnInconclusive))
def test_no_verdict_makes_a_run_that_did_not_end_well_a_success(ended, verdict, on_inconclusive):
    assert exit_code(ended, verdict, on_inconclusive) is not ExitCode.OK


#: What stops a run so that it ends with this code.
REASONS = {
    ExitCode.OK: None,
    ExitCode.INCOMPLETE: PendingReason.BUDGET,
    ExitCode.ABORTED: PendingReason.ABORTED,
    ExitCode.INTERRUPTED: PendingReason.INTERRUPTED,
}


def ended_with(code: ExitCode, kind: str, on_inconclusive: OnInconclusive = OnInconclusive.WARN, **of_manifest):
    """A stored run, judged before: what its manifest has for an exit code must not decide anew."""
    run, analysis = gated(kind)
    suite = replace(run.plan.suite, on_inconclusive=on_inconclusive, tolerate_error_share=1.0)
    manifest = replace(run.manifest, stop_reason=REASONS[code], exit_code=ExitCode.GATE_FAILED, **of_manifest)
    return replace(run, manifest=manifest, plan=replace(run.plan, suite=suite)), analysis


@pytest.mark.parametrize(
    ("kind", "expected"),
    [("gates pass", 0), ("gates fail", 1), ("gates open", 6), ("gates, missing decide", 6), ("invalid", 2)],
)
def test_a_stored_run_is_judged_as_it_stands(kind, expected):
    assert exit_code_of(*ended_with(ExitCode.OK, kind, OnInconclusive.FAIL)) == expected


def test_a_comparison_that_is_invalid_does_not_hide_that_the_run_was_aborted():
    assert exit_code_of(*ended_with(ExitCode.ABORTED, "invalid")) is ExitCode.ABORTED
    assert exit_code_of(*ended_with(ExitCode.INCOMPLETE, "invalid")) is ExitCode.USAGE


def test_a_run_that_goes_on_or_was_killed_is_incomplete_however_its_gates_look():
    assert exit_code_of(*ended_with(ExitCode.OK, "gates pass", state=RunState.RUNNING)) is ExitCode.INCOMPLETE


def test_more_errors_than_are_tolerated_make_a_run_incomplete_and_just_as_many_do_not():
    run, analysis = ended_with(ExitCode.OK, "gates pass")
    statuses = Counter(result.status for result in run.results.values())
    n_errors, n_ended = statuses[Status.ERROR], statuses.total() - statuses[Status.PENDING]
    assert n_errors

    def judged(share):
        suite = replace(run.plan.suite, tolerate_error_share=share)
        return exit_code_of(replace(run, plan=replace(run.plan, suite=suite)), analysis)

    assert judged(n_errors / n_ended) is ExitCode.OK
    assert judged((n_errors - 0.5) / n_ended) is ExitCode.INCOMPLETE


def test_open_gates_that_change_nothing_are_warned_of_and_others_are_not():
    told = warning(*ended_with(ExitCode.OK, "gates open"))
    assert told is not None
    assert told.startswith("warning: 4 of 5 gates are neither passed nor failed")
    assert warning(*ended_with(ExitCode.OK, "gates open", OnInconclusive.FAIL)) is None
    assert warning(*ended_with(ExitCode.OK, "gates pass")) is None
    assert warning(*ended_with(ExitCode.OK, "gates fail")) is None
