"""Latency runs side by side: one row for each run and arm, in every format, and no comparison by test."""

from __future__ import annotations

import re

import pytest

from evalharness.core.errors import UsageError
from evalharness.report import together
from tests.support.reports import analysed, plain_markdown, shown_text

KINDS = ("latency", "latency, arms", "levels", "latency, no target")


@pytest.fixture(scope="module")
def found() -> together.Together:
    return together.together([analysed(kind) for kind in KINDS], [f"{place}/report.html" for place in range(4)])


def test_each_run_and_arm_has_one_row_with_its_verdict_times_and_error(found):
    assert [row.head for row in found.table.rows] == ["all calls", "swift", "slow", "all calls", "all calls"]
    columns = {title: [row.cells[place] for row in found.table.rows] for place, title in enumerate(found.table.columns)}
    assert [cell.mark for cell in columns["Good"]] == ["met", "met", "not met", "met", ""]
    assert all(cell.below for title in ("First output, p95", "Total time, p95") for cell in columns[title])
    assert columns["Stated error, first output"][-1].below == "not recorded"
    assert [cell.main for cell in columns["Holds up to"]] == ["–", "–", "–", "20/s", "–"]


def test_a_run_with_levels_says_of_which_one_its_figures_are(found):
    assert found.table.rows[3].notes == ("at 20/s",)
    assert any("figures at the highest that holds" in note for note in found.notes)


def test_every_format_has_the_same_figures_and_says_that_nothing_is_paired(found):
    page = shown_text(together.page(found))
    text = plain_markdown(together.markdown(found))
    screen = " ".join(together.terminal(found, width=100, unicode=True).split())
    for row in found.table.rows:
        p95 = row.cells[found.table.columns.index("First output, p95")]
        for told in (page, text, screen):
            assert p95.main in told
            assert p95.below in told
    for told in (page, text, screen):
        assert "These runs are not paired" in told
        assert "SIMULATED" in told


def test_the_page_loads_nothing_runs_nothing_and_links_to_the_reports(found):
    page = together.page(found)
    assert "<script" not in page
    assert "default-src &#39;none&#39;" in page
    assert re.findall(r'<li><a href="([^"]+)"', page) == [f"{place}/report.html" for place in range(4)]


def test_the_terminal_keeps_to_its_width(found):
    for width in (72, 100):
        assert max(map(len, together.terminal(found, width=width, unicode=True).splitlines())) <= width


def test_a_run_that_is_no_latency_run_is_refused_by_name():
    sweep = analysed("sweep")
    with pytest.raises(UsageError, match=sweep[0].manifest.run_id):
        together.together([analysed("latency"), sweep], ["a", "b"])
