"""Whatever a run recorded, its report says nothing that statistics forbid: terminal, Markdown and page."""

from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, assume, given, settings

from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.report import markdown, terminal
from evalharness.report.cells import NO_UPPER_LIMIT
from evalharness.report.page import render_page
from evalharness.report.settings import ReportSettings
from evalharness.verdict.compare import analyse
from tests.support.generated_runs import loads, run_of, shapes
from tests.support.latency_runs import make_latency_run
from tests.support.printed import offences
from tests.support.reports import ALL_KINDS, analysed, plain_markdown, shown_text

SLOW = [HealthCheck.too_slow]


def results_of_page(run: RunRecord, analysis: Analysis) -> str:
    """What the page says about the run, without the texts of trials, of the suite and of the methods.

    Cells end in a bar, so that a figure and the reading in the next cell are no sentence. Letters inside of charts
    are left out: ticks of an axis need as many digits as tell them apart. Their descriptions are in.
    """
    html = render_page(run, analysis, ReportSettings())
    for section in ("trials", "methods"):
        html = re.sub(rf'<section[^>]* id="{section}".*?</section>', " ", html, flags=re.S)
    html = re.sub(r"<text\b.*?</text>", " ", html, flags=re.S)
    return shown_text(re.sub("</t[dh]>", " | </td>", html))


def texts(run: RunRecord, analysis: Analysis) -> dict[str, str]:
    return {
        "terminal": terminal.render(run, analysis, width=100),
        "Markdown": plain_markdown(markdown.render(run, analysis)),
        "page": results_of_page(run, analysis),
    }


def check(run: RunRecord) -> None:
    analysis = analyse(run, n_resamples=200)
    for format_name, text in texts(run, analysis).items():
        assert not (found := offences(text)), f"{format_name}: {found}"


@given(shapes)
@settings(max_examples=40, deadline=None, suppress_health_check=SLOW)
def test_no_report_of_an_evaluation_says_what_may_never_be_printed(options):
    check(run_of(options))


@given(loads)
@settings(max_examples=25, deadline=None, suppress_health_check=SLOW)
def test_no_report_of_a_latency_run_says_what_may_never_be_printed(options):
    run = make_latency_run(**options)
    assume(run.plan.suite.load.shape != "closed")
    check(run)


@pytest.mark.parametrize("kind", ALL_KINDS)
def test_no_report_of_the_known_kinds_says_what_may_never_be_printed(kind):
    run, analysis = analysed(kind)
    for format_name, text in texts(run, analysis).items():
        assert not (found := offences(text)), f"{format_name}: {found}"


@given(shapes)
@settings(max_examples=15, deadline=None, suppress_health_check=SLOW)
def test_a_figure_without_upper_limit_and_a_mean_time_are_explained_where_they_stand(options):
    run = run_of(options)
    text = results_of_page(run, analyse(run, n_resamples=200))
    assert "≥" not in text or NO_UPPER_LIMIT in text
    assert "Mean, given success" not in text or "beside the medians above" in text


SAID = [
    ("cost $nan a call", "not a number"),
    ("scores None", "a name of Python"),
    ("costs $1e-09", "an exponent"),
    ("changed by −0.0 points", "a negative nothing"),
    ("changed by -3 points", "a hyphen for a minus"),
    ("1.40 ± 0.03", "plus-minus"),
    ("80% (80 to 80)", "an interval without width"),
    ("$0.50 (0.50 to 0.50)", "an interval without width"),
    ("327 ms (327 to 327 ms)", "an interval without width"),
    ("(95% CI to 4)", "an interval without ends"),
    ("se = 0", "no error"),
    ("p = 0.000", "a p of 0"),
    ("p < 0", "a p of 0"),
    ("p = 1.2", "a p above 1"),
    ("102.4% right", "a share above 100%"),
    ("−2.1% right", "a negative share"),
    ("104 points higher", "more than 100 points"),
    ("−12 ms", "a negative time"),
    ("−1.2× as long", "a negative ratio"),
    ("a significant gain", "significant"),
    ("this proves it", "proof"),
    ("no difference was found", "no difference"),
    ("the arms are equivalent", "equivalent"),
    ("medium outperforms low", "outperforms"),
    ("an upward trend", "trend"),
    ("medium is the best", "best"),
    ("observed power 0.4", "power after the fact"),
    ("+4.7 points more", "a sign beside a word of direction"),
    ("higher by +4.7", "a sign beside a word of direction"),
    ("1 cases", "one of several"),
    ("$0.1534741", "more digits than an interval supports"),
]


@pytest.mark.parametrize(("text", "reason"), SAID, ids=[text for text, _ in SAID])
def test_what_may_never_be_printed_is_found(text, reason):
    assert any(found.startswith(reason) for found in offences(f"Low {text}."))


@pytest.mark.parametrize(
    "text",
    [
        "Run 2026-11-01 12:00–12:30 UTC, id 20261101T120000Z-0dfadc76 and 6e625007.",
        "+4.7 (+2.2 to +7.0) against the baseline; p = 0.03, p < 0.001; 100% (88 to 100).",
        "low is between 16 points lower and 28 higher (95% CI).",
        "1.2 s (973 ms to 1.3 s), $1.80 (1.57 to 2.15), 1 of 50, 0.1 points, 11 cases, 1 point",
        "−100 to +100 points? No: −100 to −11, from 0 to 1, none is better.",
    ],
)
def test_what_reports_do_say_is_allowed(text):
    assert offences(text) == []
