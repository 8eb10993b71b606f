"""The exit code of a run: how it ended, and what its gates come to."""

from __future__ import annotations

from pathlib import Path

from evalharness.app.ending import ended_with
from evalharness.core.errors import ExitCode
from evalharness.core.findings import Analysis, Verdict, overall
from evalharness.core.model import OnInconclusive, Status
from evalharness.core.record import RunRecord, RunState
from evalharness.report.numbers import plural
from evalharness.store.run_store import note_exit_code

#: The first that applies is the one. Usage: nothing was called, or the two runs cannot be compared.
_ORDER = (
    ExitCode.INTERRUPTED,
    ExitCode.STORE,
    ExitCode.ABORTED,
    ExitCode.USAGE,
    ExitCode.GATE_FAILED,
    ExitCode.INCOMPLETE,
    ExitCode.INCONCLUSIVE,
    ExitCode.OK,
)


def exit_code(ended: ExitCode, verdict: Verdict | None, on_inconclusive: OnInconclusive) -> ExitCode:
    """``ended``: how the run itself ended. ``verdict``: of all its gates, None without any.

    A gate that fails is 1 in an incomplete run too: it does so whatever the missing calls had been. Nothing that was
    aborted or interrupted is 0 or 1, however its gates look so far. ``on_inconclusive: extend`` has added what cases
    it could by now; what is inconclusive after that warns.
    """
    judged = ExitCode.OK
    if verdict is Verdict.FAIL:
        judged = ExitCode.GATE_FAILED
    elif verdict is Verdict.INCONCLUSIVE and on_inconclusive is OnInconclusive.FAIL:
        judged = ExitCode.INCONCLUSIVE
    return min(ended, judged, key=_ORDER.index)


def exit_code_of(run: RunRecord, analysis: Analysis) -> ExitCode:
    """That of a stored run, judged as it stands; 2 where what it was to be compared with is no match.

    The one in its manifest is not asked: gates are in it, as they were judged when the run was made.
    """
    n_planned = sum(arm.n_planned for arm in analysis.arms)
    n_pending = sum(arm.counts.get(Status.PENDING, 0) for arm in analysis.arms)
    n_errors = sum(arm.counts.get(Status.ERROR, 0) for arm in analysis.arms)
    suite = run.plan.suite
    own = ended_with(
        run.manifest.stop_reason,
        n_errors=n_errors,
        n_ended=n_planned - n_pending,
        tolerated=suite.tolerate_error_share,
    )
    if run.manifest.state is RunState.RUNNING:
        # It goes on, or was killed.
        own = ExitCode.INCOMPLETE
    if analysis.baseline_run is not None and analysis.baseline_run.invalid:
        own = min(own, ExitCode.USAGE, key=_ORDER.index)
    return exit_code(own, overall(analysis.gates), suite.on_inconclusive)


def settle(folder: Path, run: RunRecord, analysis: Analysis) -> ExitCode:
    """``exit_code_of``, and into the manifest with it: the run's exit code is the one its command ended with.

    Raises ``StoreError`` where the folder cannot be written.
    """
    code = exit_code_of(run, analysis)
    if run.manifest.exit_code != code:
        note_exit_code(folder, code)
    return code


def warning(run: RunRecord, analysis: Analysis) -> str | None:
    """What to print where open gates leave the exit code as it is; None where there is nothing to warn of."""
    n_open = sum(gate.verdict is Verdict.INCONCLUSIVE for gate in analysis.gates)
    if overall(analysis.gates) is not Verdict.INCONCLUSIVE or run.plan.suite.on_inconclusive is OnInconclusive.FAIL:
        return None
    is_open = "is neither passed nor failed" if n_open == 1 else "are neither passed nor failed"
    return (
        f"warning: {n_open} of {plural(len(analysis.gates), 'gate')} {is_open}, which does not change the exit code; "
        f"`on_inconclusive: fail` in the suite makes it {ExitCode.INCONCLUSIVE.value}"
    )
