"""What it costs to tell of many runs at once: the index of all suites, and the page of one suite's runs."""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from tests.bench.size import Size
from tests.bench.tables import Column, Table, at_most
from tests.support.reports import analysed

Made = TypeVar("Made")
_RUNS = 500
_SUITES = 5
_INDEX_MS = 150.0
_INDEX_KB = 300.0


def tables(size: Size, folder: Path) -> Iterator[Table]:
    from evalharness.core.run_summary import summary_of
    from evalharness.report import index
    from evalharness.report.summary import report_json
    from evalharness.report.trend_page import history_page
    from evalharness.verdict.history import history

    made = json.loads(report_json(*analysed("sweep")))
    reports = [
        made
        | {
            "run_id": f"20261101T120000Z-{number:04x}",
            "suite": f"support-triage-{number % _SUITES}",
            "commit": f"{number:040x}",
            "created_utc": f"2026-11-01T{number // 60:02d}:{number % 60:02d}:00.000Z",
            "verdict": "not enough data",
            "arms": [_moved(arm, number) for arm in made["arms"]],
        }
        for number in range(_RUNS)
    ]
    index.render(reports[:_SUITES])  # templates are compiled once a process
    index_s, page = _timed(lambda: index.render(reports))
    runs = [summary_of(report) for report in reports[::_SUITES]]
    searched_s, found = _timed(lambda: history(runs))
    history_s, over_time = _timed(lambda: history_page(found))
    kb = len(page.encode()) / 1000
    yield Table(
        title="many runs at once",
        load=f"{_RUNS} runs of {_SUITES} suites with {made['n_arms']} arms each; seconds of CPU in one process, nothing"
        f" kept from before but compiled templates; load average {os.getloadavg()[0]:.1f}.",
        columns=(
            Column("what", "what", digits=None),
            Column("runs", "runs", digits=None),
            Column("s", "s"),
            Column("kb", "kB"),
        ),
        rows=[
            {"what": "index", "runs": _RUNS, "s": index_s, "kb": kb},
            {"what": "search for changes, one suite", "runs": len(runs), "s": searched_s, "kb": None},
            {
                "what": "page over time, one suite",
                "runs": len(runs),
                "s": history_s,
                "kb": len(over_time.encode()) / 1000,
            },
        ],
        targets=[
            at_most(f"index of {_RUNS} runs", index_s * 1000, _INDEX_MS, " ms"),
            at_most(f"size of the index of {_RUNS} runs", kb, _INDEX_KB, " kB"),
        ],
    )


def _moved(arm: dict[str, Any], number: int) -> dict[str, Any]:
    """Figures that scatter from run to run, so that there is something to search."""
    share = 1 + 0.02 * math.sin(7.3 * number)
    return {
        name: value if name == "label" else [end and end * share for end in value]
        for name, value in arm.items()
        if value is not None
    }


def _timed(work: Callable[[], Made]) -> tuple[float, Made]:
    started_s = time.process_time()
    made = work()
    return time.process_time() - started_s, made
