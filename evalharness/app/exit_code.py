"""The exit code of a run that its gates have judged."""

from __future__ import annotations

from evalharness.core.errors import ExitCode
from evalharness.core.findings import Analysis, Verdict, overall
from evalharness.core.model import OnInconclusive
from evalharness.core.record import RunRecord
from evalharness.report.numbers import plural

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
    """That of a stored run, judged as it stands; 2 where what it was to be compared with is no match."""
    ended = ExitCode(run.manifest.exit_code or 0)
    if analysis.baseline_run is not None and analysis.baseline_run.invalid:
        ended = min(ended, ExitCode.USAGE, key=_ORDER.index)
    return exit_code(ended, overall(analysis.gates), run.plan.suite.on_inconclusive)


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
