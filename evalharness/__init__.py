"""Measured evaluations of language models behind an API, with paired statistics.

    import evalharness as eh
    run = eh.run("suites/quickstart.yaml")
    run.comparisons["answer"]["high", "low"].estimate

Everything here is imported when it is first used, so that the command line starts fast.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from evalharness.app.api import Run, compare, load_suite, render_report, run, run_async
    from evalharness.core.errors import EvalharnessError, ExitCode, SuiteError
    from evalharness.core.findings import Analysis, Comparison, Decision, Estimate, Outcome, Reading
    from evalharness.core.model import Arm, Case, Status, Suite, Trial
    from evalharness.core.record import RunRecord, Score, TrialResult

__version__ = "0.1.0"

_HOMES = {
    "evalharness.app.api": ("Run", "compare", "load_suite", "render_report", "run", "run_async"),
    "evalharness.core.errors": ("EvalharnessError", "ExitCode", "SuiteError"),
    "evalharness.core.findings": ("Analysis", "Comparison", "Decision", "Estimate", "Outcome", "Reading"),
    "evalharness.core.model": ("Arm", "Case", "Status", "Suite", "Trial"),
    "evalharness.core.record": ("RunRecord", "Score", "TrialResult"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "Analysis",
    "Arm",
    "Case",
    "Comparison",
    "Decision",
    "Estimate",
    "EvalharnessError",
    "ExitCode",
    "Outcome",
    "Reading",
    "Run",
    "RunRecord",
    "Score",
    "Status",
    "Suite",
    "SuiteError",
    "Trial",
    "TrialResult",
    "compare",
    "load_suite",
    "render_report",
    "run",
    "run_async",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'evalharness' has no attribute '{name}'")
    return getattr(import_module(_HOME_OF[name]), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
