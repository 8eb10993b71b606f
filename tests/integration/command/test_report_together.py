"""``report RUN RUN --together`` over stored runs: a page beside their folders, or text on stdout."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from evalharness.cli.main import group
from evalharness.core.errors import UsageError
from tests.support.latency_runs import make_latency_run
from tests.support.runs import make_run
from tests.support.stored import store_run


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("reports")
    for seed in (1, 2):
        run = make_latency_run(levels=(), trials=60, open_per_s=12.0, seed=seed)
        store_run(out, replace(run, manifest=replace(run.manifest, run_id=f"20261101T12000{seed}Z-aaaa")))
    store_run(out, make_run(arms=2, cases=5, repeats=1))
    return out


RUNS = ("20261101T120001Z-aaaa", "20261101T120002Z-aaaa")


def test_the_page_lies_beside_the_runs_and_links_to_their_reports(folder: Path) -> None:
    done = CliRunner().invoke(group, ["report", *RUNS, "--together", "--out", str(folder)])
    assert done.exit_code == 0, done.output
    page = folder / "latency" / "together.html"
    assert done.output.strip() == str(page)
    text = page.read_text(encoding="utf-8")
    assert all(f'href="{run_id}/report.html"' in text for run_id in RUNS)
    assert all((page.parent / run_id / "report.html").exists() for run_id in RUNS), "its links lead somewhere"


@pytest.mark.parametrize("form", ["terminal", "markdown"])
def test_text_goes_to_stdout_with_a_row_for_each_run(folder: Path, form: str) -> None:
    done = CliRunner().invoke(group, ["report", *RUNS, "--together", "--format", form, "--out", str(folder)])
    assert done.exit_code == 0, done.output
    assert all(run_id in done.output for run_id in RUNS)
    assert "not paired" in done.output


def test_a_comparison_of_answers_is_no_latency_run(folder: Path) -> None:
    sweep = next((folder / "effort-maths").iterdir()).name
    done = CliRunner().invoke(group, ["report", RUNS[0], sweep, "--together", "--out", str(folder)])
    assert isinstance(done.exception, UsageError)
    assert sweep in done.exception.message
    assert not list(folder.glob(f"*/{sweep}/report.html"))
