"""The Python face: the same use cases as the command line, with values instead of text."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator, Mapping
from functools import cached_property
from itertools import permutations
from pathlib import Path
from typing import Any

from evalharness.app.exit_code import exit_code_of, settle
from evalharness.app.run import RunRequest
from evalharness.app.run import run as run_suite
from evalharness.app.settings import resolve, with_env_file
from evalharness.core.errors import ExitCode, UsageError
from evalharness.core.findings import Analysis, Comparison
from evalharness.core.model import Arm, Suite
from evalharness.core.record import RunRecord
from evalharness.plan.select import PlanFlags
from evalharness.store import load as store_load
from evalharness.suite.files import ReadSettings, read_suite
from evalharness.transport.loop import new_event_loop


class Run:
    """A stored run with its analysis, which is computed when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @cached_property
    def record(self) -> RunRecord:
        return store_load.load(self.folder)

    @cached_property
    def analysis(self) -> Analysis:
        from evalharness.store.baseline_rows import load_baseline
        from evalharness.verdict.compare import analyse

        return analyse(self.record, baseline=load_baseline(self.folder))

    @property
    def exit_code(self) -> ExitCode:
        """As of ``evalharness run``: how the run ended, and what its gates came to."""
        if not self.record.plan.suite.gates:
            own = self.record.manifest.exit_code
            return ExitCode.INCOMPLETE if own is None else ExitCode(own)
        return exit_code_of(self.record, self.analysis)

    @property
    def comparisons(self) -> Mapping[str, PairComparisons]:
        """Grader id -> comparisons by ``[candidate, baseline]``, each an arm's label, as in ``["high", "low"]``."""
        return {grader: PairComparisons(self.record, grader) for grader in self.analysis.grader_ids}

    def rows(self) -> Iterator[dict[str, Any]]:
        """One flat mapping per planned trial, with the columns of the CSV export."""
        from evalharness.store.flat_rows import columns, rows

        wanted = columns(self.record)
        names = [column.name for column in wanted]
        return (dict(zip(names, row, strict=True)) for row in rows(self.record, wanted))

    def to_frame(self) -> Any:
        """A pandas frame, else a polars one.

        Raises:
            UsageError: neither is installed.
        """
        rows = list(self.rows())
        try:
            import pandas

            return pandas.DataFrame(rows)
        except ImportError:
            pass
        try:
            import polars  # type: ignore[import-not-found, unused-ignore]

            return polars.DataFrame(rows, infer_schema_length=None)
        except ImportError:
            raise UsageError("to_frame needs pandas or polars", hint="pip install pandas") from None


class PairComparisons(Mapping[tuple[str, str], Comparison]):
    """Comparisons of two arms on one metric, made on demand and alone: no correction for other pairs is in them."""

    def __init__(self, record: RunRecord, grader: str) -> None:
        self.record = record
        self.grader = grader

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return permutations([arm.label for arm in self.record.plan.arms], 2)

    def __len__(self) -> int:
        n = len(self.record.plan.arms)
        return n * (n - 1)

    def __getitem__(self, pair: tuple[str, str]) -> Comparison:
        from evalharness.verdict.compare import compare_pair

        candidate, baseline = (self._arm(label) for label in pair)
        found = compare_pair(self.record, self.grader, candidate.arm_id, baseline.arm_id)
        if found is None:
            raise UsageError(f"{pair[0]} and {pair[1]} share no case that '{self.grader}' scored")
        return found

    def _arm(self, label: str) -> Arm:
        arms = {arm.label: arm for arm in self.record.plan.arms}
        if label not in arms:
            raise UsageError(f"the run has no arm '{label}'", hint=f"arms are {', '.join(arms)}")
        return arms[label]


async def run_async(
    suite: str | Path,
    *,
    out: str | Path | None = None,
    fresh: bool = False,
    retry_errors: bool = False,
    offline: bool = False,
    baseline: str | Path | None = None,
    max_cost_usd: float | None = None,
    workers: int | str | None = None,
    allow_code: bool | None = None,
    allow_http: bool | None = None,
    report: bool = True,
    **flags: Any,
) -> Run:
    """Run or resume a suite; with ``report`` its page is written too.

    ``baseline``: a run or a baseline file to compare with. ``allow_code``: graders may run code.
    ``allow_http``: keys and prompts may leave this machine in clear.
    ``flags`` are those of ``PlanFlags``: endpoint, limit, repeats, tags, cases, arms, seed.

    Raises:
        EvalharnessError: what the command line would print; ``exit_code`` is its exit code.
    """
    settings = {
        "out": out,
        "max_cost_usd": max_cost_usd,
        "workers": workers,
        "allow_code": allow_code,
        "allow_http": allow_http,
    }
    resolved = resolve(settings, environ=os.environ)
    request = RunRequest(
        suite_path=Path(suite),
        flags=PlanFlags(**flags),
        resolved=resolved,
        environ=with_env_file(os.environ, resolved.settings.env_file),
        fresh=fresh,
        retry_errors=retry_errors,
        offline=offline,
        baseline=None if baseline is None else str(baseline),
    )
    outcome = await run_suite(request, sinks=())
    run = Run(outcome.folder)
    if report:
        render_report(run)
    if outcome.has_gates:
        settle(run.folder, run.record, run.analysis)
    return run


def run(suite: str | Path, **options: Any) -> Run:
    """``run_async`` for programs without an event loop; in the one that measures best."""
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(run_async(suite, **options))


def load_suite(
    path: str | Path, *, allow_outside: bool = False, allow_code: bool = False, allow_http: bool = False
) -> Suite:
    """Read and check a suite; raises ``SuiteError`` with every problem."""
    settings = ReadSettings(
        allow_outside=allow_outside, allow_code=allow_code, allow_http=allow_http, environ=os.environ
    )
    return read_suite(Path(path), settings=settings).suite


def render_report(run: Run | str | Path, *, full_text: bool = False) -> Path:
    """Write the report of a stored run again; returns the page's path."""
    from evalharness.app.publish import publish
    from evalharness.report.settings import ReportSettings

    folder = run.folder if isinstance(run, Run) else Path(run)
    published = publish(folder, settings=ReportSettings(full_text=full_text))
    if isinstance(run, Run):
        run.record, run.analysis = published.run, published.analysis
    return published.paths[0]


def compare(baseline: Run | str | Path, candidate: Run | str | Path, *, out: str | Path | None = None) -> Analysis:
    """The candidate's analysis with ``against_run``: its arms against the same arms of the baseline, case by case.

    ``baseline``: a run, its folder or id, or a baseline file. ``baseline_run`` of the result says what changed, what
    could not be paired, and why where nothing can be compared (``invalid``).

    Raises:
        UsageError: either is not there.
    """
    from evalharness.app.compare import compare as compare_runs

    old, new = (str(each.folder) if isinstance(each, Run) else str(each) for each in (baseline, candidate))
    return compare_runs(old, new, resolve({"out": out}, environ=os.environ).settings.out).analysis
