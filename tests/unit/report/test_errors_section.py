"""What went wrong: one table of what did, and sentences for the rest."""

from __future__ import annotations

from dataclasses import replace

from evalharness.core.findings import Analysis
from evalharness.core.model import Status
from evalharness.report.cells import Table
from evalharness.report.sections import errors
from evalharness.report.settings import ReportSettings
from evalharness.report.view import make_view
from tests.support.reports import analysed, rendered, shown_text

CALM = {
    "failures": {},
    "incomplete_reasons": {},
    "n_cut": 0,
    "n_cut_by_reasoning": 0,
    "n_retries": 0,
    "p95_retries": 0,
    "n_null_scores": 0,
    "anomalies": {},
    "wasted_cost_usd": 0.0,
    "quality_bounds": {},
}


def built(analysis: Analysis, kind: str = "sweep") -> errors.Errors:
    return errors.build(make_view(analysed(kind)[0], analysis, ReportSettings()))


def calm(kind: str = "sweep") -> Analysis:
    """Every call was answered at the first try."""
    analysis = analysed(kind)[1]
    arms = [replace(arm, counts={Status.OK: arm.n_planned}, **CALM) for arm in analysis.arms]
    return replace(analysis, arms=tuple(arms))


def changed(analysis: Analysis, place: int, **changes: object) -> Analysis:
    arms = list(analysis.arms)
    arms[place] = replace(arms[place], **changes)
    return replace(analysis, arms=tuple(arms))


def rows(table: Table) -> dict[str, list[tuple[str, str]]]:
    return {row.head: [(cell.main, cell.below) for cell in row.cells] for row in table.rows}


def test_where_nothing_went_wrong_there_is_a_sentence_and_no_table():
    found = built(calm())
    assert found.headline == "No call failed in 400."
    assert found.table is None


def test_the_table_has_what_happened_and_to_whom_and_one_sentence_has_the_rest():
    analysis = changed(
        calm(),
        1,
        counts={Status.OK: 72, Status.ERROR: 8},
        failures={"timeout": 5, "rate_limit": 3},
        wasted_cost_usd=0.25,
        n_retries=14,
        p95_retries=2,
    )
    found = built(analysis)
    assert found.table.columns == ("low",)
    assert rows(found.table) == {
        "Planned": [("80", "")],
        "Failed": [("8", "10.0%")],
        "Failed: rate limit": [("3", "")],
        "Failed: timeout": [("5", "")],
        "Retries": [("14", "p95: 2")],
        "Paid for no answer": [("$0.250", "")],
    }
    assert found.sentences[0] == "Nothing of this in the other 4 arms: every call was answered at the first try."


def test_a_status_of_one_kind_is_named_with_it():
    analysis = changed(calm(), 2, counts={Status.OK: 79, Status.INCOMPLETE: 1}, incomplete_reasons={"length": 1})
    assert "Cut short (length)" in rows(built(analysis).table)


def test_of_many_arms_each_has_a_row():
    many = calm("many arms")
    arms = [replace(arm, n_retries=1) for arm in many.arms]
    table = built(replace(many, arms=tuple(arms)), "many arms").table
    assert table.head == "Arm"
    assert table.columns == ("Planned", "Retries")
    assert len(table.rows) == 21


def test_what_missing_calls_could_change_stands_in_the_same_table():
    analysis = changed(calm(), 0, n_null_scores=2, quality_bounds={"answer": (0.7, 0.725)})
    assert rows(built(analysis).table)["Right, whatever is missing"] == [("70.0%", "to 72.5%")]


def test_efforts_that_were_honoured_alike_are_a_sentence_and_others_a_table():
    assert any("honoured" in sentence for sentence in built(analysed("sweep")[1]).sentences)
    assert built(analysed("sweep")[1]).efforts is None
    ignored = built(analysed("effort ignored")[1], "effort ignored")
    assert ignored.efforts is not None
    assert not any("honoured" in sentence for sentence in ignored.sentences)


def test_of_runs_in_which_nothing_was_answered_nothing_is_compared():
    for kind in ("nothing sent", "all failed"):
        page = rendered(kind)
        assert 'id="quality"' not in page
        assert 'id="tags"' not in page
        assert "too close to tell" not in shown_text(page)
        assert "whatever is missing" not in shown_text(page)
