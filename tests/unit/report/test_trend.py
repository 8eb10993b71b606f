"""Runs of a suite over time: the same words in every format, and nothing printed that must not be."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import replace
from functools import cache

import pytest

from evalharness.core.findings import Outcome
from evalharness.core.history import History
from evalharness.core.run_summary import summary_of
from evalharness.report import trend
from evalharness.report.summary import report_json
from evalharness.report.terminal_table import Writer
from evalharness.report.trend_page import history_page
from evalharness.verdict.compare import analyse
from evalharness.verdict.history import history
from tests.support.gates import GATED, gated
from tests.support.printed import offences
from tests.support.reports import ALL_KINDS, analysed, plain_markdown, shown_text
from tests.support.runs import make_run
from tests.unit.verdict.test_history import arm, gate, run, scatter, steps

PLAIN = Writer(width=100, color=False, unicode=True, strips=False)
HOSTILE = '"><script>alert(1)</script>\x1b[31m\u202e{{ 7*7 }}<img src=x onerror=alert(1)>'


def several_arms() -> list:
    return [
        run(
            day, arms=tuple(arm(name, 0.5 + place / 10 + scatter(day + place)) for place, name in enumerate("abcdefgh"))
        )
        for day in range(6)
    ]


def no_rule(n_arms: int = 3, runs: int = 12) -> list:
    """Nothing decides between the arms; the second one fell."""
    found = []
    for day in range(runs):
        scores = [0.5 + place / 100 + scatter(day + place) for place in range(n_arms)]
        scores[1] -= 0.2 if day >= 7 else 0.0
        arms = tuple(arm(f"arm-{place}", score) for place, score in enumerate(scores))
        ends = min(scores), max(scores)
        # As of a run of several arms without a rule: the first one is the baseline, whose figures stand for the run.
        shape = {"n_arms": n_arms, "arm": "arm-0", "outcome": Outcome.NO_RULE.value, "quality_range": ends}
        found.append(run(day, arms=arms, quality=arms[0].quality, **shape))
    return found


KINDS: dict[str, list] = {
    "fell": steps(7, simulated=True),
    "rose": [replace(each, arms=(replace(each.arms[0], quality=each.arms[0].cost_usd),)) for each in steps(7)],
    "slower": [run(day, arms=(arm(ms=1000 if day < 6 else 1500 + 10 * scatter(day)),)) for day in range(12)],
    "nothing": [run(day, arms=(arm(quality=0.8 + scatter(day)),)) for day in range(9)],
    "one run": [run(1)],
    "three runs": [run(day) for day in range(3)],
    "unfinished": [replace(each, state="interrupted") for each in steps(4)],
    "no figures": [run(day, arms=()) for day in range(5)],
    "eight arms": several_arms(),
    "gates": [run(day, gates=(gate("first output", 0.9 + scatter(day)),), verdict="pass") for day in range(6)],
    "no rule": no_rule(),
    "no rule, forty arms": no_rule(40),
    "long": steps(60, n=120, commit="0123456789abcdef"),
}


@cache
def found(kind: str) -> History:
    return history(KINDS[kind])


def one_line(text: str) -> str:
    return " ".join(text.split())


@pytest.mark.parametrize("kind", KINDS)
def test_every_format_says_the_same_and_nothing_that_must_not_be_said(kind):
    said = trend.history_text(found(kind))
    page = shown_text(history_page(found(kind)))
    screen = trend.terminal(found(kind), PLAIN)
    text = plain_markdown(trend.markdown(found(kind)))
    (stored,) = json.loads(trend.histories_json([found(kind)]))["suites"]
    for words in (said.heading, said.lead, said.title, said.subtitle):
        assert one_line(words) in one_line(page)
        assert one_line(words) in one_line(text)
        assert one_line(words) in one_line(screen)
    assert (stored["heading"], stored["lead"]) == (said.heading, said.lead)
    sentences = [change["sentence"] for series in stored["series"] for change in series["changes"]]
    assert sorted(sentences) == sorted(said.changes)
    for sentence in said.changes:
        assert one_line(sentence) in one_line(page)
        assert one_line(sentence) in one_line(text)
    assert ("SIMULATED" in page) is ("SIMULATED" in screen) is ("SIMULATED" in text) is bool(said.origin)
    for shown in (page, screen, text):
        assert offences(shown) == []
    lines = screen.splitlines()
    assert len(lines) <= trend.MAX_LINES
    assert max(map(len, lines)) <= 100


def test_a_change_is_told_with_its_size_its_levels_its_place_and_what_it_rests_on():
    assert re.fullmatch(
        r"Answer fell by 2\d\.\d points \(95% interval 1\d\.\d to 2\d\.\d\), from (79|80)\.\d% to (59|60)\.\d%, "
        r"between the runs of 2026-11-006 and 2026-11-007: 7 runs before, 5 after\.",
        trend.history_text(found("fell")).lead,
    )


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_is_closed_and_its_pictures_are_sound(kind):
    html = history_page(found(kind))
    for picture in re.findall(r"<svg\b.*?</svg>", html, re.S):
        root = ElementTree.fromstring(picture)
        assert root.find("title").text and root.find("desc").text
        assert not re.search(r'="[^"]*(nan|inf)', picture)
    rules = re.search(r'Content-Security-Policy" content="([^"]+)"', html).group(1).replace("&#39;", "'")
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        text = re.search(rf"<{tag}>(.*?)</{tag}>", html, re.S).group(1)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}'" in rules
    assert not re.search(r"<[^>]+\s(style|on\w+)=", re.sub(r"<(script|style)>.*?</\1>", "", html, flags=re.S))
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))


def test_every_arm_of_a_run_of_forty_has_a_history():
    made = make_run(arms=5, cases=4, repeats=1, prompts=tuple(f"prompt {n}, as long as names become" for n in range(8)))
    text = report_json(made, analyse(made, n_resamples=20))
    stored = json.loads(text)
    labels = [arm.label for arm in made.plan.arms]
    assert len(labels) == 40
    assert sorted(each["label"] for each in stored["arms"]) == sorted(labels)
    runs = [summary_of(stored | {"run_id": f"r{day}", "created_utc": f"2026-11-{day:02d}"}) for day in (1, 2)]
    drawn = history(runs).series
    for metric in ("quality", "total_ms_p95", "cost_usd"):
        assert {each.arm for each in drawn if each.metric == metric} == set(labels)


@pytest.mark.parametrize("kind", ["sweep", "two arms", "single", "levels, arms"])
def test_what_is_kept_of_a_run_of_a_few_arms_stays_under_four_kilobytes(kind):
    assert len(report_json(*analysed(kind)).encode()) < 4_000


def test_names_in_a_report_json_stay_text_in_every_format():
    runs = [
        replace(each, run_id=f"{HOSTILE}{day}", suite=HOSTILE, metric=HOSTILE, commit=HOSTILE, heading=HOSTILE)
        for day, each in enumerate(steps(7))
    ]
    hostile = history(runs)
    html, plain = history_page(hostile), history_page(found("fell"))
    for tag in ("script", "img", "a"):
        assert len(re.findall(rf"<{tag}\b", html)) == len(re.findall(rf"<{tag}\b", plain))
    assert not re.search("[\x00-\x08\x0e-\x1f\x7f\u202a-\u202e]", html + trend.terminal(hostile, PLAIN))
    assert "<script>" not in trend.markdown(hostile)
    assert re.findall(r'href="([^"]+)report.html"', html)[0].startswith("%22%3E%3Cscript%3E")


def in_every_format(kind: str) -> list[str]:
    """Terminal, Markdown, page."""
    return [
        trend.terminal(found(kind), PLAIN),
        plain_markdown(trend.markdown(found(kind))),
        shown_text(history_page(found(kind))),
    ]


def test_where_nothing_decides_between_arms_every_format_names_each_arm_with_its_own_figures():
    runs = KINDS["no rule"]
    for text in map(one_line, in_every_format("no rule")):
        for of_arm, changed_in in zip(runs[-1].arms, ("none", "answer", "none"), strict=True):
            scores = of_arm.quality.point, of_arm.quality.lower, of_arm.quality.upper
            point, lower, upper = (f"{score * 100:.1f}" for score in scores)
            figures = rf"{of_arm.label}[ |]+{point}% \(?{lower} to {upper}%?\)?"
            assert re.search(rf"{figures}[^%]*?\$1\.00[ |]+{changed_in}\b", text)
        newest = runs[-1]
        ends = " to ".join(f"{end:.0%}" for end in newest.quality_range)
        assert re.search(rf"{ends}[ |]+3 arms|3 arms[ |]+{ends}", text)


def test_of_forty_arms_those_that_do_not_fit_are_counted():
    screen, text, page = in_every_format("no rule, forty arms")
    shown = re.findall(r"^arm-\d+ ", screen, re.M)
    assert f"And {40 - len(shown)} more arms." in screen
    assert "And 10 more arms." in text
    assert all(f"arm-{place} " in page for place in range(40))


def test_a_suite_of_one_arm_has_no_column_for_it():
    for text in in_every_format("fell"):
        assert "Arm" not in text and "newest run:" not in text


def test_the_command_names_the_two_runs_of_the_newest_change_else_the_two_newest():
    assert "evalharness compare r006 r007 --format html" in history_page(found("fell"))
    assert "evalharness compare r007 r008 --format html" in history_page(found("nothing"))
    assert "evalharness compare" not in history_page(found("one run"))


def test_of_many_arms_the_first_charts_are_shown_and_the_rest_folded():
    html = history_page(found("eight arms"))
    (folded, *_) = re.findall(r"<details>.*?</details>", html, re.S)
    assert folded.count("<svg") == 2
    assert html.count("<svg") == 24


@pytest.mark.parametrize("kind", [*ALL_KINDS, *GATED])
def test_what_report_json_keeps_of_a_run_of_any_kind_is_read_back(kind):
    made = gated(kind) if kind in GATED else analysed(kind)
    stored = json.loads(report_json(*made))
    summary = summary_of(stored)
    assert (summary.run_id, summary.metric, summary.n_arms) == (stored["run_id"], stored["metric"], stored["n_arms"])
    assert len(summary.arms) == len(stored["arms"])
    for each, kept in zip(summary.gates, stored["gates"], strict=True):
        assert each.quantity is not None
        assert each.found is None or [each.found.point, each.found.lower, each.found.upper] == kept["found"]
        assert list(each.allowed) == kept["allowed"]
    assert {"cases", "graders", "prompts", "request", "model", "endpoint", "load", "prices"} <= set(summary.hashes)
    assert trend.history_text(history([summary])).heading == "Too few runs to look for a change"


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"quality": [float("nan"), 0, 1], "arms": 7, "gates": "x", "hashes": [], "n_arms": "2"},
        {"arms": [{"label": 3, "quality": ["a", 0, 1]}, 5], "gates": [{"quantity": "none", "allowed": [1]}]},
        {"quality": [True, None, None], "quality_range": [None, 1], "created_utc": 5},
    ],
)
def test_a_report_json_that_somebody_else_wrote_is_read_as_far_as_it_goes(broken):
    summary = summary_of(broken)
    assert summary.quality is None
    assert summary.quality_range is None
    assert trend.terminal(history([summary, summary]), PLAIN)
    assert history_page(history([summary, summary]))
