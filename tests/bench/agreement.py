"""Whether a run's figures are the server's: the whole command on the simulator, its export against the truth log."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from evalharness.app.api import Run
from tests.bench import packets
from tests.bench.against_log import Agreement, Compared, agreement
from tests.bench.commands import run_command
from tests.bench.machine import Strain
from tests.bench.size import Size
from tests.bench.suites import write_suite
from tests.bench.tables import STRAIN, Cell, Column, Table, Target, at_least, at_most
from tests.support.local_model import local_model
from tests.support.servers import simulator

_QUANTILES = ("0.5", "0.9", "0.99")
#: Gaps so long that two cores are enough for 2,000 streams and the server of them; the first output after all requests
#: have been read.
_SLOW = {
    "extends": "latency",
    "answer_tokens": 12,
    "efforts": {"high": {"ttfo_ms": {"median": 5000}}},
    "gap_ms": {"median": 400},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """``profile``: a built-in one, or the content of a file."""

    streams: int
    rounds: int
    profile: str | Mapping[str, Any] = "latency"
    what: str = "first output after 200 ms, then 10 ms between 50 deltas"


def scenes(size: Size) -> list[Scene]:
    found = [
        Scene(streams=16, rounds=size.pick(10, 40, 100)),
        Scene(streams=64, rounds=size.pick(5, 15, 40)),
        Scene(
            streams=8, rounds=size.pick(20, 75, 200), profile="default",
            what="the default profile, first output after about 220 ms, then 1.5 ms between deltas, at random",
        ),
    ]  # fmt: skip
    if size is not Size.QUICK:
        slow = "first output after 5 s, then 400 ms between 12 deltas"
        found.append(Scene(streams=2000, rounds=size.pick(1, 1, 2), profile=_SLOW, what=slow))
    return found


def tables(size: Size, folder: Path) -> Iterator[Table]:
    for scene in scenes(size):
        strain = Strain()
        found, quantiles = measured(scene, folder / f"agreement-{scene.streams}")
        yield _table(scene, found, quantiles, strain)
    if size is not Size.QUICK and packets.why_not() is None:
        strain = Strain()
        found, quantiles = measured_on_the_local_model(size, folder / "agreement-local")
        yield _table(_LOCAL, found, quantiles, strain)


#: Two calls at once, which is what that server answers at a time.
_LOCAL = Scene(
    streams=2, rounds=12, profile="none: llama.cpp's server and a real model",
    what="a real model behind llama.cpp's server, 24 tokens each; the log is that of the packets, by tcpdump",
)  # fmt: skip


def measured_on_the_local_model(size: Size, folder: Path) -> tuple[Agreement, Mapping[str, Mapping[str, float | None]]]:
    folder.mkdir()
    with local_model() as server:
        port = urlsplit(server.base_url).port
        assert port is not None
        suite = write_suite(
            folder, cases=4, repeats=_LOCAL.streams * size.pick(1, _LOCAL.rounds, 40) // 4,
            endpoint=f"base_url: '{server.base_url}'", load=f"{{concurrency: {_LOCAL.streams}}}",
            request="{max_output_tokens: 24, temperature: 0}",
        )  # fmt: skip
        with packets.capturing(port, folder / "packets.pcap"):
            run_command("run", suite, "--fresh", "--quiet", "--no-report", cwd=folder)
    return _against(folder, packets.log_of(folder / "packets.pcap", port), key="response_id")


def measured(scene: Scene, folder: Path) -> tuple[Agreement, Mapping[str, Mapping[str, float | None]]]:
    """What the export says against the log, and the quantiles of the run's own analysis."""
    folder.mkdir()
    profile = scene.profile
    if not isinstance(profile, str):
        path = folder / "profile.json"
        path.write_text(json.dumps(profile), encoding="utf-8")
        profile = str(path)
    with simulator(profile=profile, truth_log=folder / "truth.jsonl") as server:
        suite = write_suite(
            folder, cases=20, repeats=max(1, scene.streams * scene.rounds // 20),
            endpoint=f"base_url: '{server.base_url}'", load=f"{{concurrency: {scene.streams}}}",
            request="{reasoning: {effort: high}}",
        )  # fmt: skip
        run_command("run", suite, "--fresh", "--quiet", "--no-report", cwd=folder)
    return _against(folder, _lines(folder / "truth.jsonl"))


def _against(
    folder: Path, log: Sequence[Mapping[str, Any]], *, key: str = "request_id"
) -> tuple[Agreement, Mapping[str, Mapping[str, float | None]]]:
    run_command("export", "latest", "--format", "jsonl", "--output", folder / "trials.jsonl", cwd=folder)
    trials = _lines(folder / "trials.jsonl")
    (stored,) = folder.rglob("run.db")
    (arm,) = Run(stored.parent).analysis.arms
    quantiles = {
        name: {q: estimate and estimate.point for q, estimate in time.quantiles.items()}
        for name, time in arm.times.items()
    }
    shutil.rmtree(folder)
    return agreement([trial for trial in trials if trial["phase"] == "measured"], log, key=key), quantiles


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


_COLUMNS = (
    Column("metric", "metric", digits=None),
    Column("error_p50", "error p50"),
    Column("error_p99", "p99"),
    Column("error_max", "max"),
    Column("stated_p50", "stated error p50"),
    Column("stated_p99", "p99"),
    Column("within", "truth within it", digits=None),
    *(Column(f"q{q}", f"p{float(q) * 100:g}, run / log", digits=None) for q in _QUANTILES),
    *STRAIN,
)


def _table(
    scene: Scene, found: Agreement, quantiles: Mapping[str, Mapping[str, float | None]], strain: Strain
) -> Table:
    cells = strain.cells()
    late = np.quantile(found.late_ms, (0.5, 0.99, 1))
    return Table(
        title=f"agreement with the server's log, {scene.streams:,} streams",
        load=f"The whole command, {found.n_calls:,} calls: {scene.what}. Milliseconds. Error: by how much the run"
        " missed the span in which the server wrote; stated error: what the run says of that call (of tpot_ms: of its"
        " two ends).",
        columns=_COLUMNS,
        rows=[_row(name, one, quantiles[name]) | cells for name, one in found.metrics.items()],
        notes=[
            f"{found.n_failed} calls failed, {found.n_unstated} have no stated error. The server itself was late by"
            f" {late[0]:.3g} ms p50, {late[1]:.3g} ms p99, {late[2]:.3g} ms at most: no error of the run's."
        ],
        targets=_targets(found, quantiles),
    )


def _row(name: str, one: Compared, quantiles: Mapping[str, float | None]) -> dict[str, Cell]:
    error_p50, error_p99, error_max = np.quantile(one.error_ms, (0.5, 0.99, 1)).tolist()
    stated_p50, stated_p99 = np.quantile(one.stated_ms, (0.5, 0.99)).tolist()
    row: dict[str, Cell] = {
        "metric": name, "error_p50": error_p50, "error_p99": error_p99, "error_max": error_max,
        "stated_p50": stated_p50, "stated_p99": stated_p99, "within": f"{one.within_share:.2%}",
    }  # fmt: skip
    for q in _QUANTILES:
        said = quantiles[q]
        row[f"q{q}"] = f"{'none' if said is None else format(said, '.3f')} / {_true_quantile(one, q):.3f}"
    return row


def _true_quantile(one: Compared, q: str) -> float:
    """Of the log's times, as the report takes it: a measured value."""
    return float(np.quantile(one.true_ms, float(q), method="inverted_cdf"))


def _targets(found: Agreement, quantiles: Mapping[str, Mapping[str, float | None]]) -> list[Target]:
    return [
        at_most("calls that failed", found.n_failed, 0),
        at_most("calls whose output tokens are not the log's", found.n_tokens_differ, 0),
        *(
            at_least(f"{name}: share of calls whose truth lies within the stated error", one.within_share, 0.99)
            for name, one in found.metrics.items()
        ),
        *(_same_quantiles(name, one, quantiles[name]) for name, one in found.metrics.items()),
    ]


def _same_quantiles(name: str, one: Compared, quantiles: Mapping[str, float | None]) -> Target:
    """Where no call is off by more than ``most``, no quantile of all calls is."""
    most = float((one.stated_ms + np.maximum(one.early_ms, one.late_ms)).max())
    apart = [abs(said - _true_quantile(one, q)) for q in _QUANTILES if (said := quantiles[q]) is not None]
    return at_most(f"{name}: p50, p90, p99 of the run and of the log apart, largest", max(apart), most, " ms")
