"""What a run is compared with: another run, or a baseline file; and how such a file comes about."""

from __future__ import annotations

from pathlib import Path

from evalharness.core.errors import StoreError, UsageError
from evalharness.core.findings import Analysis
from evalharness.core.model import Plan, Status
from evalharness.core.record import RunRecord
from evalharness.metrics.table import analysed_trials
from evalharness.store import baseline_file, load
from evalharness.store.baseline_rows import keep_baseline
from evalharness.store.connect import DATABASE
from evalharness.store.runs import find
from evalharness.verdict.baseline_changes import mismatches
from evalharness.verdict.baseline_sums import BaselineSums, sums_of
from evalharness.verdict.baseline_trials import Kept, trials_of
from evalharness.verdict.gates import needs_trials
from evalharness.verdict.view import view


def read_baseline(text: str, out: Path) -> Kept:
    """The baseline a person named: a file, else a run (its folder, its id or ``latest``) under ``out``.

    Raises ``UsageError`` where it is neither, and for a file that is no baseline.
    """
    path = Path(text)
    if path.name != DATABASE and (path.is_file() or path.suffix == ".json"):
        return baseline_file.read(path)
    return trials_of(view(load.load(find(out, text))))


def run_beside(analysis: Analysis, out: Path, named: str = "") -> RunRecord | None:
    """The run that was compared with, for the answers of changed cases: as a person ``named`` it, or by its id under
    ``out``. None where no case changed, and where it is not there or cannot be read."""
    source = analysis.baseline_run
    if source is None or not any(analysis.run_flips.values()):
        return None
    for text in filter(None, (named, source.run_id)):
        try:
            record = load.load(find(out, text))
        except (UsageError, StoreError):
            continue
        if record.manifest.run_id == source.run_id:
            return record
    return None


def refuse_unfit(plan: Plan, kept: Kept) -> None:
    """Raises ``UsageError`` where runs of ``plan`` cannot be compared with the baseline at all."""
    if reasons := mismatches(plan, kept.facts):
        lines = "".join(f"\n  {reason}" for reason in reasons)
        raise UsageError(
            f"nothing can be compared with the baseline {kept.facts.run_id}:{lines}",
            hint="make a baseline with the present suite, and write it with `evalharness baseline write RUN FILE`",
        )
    refuse_missing_trials(plan, kept)


def refuse_missing_trials(plan: Plan, kept: Kept) -> None:
    """Raises ``UsageError`` where a gate compares quantiles and only sums are kept."""
    wanted = [gate.number for gate in plan.suite.gates if needs_trials(gate)]
    if wanted and not kept.has_trials:
        raise UsageError(
            f"gate {wanted[0]} compares a quantile with the baseline run, and a baseline file holds none",
            hint="name the run itself: --baseline RUN",
        )


def attach(folder: Path, text: str, out: Path) -> None:
    """Let the stored run be compared with this baseline from now on: the figures of its report are the same wherever it
    is made; the baseline's answers are in it where that run is at hand.

    Raises ``UsageError`` where the two cannot be compared, ``StoreError`` where the folder cannot be written.
    """
    kept, record = read_baseline(text, out), load.load(folder)
    if kept.has_trials and kept.facts.run_id == record.manifest.run_id:
        raise UsageError(f"both are run {record.manifest.run_id}", hint="name another run: `evalharness list`")
    refuse_unfit(record.plan, kept)
    keep_baseline(folder, kept)


def sums_of_run(folder: Path) -> BaselineSums:
    """What a baseline file keeps of a run. Raises ``UsageError`` for one that is not finished."""
    record = load.load(folder)
    n_pending = _n_pending(record)
    if n_pending:
        raise UsageError(
            f"{n_pending:,} trials of run {record.manifest.run_id} have not ended: a baseline is a whole run",
            hint="finish it with the `evalharness run` command that began it",
        )
    return sums_of(trials_of(view(record)))


def _n_pending(record: RunRecord) -> int:
    return sum(record.results[trial.trial_id].status is Status.PENDING for trial in analysed_trials(record))


def write(folder: Path, path: Path) -> Path:
    """A new baseline file. Raises ``UsageError`` where the file exists already."""
    if path.exists():
        raise UsageError(f"{path} exists already", hint="`evalharness baseline accept RUN FILE` shows what changes")
    return _write(baseline_file.file_text(sums_of_run(folder)), path)


def _write(text: str, path: Path) -> Path:
    from evalharness.report.write import write_text

    return write_text(path, text)


def accept(folder: Path, path: Path) -> Path:
    """The run in place of what the file holds."""
    return _write(baseline_file.file_text(sums_of_run(folder)), path)
