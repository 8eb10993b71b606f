"""What a report costs once the calls are in: statistics, page, and memory of a stored run, each on one core."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.bench.size import Size
from tests.bench.stored_runs import stored_run
from tests.bench.tables import Cell, Column, Table, Target, at_most
from tests.support.peak import peak_mib

_ARMS = 5
#: Cases and repeats by the number of trials.
_SHAPES = {10_000: (2_000, 1), 100_000: (2_000, 10), 1_000_000: (20_000, 10)}
#: Of statistics and page by the number of trials, and of the memory of the process that makes them.
_TARGETS_S = {10_000: 3.0, 1_000_000: 20.0}
_MOST_MIB = 1_000.0
_STATISTICS_S = 2.0
#: One thread of the matrix library: the figures are those of one core.
_ONE_CORE = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def tables(size: Size, folder: Path) -> Iterator[Table]:
    lengths = size.pick((10_000,), (10_000, 100_000), (10_000, 100_000, 1_000_000))
    measured = {n: _report(folder, n) for n in lengths}
    yield Table(
        title="analysis of a stored run",
        load=f"{_ARMS} arms, one call in a hundred failed; a process for each; seconds of its CPU;"
        f" load average {os.getloadavg()[0]:.1f}.",
        columns=(
            Column("n_trials", "trials", digits=None),
            Column("load_s", "load s"),
            Column("statistics_s", "statistics s"),
            Column("page_s", "page s"),
            Column("page_kb", "page kB"),
            Column("peak_mib", "peak MiB"),
        ),
        rows=[{"n_trials": n, **found} for n, found in measured.items()],
        targets=[target for n, found in measured.items() for target in _targets(n, found)],
    )
    draws = _in_a_process("draws", "")
    yield Table(
        title="draws",
        load="1,000 cases, 10 repeats, 5 arms; 10,000 draws, nothing kept from before; seconds of CPU.",
        columns=(Column("what", "what", digits=None), Column("seconds", "s")),
        rows=[{"what": what, "seconds": seconds} for what, seconds in draws.items()],
        targets=[at_most(what, seconds, 1.0, " s") for what, seconds in draws.items()],
    )


def _targets(n: int, found: dict[str, float]) -> Iterator[Target]:
    both_s = found["statistics_s"] + found["page_s"]
    if n == 10_000:
        yield at_most("statistics of 10,000 trials", found["statistics_s"], _STATISTICS_S, " s")
    if n in _TARGETS_S:
        yield at_most(f"statistics and page of {n:,} trials", both_s, _TARGETS_S[n], " s")
        yield at_most(f"memory for {n:,} trials", found["peak_mib"], _MOST_MIB, " MiB")


def _report(folder: Path, n: int) -> dict[str, float]:
    cases, repeats = _SHAPES[n]
    run = stored_run(folder / f"analysis-{n}", arms=_ARMS, cases=cases, repeats=repeats)
    return _in_a_process("report", str(run))


def _in_a_process(what: str, argument: str) -> dict[str, float]:
    """Raises ``RuntimeError`` where it fails."""
    command = [sys.executable, "-m", "tests.bench.analysis", what, argument]
    ran = subprocess.run(command, env=os.environ | _ONE_CORE, capture_output=True, text=True)
    if ran.returncode:
        raise RuntimeError(f"{what}: {ran.stderr.strip()[-500:]}")
    found: dict[str, float] = json.loads(ran.stdout)
    return found


def measure_report(folder: str) -> dict[str, Cell]:
    from evalharness.report.page import render_page
    from evalharness.report.settings import ReportSettings
    from evalharness.store.load import load
    from evalharness.verdict.compare import analyse

    load_s, run = _timed(lambda: load(Path(folder)))
    statistics_s, analysis = _timed(lambda: analyse(run))
    page_s, page = _timed(lambda: render_page(run, analysis, ReportSettings()))
    return {
        "load_s": load_s,
        "statistics_s": statistics_s,
        "page_s": page_s,
        "page_kb": len(page.encode("utf-8")) / 1000,
        "peak_mib": peak_mib(),
    }


def measure_draws(_: str) -> dict[str, Cell]:
    """The means of five arms with their studentised intervals, and one difference with its test."""
    import numpy as np

    from evalharness.stats.bootstrap import sign_flip
    from evalharness.stats.means import estimate_means
    from evalharness.stats.sample import Settings, sample_of

    draw, cases = np.random.default_rng(1), np.repeat(np.arange(1_000), 10)
    p = draw.beta(2, 1, 1_000)[cases]
    arms = [(draw.random(len(p)) < p).astype(float) for _ in range(_ARMS)]
    samples = [sample_of(scores, cases, np.arange(1_000)) for scores in arms]
    settings = Settings(seed=1, n_resamples=10_000)
    bootstrap_s, _ = _timed(lambda: estimate_means(samples, settings, units=["share"] * _ARMS))
    money = draw.normal(size=1_000)  # no multiples of one step, whose p needs no draws
    flips_s, _ = _timed(lambda: sign_flip(money, settings))
    return {"bootstrap of clusters, five arms": bootstrap_s, "sign flips": flips_s}


def _timed(work: Callable[[], object]) -> tuple[float, object]:
    started_s = time.process_time()
    made = work()
    return time.process_time() - started_s, made


if __name__ == "__main__":
    print(json.dumps({"report": measure_report, "draws": measure_draws}[sys.argv[1]](sys.argv[2])))
