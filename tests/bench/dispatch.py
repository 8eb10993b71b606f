"""How late trials of an open load start: from the moment a load shape meant to the moment the request was sent."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.bench.commands import run_command
from tests.bench.machine import Strain
from tests.bench.size import Size
from tests.bench.suites import write_suite
from tests.bench.tables import STRAIN, Column, Table, at_least, at_most

_RATE_PER_S = 200


def tables(size: Size, folder: Path) -> Iterator[Table]:
    seconds = size.pick(3, 5, 20)
    for shape in ("constant", "poisson"):
        strain = Strain()
        late_ms = _queue_ms(folder, shape, seconds)
        p50, p99, most = (float(value) for value in np.quantile(late_ms, (0.5, 0.99, 1)))
        yield Table(
            title=f"dispatch, {shape}",
            load=f"The whole command, {_RATE_PER_S} trials/s for {seconds} s on the simulator that answers at once.",
            columns=(
                Column("trials", "trials", digits=None),
                Column("p50", "queue_ms p50"),
                Column("p99", "p99"),
                Column("max", "max"),
                *STRAIN,
            ),
            rows=[{"trials": len(late_ms), "p50": p50, "p99": p99, "max": most, **strain.cells()}],
            targets=[
                at_most("dispatch lag, p99", p99, 1, " ms"),
                at_least("trials sent, of those the rate asks for", len(late_ms) / (_RATE_PER_S * seconds), 0.9),
            ],
        )


def _queue_ms(folder: Path, shape: str, seconds: int) -> list[float]:
    load = f"{{shape: {shape}, rate_per_s: {_RATE_PER_S}, duration_s: {seconds}}}"
    suite = write_suite(folder, cases=_RATE_PER_S, repeats=seconds, load=load)
    runs = folder / f"runs-{shape}"
    run_command("run", suite, "--fresh", "--quiet", "--no-report", "--out", runs, cwd=folder)
    (stored,) = runs.rglob("run.db")
    exported = folder / f"{shape}.jsonl"
    run_command("export", stored.parent, "--format", "jsonl", "--output", exported, cwd=folder)
    timings = [json.loads(line)["timing"] for line in exported.read_text(encoding="utf-8").splitlines()]
    return [timing["queue_ms"] for timing in timings if timing["queue_ms"] is not None]
