"""The exit code of a run that its gates have judged."""

from __future__ import annotations

from evalharness.core.errors import ExitCode
from evalharness.core.findings import Verdict
from evalharness.core.model import OnInconclusive

#: The first that applies is the one. Usage: nothing was called, or nothing could be compared.
_ORDER = (
    ExitCode.USAGE,
    ExitCode.INTERRUPTED,
    ExitCode.STORE,
    ExitCode.ABORTED,
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
