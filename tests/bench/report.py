"""What a page costs once the statistics are there, and what it costs the browser that opens it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.bench.size import Size
from tests.bench.stored_runs import stored_run
from tests.bench.tables import Cell, Column, Table, Target, at_most
from tests.support.peak import peak_mib

_ARMS = 5
#: Cases and repeats by the number of trials.
_SHAPES = {10_000: (2_000, 1), 50_000: (10_000, 1), 1_000_000: (20_000, 10)}
_RENDER_S = {10_000: 2.0, 50_000: 6.0}
_PAGE_KB = {10_000: 600.0, 50_000: 3_000.0, 1_000_000: 8_000.0}
_LOAD_MS = {10_000: 200.0, 50_000: 250.0}
_OPEN_MS = 1_000.0
_OPENINGS = 5


def tables(size: Size, folder: Path) -> Iterator[Table]:
    lengths = size.pick((10_000,), (10_000, 50_000), (10_000, 50_000, 1_000_000))
    pages = {n: folder / f"report-{n}.html" for n in lengths}
    made = {n: _made(folder, n, page) for n, page in pages.items()}
    yield Table(
        title="the page of a stored run",
        load=f"{_ARMS} arms, one call in a hundred failed; a process for each; seconds of its CPU, and by how much the"
        f" page raised the peak of its memory; load average {os.getloadavg()[0]:.1f}.",
        columns=(
            Column("n_trials", "trials", digits=None),
            Column("render_s", "render s"),
            Column("page_kb", "page kB"),
            Column("more_mib", "more MiB"),
        ),
        rows=[{"n_trials": n, **found} for n, found in made.items()],
        targets=[target for n, found in made.items() for target in _targets(n, found)],
    )
    seen = {n: _opened(page) for n, page in pages.items()} if shutil.which("chromium") else {}
    yield Table(
        title="the page in a browser",
        load=f"Chromium, the page as a file; medians of {_OPENINGS} openings: CPU of the main thread until loaded, and"
        " the time from asking for the table of trials until its first hundred rows stand.",
        columns=(
            Column("n_trials", "trials", digits=None),
            Column("load_ms", "load ms"),
            Column("open_ms", "open table ms"),
        ),
        rows=[{"n_trials": n, **found} for n, found in seen.items()],
        notes=() if seen else ("No Chromium here: not measured.",),
        targets=[
            target
            for n in _LOAD_MS
            if n in seen
            for target in (
                at_most(f"load of {n:,} trials", seen[n]["load_ms"], _LOAD_MS[n], " ms"),
                at_most(f"table of {n:,} trials", seen[n]["open_ms"], _OPEN_MS, " ms"),
            )
        ],
    )


def _targets(n: int, found: Mapping[str, float]) -> Iterator[Target]:
    if n in _RENDER_S:
        yield at_most(f"page of {n:,} trials after the statistics", found["render_s"], _RENDER_S[n], " s")
    yield at_most(f"size of the page of {n:,} trials", found["page_kb"], _PAGE_KB[n], " kB")


def _made(folder: Path, n: int, page: Path) -> dict[str, float]:
    """Raises ``RuntimeError`` where it fails."""
    cases, repeats = _SHAPES[n]
    run = stored_run(folder / f"report-{n}", arms=_ARMS, cases=cases, repeats=repeats)
    command = [sys.executable, "-m", "tests.bench.report", str(run), str(page)]
    ran = subprocess.run(command, capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(f"page of {n:,} trials: {ran.stderr.strip()[-500:]}")
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def measure(run_folder: str, page_path: str) -> dict[str, Cell]:
    from evalharness.report.page import render_page
    from evalharness.report.settings import ReportSettings
    from evalharness.store.load import load
    from evalharness.verdict.compare import analyse

    run = load(Path(run_folder))
    analysis = analyse(run)
    before_mib, started_s = peak_mib(), time.process_time()
    page = render_page(run, analysis, ReportSettings())
    render_s = time.process_time() - started_s
    more_mib = peak_mib() - before_mib
    Path(page_path).write_text(page, encoding="utf-8")
    return {"render_s": render_s, "page_kb": len(page.encode("utf-8")) / 1000, "more_mib": more_mib}


def _opened(path: Path) -> dict[str, float]:
    from playwright.sync_api import sync_playwright

    loads, opens = [], []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for _ in range(_OPENINGS):
            page = browser.new_page()
            session = page.context.new_cdp_session(page)
            session.send("Performance.enable")
            page.goto(path.as_uri())
            metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
            loads.append(metrics["TaskDuration"] * 1000)
            opens.append(page.evaluate(_OPEN))
            page.close()
        browser.close()
    return {"load_ms": sorted(loads)[_OPENINGS // 2], "open_ms": sorted(opens)[_OPENINGS // 2]}


_OPEN = """async () => {
  const started = performance.now();
  location.hash = '#trials?q=';
  while (document.querySelectorAll('#grid tbody tr').length < 100) await new Promise(requestAnimationFrame);
  return performance.now() - started;
}"""


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], sys.argv[2])))
