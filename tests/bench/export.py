"""How long the command takes to write a large run in each format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tests.bench.commands import run_command
from tests.bench.size import Size
from tests.bench.stored_runs import stored_run
from tests.bench.tables import STRAIN, Column, Table, at_most

_FORMATS = ("jsonl", "csv", "parquet", "junit")
_ARMS, _REPEATS = 5, 10
_MB = 1e6
_TARGET_S = 30.0


def tables(size: Size, folder: Path) -> Iterator[Table]:
    cases = size.pick(200, 2_000, 2_000)
    n_trials = cases * _ARMS * _REPEATS
    stored = stored_run(folder / "export", arms=_ARMS, cases=cases, repeats=_REPEATS)
    walls: dict[str, float] = {}
    rows: list[dict[str, float | str | None]] = []
    for name in _FORMATS:
        target = folder / f"trials.{name}"
        ran = run_command("export", stored, "--format", name, "--output", target, cwd=folder)
        written: dict[str, float | str | None] = {
            "format": name,
            "wall_s": ran.wall_s,
            "peak_mib": ran.peak_mib,
            "mb": target.stat().st_size / _MB,
        }
        walls[name] = ran.wall_s
        rows.append({**written, **ran.strain})
    yield Table(
        title="export",
        load=f"{n_trials:,} trials in one folder, the whole command for each format.",
        columns=(
            Column("format", "format", digits=None),
            Column("wall_s", "wall s"),
            Column("peak_mib", "peak MiB"),
            Column("mb", "file MB"),
            *STRAIN,
        ),
        rows=rows,
        targets=[at_most(f"{name} of {n_trials:,} trials", wall_s, _TARGET_S, " s") for name, wall_s in walls.items()],
    )
