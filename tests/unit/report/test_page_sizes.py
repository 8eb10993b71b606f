"""What a page may weigh, whatever the run: of simulated answers, which are short."""

from __future__ import annotations

from dataclasses import replace

import pytest

from evalharness.core.model import Plan
from evalharness.core.record import RunRecord
from evalharness.report import embedded_texts, trial_table
from evalharness.report.page import render_page
from evalharness.report.settings import ReportSettings
from evalharness.report.side_pages import render_side_pages
from tests.support.reports import analysed, shown_text
from tests.support.runs import make_run
from tests.unit.report.test_page import embedded


def repeated(run: RunRecord, times: int) -> RunRecord:
    """``times`` as many trials: those of the run again and again, as further repeats."""
    n = run.plan.suite.repeats
    trials, results = [], {}
    for again in range(times):
        for trial in run.plan.trials:
            trial_id = f"{again:04x}{trial.trial_id[4:]}"
            trials.append(replace(trial, trial_id=trial_id, repeat_index=trial.repeat_index + again * n))
            results[trial_id] = replace(run.results[trial.trial_id], trial_id=trial_id)
    plan: Plan = replace(run.plan, trials=tuple(trials), suite=replace(run.plan.suite, repeats=n * times))
    return replace(run, plan=plan, results=results)


@pytest.fixture(scope="module")
def base() -> RunRecord:
    return make_run(arms=5, cases=1_000, repeats=1)


def page(run: RunRecord) -> str:
    # Arms have the same ids whatever the number of cases, so a small run's analysis serves: sizes alone matter here.
    return render_page(run, analysed("sweep")[1], ReportSettings())


def test_fifty_thousand_trials_stay_under_three_megabytes_and_are_all_in_the_table(base):
    html = page(repeated(base, 10))
    assert len(html.encode()) <= 3_000_000
    assert len(embedded(html, "data")["columns"]["case"]) == 50_000 == trial_table.MOST_ROWS
    assert "In this table" not in shown_text(html)


def test_more_trials_than_a_page_holds_add_no_rows_and_nearly_no_bytes(base, monkeypatch):
    monkeypatch.setattr(trial_table, "MOST_ROWS", 5_000)
    full, one, other = page(base), page(repeated(base, 2)), page(repeated(base, 4))
    for html, of in ((one, "10,000"), (other, "20,000")):
        assert len(embedded(html, "data")["columns"]["case"]) == 5_000
        assert f"In this table: 5,000 of {of} trials" in shown_text(html)
    assert len(one.encode()) <= 1.2 * len(full.encode())
    assert len(other.encode()) <= 1.1 * len(one.encode())


def test_no_more_texts_are_read_than_the_page_may_hold(base, monkeypatch):
    monkeypatch.setattr(embedded_texts, "MOST_TEXTS", 300)
    rows = embedded(page(base), "texts")["rows"]
    assert len(rows) == 300
    html = page(replace(base, plan=replace(base.plan, trials=base.plan.trials[:200])))
    assert len(embedded(html, "texts")["rows"]) == 200
    assert "The text of 300 of 5,000 trials in the table is in this page" in shown_text(page(base))


def test_pages_of_full_texts_are_listed_on_a_page_of_their_own_and_lead_to_each_other(base):
    run = replace(base, plan=replace(base.plan, trials=base.plan.trials[:1_100]))
    pages = dict(render_side_pages(run, analysed("sweep")[1], ReportSettings(full_text=True)))
    assert list(pages) == ["p0001.html", "p0002.html", "p0003.html", "index.html"]
    for name in list(pages)[:3]:
        assert f'<a href="{name}">' in pages["index.html"]
    assert '<a href="p0001.html">Trials before</a>' in pages["p0002.html"]
    assert '<a href="p0003.html">Trials after</a>' in pages["p0002.html"]
    assert "Trials before" not in pages["p0001.html"]
    assert "Trials after" not in pages["p0003.html"]
    assert "trials 1,001 to 1,100 of 1,100 trials" in shown_text(pages["p0003.html"])


def test_a_list_of_two_thousand_pages_stays_small():
    from evalharness.report.side_pages import SidePage
    from evalharness.report.templates import render

    pages = [
        SidePage(
            name=f"p{number:04d}.html", n_trials=500, first_case=f"case-{number:05d}", last_case=f"case-{number:05d}"
        )
        for number in range(2_000)
    ]
    shared = {"policy": "", "style": "", "origin": "", "title": "1,000,000 trials"}
    assert len(render("side_index.html.j2", **shared, pages=pages).encode()) <= 500_000
