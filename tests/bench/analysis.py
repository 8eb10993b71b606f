"""What a report costs once the calls are in."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.machine import Strain
from tests.bench.size import Size
from tests.bench.tables import Column, Table, at_most
from tests.support.runs import make_run

_ARMS, _CASES = 5, 2_000


def tables(size: Size, folder: Path) -> Iterator[Table]:
    from evalharness.report.page import render_page
    from evalharness.report.settings import ReportSettings
    from evalharness.verdict.compare import analyse

    strain = Strain()
    times = size.pick(1, 3, 5)
    run = make_run(arms=_ARMS, cases=_CASES, repeats=1, seed=1)
    analysis = analyse(run)
    statistics_s = _median_s(times, lambda: analyse(run))
    page_s = _median_s(times, lambda: render_page(run, analysis, ReportSettings()))
    size_kb = len(render_page(run, analysis, ReportSettings()).encode("utf-8")) / 1000
    yield Table(
        title="analysis",
        load=f"{_ARMS} arms x {_CASES:,} cases, in memory; {strain.words}.",
        columns=(Column("what", "what", digits=None), Column("value", "value"), Column("unit", "unit", digits=None)),
        rows=[
            {"what": "statistics", "value": statistics_s, "unit": "s"},
            {"what": "page", "value": page_s, "unit": "s"},
            {"what": "its size", "value": size_kb, "unit": "kB"},
        ],
        targets=[at_most("statistics and page of 10,000 trials", statistics_s + page_s, 3, " s")],
    )


def _median_s(times: int, work: Callable[[], object]) -> float:
    found = []
    for _ in range(times):
        started_s = time.perf_counter()
        work()
        found.append(time.perf_counter() - started_s)
    return statistics.median(found)
