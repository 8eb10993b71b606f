"""What stamps, gaps and numbers of results take: on the disk, in memory, and while a run goes on."""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import sqlite3
import time
import tracemalloc
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from evalharness.core.record import RunRecord, TrialResult
from evalharness.metrics.table import table
from evalharness.store.connect import DATABASE, reading
from evalharness.store.load import load
from evalharness.store.loaded import PackedRows
from evalharness.store.result_rows import read_rows
from evalharness.store.run_store import RunStore
from tests.bench.machine import Strain
from tests.bench.size import Size
from tests.bench.streamed import N_DELTAS, Stream, planned
from tests.bench.tables import Column, Table, at_most
from tests.support.stored import create

_CASES = 1_000
_IN_FLIGHT = 64
_TARGET_RESULTS = 100_000
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MB = 1e6


def tables(size: Size, folder: Path) -> Iterator[Table]:
    strain = Strain()
    n = size.pick(5_000, 20_000, _TARGET_RESULTS)
    out = folder / "storage"
    run = planned(_CASES, n // _CASES)
    stored, append_us, growth_kib, close_s = _written(out, run)
    disk_mb, file_mb = _disk_mb(stored / DATABASE)
    memory_mb = _numbers_mb(stored)
    load_s, table_s = _read_s(stored)
    shutil.rmtree(out)
    scale = _TARGET_RESULTS / n
    what = "stamps, gaps and numbers of 100,000 results of 50 deltas"
    yield Table(
        title="storage",
        load=f"{n:,} results of {N_DELTAS} deltas (gaps lognormal, median 10 ms, sigma 0.5), one score each,"
        f" {_IN_FLIGHT} in flight; {strain.words}.",
        columns=(Column("what", "what", digits=None), Column("value", "value"), Column("unit", "unit", digits=None)),
        rows=[
            {"what": "numbers on the disk (table `results`)", "value": disk_mb, "unit": "MB"},
            {"what": "the whole file (plan, requests, texts, ids)", "value": file_mb, "unit": "MB"},
            {"what": "numbers in memory once loaded", "value": memory_mb, "unit": "MB"},
            {"what": "to store a result, durably", "value": append_us, "unit": "us"},
            {"what": "memory of the store per 1,000 results", "value": growth_kib, "unit": "KiB"},
            {"what": "to pack and close the file", "value": close_s, "unit": "s"},
            {"what": "to load the run", "value": load_s, "unit": "s"},
            {"what": "its table", "value": table_s, "unit": "s"},
        ],
        notes=() if scale == 1 else [f"Targets: scaled from {n:,} results."],
        targets=[
            at_most(f"{what} on the disk", None if disk_mb is None else disk_mb * scale, 20, " MB"),
            at_most(f"{what} in memory", memory_mb * scale, 30, " MB"),
        ],
    )


def _written(out: Path, run: RunRecord) -> tuple[Path, float, float, float]:
    """(folder, microseconds for a result, KiB of memory that 1,000 results leave behind in the store, seconds to close
    it)."""
    stream, ids = Stream(seed=1), _as_they_end([trial.trial_id for trial in run.plan.trials])
    with create(out, run) as store:
        started_s = time.perf_counter()
        settled_kib = 0.0
        for begin in range(0, len(ids), _IN_FLIGHT):
            batch = [stream.result(trial_id) for trial_id in ids[begin : begin + _IN_FLIGHT]]
            asyncio.run(_append(store, batch))
            if begin <= len(ids) // 4:
                settled_kib = _rss_kib()
        seconds = time.perf_counter() - started_s
        growth_kib = (_rss_kib() - settled_kib) / (len(ids) * 3 / 4) * 1000
        asyncio.run(store.finish(run.manifest))
        ended_s = time.perf_counter()
    return store.folder, seconds / len(ids) * 1e6, growth_kib, time.perf_counter() - ended_s


async def _append(store: RunStore, results: Sequence[TrialResult]) -> None:
    await asyncio.gather(*(store.append(result) for result in results))


def _as_they_end(ids: Sequence[str]) -> list[str]:
    """The order in which calls of random length end, so many of them in flight at once."""
    draw, ended, pending = random.Random(1), [], list(ids[:_IN_FLIGHT])
    for trial_id in ids[_IN_FLIGHT:]:
        place = draw.randrange(len(pending))
        ended.append(pending[place])
        pending[place] = trial_id
    return ended + pending


def _disk_mb(path: Path) -> tuple[float | None, float]:
    """(pages of the table of numbers, the file); the first is None where SQLite came without ``dbstat``."""
    with closing(sqlite3.connect(path)) as connection:
        try:
            query = "SELECT sum(pgsize) FROM dbstat WHERE name = 'results'"
            numbers = connection.execute(query).fetchone()[0] / _MB
        except sqlite3.OperationalError:
            numbers = None
    return numbers, path.stat().st_size / _MB


def _numbers_mb(folder: Path) -> float:
    """Of the loaded results without their texts and ids."""
    with reading(folder) as connection:
        tracemalloc.start()
        rows = PackedRows(row._replace(calls=None) for _, row in read_rows(connection))
        numbers_mb = tracemalloc.get_traced_memory()[0] / _MB
        tracemalloc.stop()
    assert rows.statuses
    return numbers_mb


def _read_s(folder: Path) -> tuple[float, float]:
    """Seconds to load the run, and to make its table."""
    began_s = time.perf_counter()
    run = load(folder)
    loaded_s = time.perf_counter()
    table(run)
    return loaded_s - began_s, time.perf_counter() - loaded_s


def _rss_kib() -> float:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * _PAGE_BYTES / 1024
