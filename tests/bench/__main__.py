"""Times whole commands and the parts of a report: median of several runs, with the bound the project set itself.

Machines differ and are shared: compare figures of one table, and a change against its parent in one sitting.
"""

from __future__ import annotations

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.support.command import PROGRAM, environment
from tests.support.runs import make_run

SUITE = """
suite: bench
endpoints: {sim: {simulator: instant, model: sim-mini}}
prompts: {plain: "{{ q }}"}
cases:
CASES
repeats: REPEATS
graders: [{id: answer, type: numeric, expected: "{{ expected }}"}]
load: {concurrency: 16}
"""

Row = tuple[str, float, str, str]


def suite(folder: Path, *, cases: int, repeats: int) -> Path:
    rows = "\n".join(f'  - {{id: c{i}, vars: {{q: "{i} + 4?"}}, expected: "{i + 4}"}}' for i in range(cases))
    path = folder / f"bench-{cases}x{repeats}.yaml"
    path.write_text(SUITE.replace("CASES", rows).replace("REPEATS", str(repeats)), encoding="utf-8")
    return path


def command_s(*arguments: str | Path, cwd: Path) -> float:
    started = time.perf_counter()
    subprocess.run([PROGRAM, *map(str, arguments)], cwd=cwd, env=environment(), check=True, capture_output=True)
    return time.perf_counter() - started


def median_s(times: int, work: Callable[[], object]) -> float:
    found = []
    for _ in range(times):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return statistics.median(found)


def rows(folder: Path) -> Iterator[Row]:
    yield "--help", median_s(7, lambda: command_s("--help", cwd=folder)), "s", "0.3"
    one, two_hundred = suite(folder, cases=1, repeats=1), suite(folder, cases=20, repeats=10)
    bare = median_s(5, lambda: command_s("run", one, "--fresh", "--quiet", "--no-report", cwd=folder))
    yield "one call, whole command, no report (simulator's start in it)", bare, "s", "0.7 over the server's"
    whole = median_s(5, lambda: command_s("run", two_hundred, "--fresh", "--quiet", cwd=folder))
    yield "200 trials, zero latency, with store, grading, report", whole, "s", "4"
    peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / (1024 if sys.platform == "linux" else 2**20)
    yield "largest process of the above", peak_mb, "MB", ""
    yield from analysis_rows()


def analysis_rows() -> Iterator[Row]:
    from evalharness.report.page import render_page
    from evalharness.report.settings import ReportSettings
    from evalharness.verdict.compare import analyse

    run = make_run(arms=5, cases=2_000, repeats=1, seed=1)
    analysis = analyse(run)
    yield "statistics, 5 arms x 2,000 cases", median_s(3, lambda: analyse(run)), "s", "2"
    page = render_page(run, analysis, ReportSettings())
    yield "page of 10,000 trials", median_s(3, lambda: render_page(run, analysis, ReportSettings())), "s", "2"
    yield "its size", len(page.encode("utf-8")) / 1000, "kB", "600"


def main() -> None:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores, load {load}\n")
    with tempfile.TemporaryDirectory() as name:
        for what, value, unit, target in rows(Path(name)):
            print(f"{what:62} {value:8.2f} {unit:3} {'target ' + target if target else ''}", flush=True)


if __name__ == "__main__":
    main()
