"""Whether a run of ten times as many calls takes more memory than what it was asked to remember."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from tests.bench.commands import Ran, run_command
from tests.bench.size import Size
from tests.bench.suites import write_suite
from tests.bench.tables import STRAIN, Cell, Column, Table

_CASES = 20
#: The first part of a run is spent on imports and on filling pools, the last on its analysis.
_SETTLED_SHARE, _ENDING_SHARE = 0.3, 0.8


def tables(size: Size, folder: Path) -> Iterator[Table]:
    lengths = size.pick((400, 2_000), (1_000, 5_000), (2_000, 20_000))
    runs = [(n_calls, _run(folder, n_calls)) for n_calls in lengths]
    (n_short, short), (n_long, long) = runs
    grown = None
    if short.peak_mib is not None and long.peak_mib is not None:
        grown = (long.peak_mib - short.peak_mib) / (n_long - n_short) * 1000
    yield Table(
        title="memory over the length of a run",
        load="The whole command without report, 16 calls in flight, on a simulator that answers at once; memory of the"
        " command's own process.",
        columns=(
            Column("n_calls", "calls", digits=None),
            Column("wall_s", "wall s"),
            Column("peak_mib", "peak MiB"),
            Column("growth_kib", "growth while running, KiB per 1,000 calls"),
            *STRAIN,
        ),
        rows=[_row(n_calls, ran) for n_calls, ran in runs],
        notes=[]
        if grown is None
        else [f"Peak: {grown * 1024:.0f} KiB more per 1,000 further calls: the plan, and the analysis at the end."],
    )


def _run(folder: Path, n_calls: int) -> Ran:
    suite = write_suite(folder, cases=_CASES, repeats=n_calls // _CASES)
    return run_command("run", suite, "--fresh", "--quiet", "--no-report", cwd=folder)


def _row(n_calls: int, ran: Ran) -> dict[str, Cell]:
    return {
        "n_calls": n_calls,
        "wall_s": ran.wall_s,
        "peak_mib": ran.peak_mib,
        "growth_kib": _growth_kib(ran.rss_mib, ran.wall_s, n_calls),
        **ran.strain,
    }


def _growth_kib(rss_mib: Sequence[tuple[float, float]], wall_s: float, n_calls: int) -> float | None:
    """Slope of a straight line through the middle of the run; calls are taken as evenly spread over it."""
    later = np.array([look for look in rss_mib if _SETTLED_SHARE * wall_s < look[0] < _ENDING_SHARE * wall_s])
    if len(later) < 3:
        return None
    mib_per_s = np.polyfit(later[:, 0], later[:, 1], 1)[0]
    return float(mib_per_s * wall_s / n_calls * 1000 * 1024)
