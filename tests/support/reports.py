"""Runs with their analyses for tests of the report, and what a reader would see of a page."""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from html.parser import HTMLParser

from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.report.page import render_page
from evalharness.report.settings import ReportSettings
from evalharness.verdict.compare import analyse
from tests.support.runs import ArmTruth, make_run

#: Runs that differ in kind, by name: options of ``make_run``.
KINDS: dict[str, dict[str, object]] = {
    "sweep": {"arms": 5, "cases": 40, "repeats": 2},
    "two arms": {"arms": 2, "cases": 30, "repeats": 1},
    "single": {"arms": 1, "cases": 30, "repeats": 3},
    "one case": {"arms": 3, "cases": 1, "repeats": 1, "failures": 0.0},
    "one trial": {"arms": 1, "cases": 1, "repeats": 1, "failures": 0.0, "incomplete": 0.0},
    "all failed": {"arms": 3, "cases": 12, "repeats": 1, "failures": 1.0},
    "nothing sent": {"arms": 2, "cases": 12, "repeats": 1, "pending": 1.0},
    "interrupted": {"arms": 3, "cases": 30, "repeats": 2, "pending": 0.4},
    "no prices, no usage": {"arms": 3, "cases": 20, "repeats": 1, "prices": None, "without_usage": 1.0},
    "no rule": {"arms": 3, "cases": 30, "repeats": 2, "decision": None},
    "not graded": {"arms": 2, "cases": 20, "repeats": 1, "null_scores": 1.0},
    "all right": {"arms": 3, "cases": 30, "repeats": 2, "truth": None},
    "not streamed": {"arms": 2, "cases": 20, "repeats": 1, "stream": False},
    "several prompts": {"arms": 3, "cases": 20, "repeats": 1, "prompts": ("plain", "careful")},
    "many arms": {"arms": 7, "cases": 5, "repeats": 1, "prompts": ("a", "b", "c")},
    "effort ignored": {"arms": 4, "cases": 20, "repeats": 1, "honours_effort": False},
    "drift": {"arms": 2, "cases": 60, "repeats": 2, "drift": 0.8},
    "not simulated": {"arms": 3, "cases": 30, "repeats": 1, "simulated": False},
}
_PERFECT = ArmTruth(accuracy=1.0, reasoning_tokens=100, ttfo_ms=500)


@cache
def analysed(kind: str) -> tuple[RunRecord, Analysis]:
    """The run of that kind and what the statistics say about it, made once a session."""
    options = dict(KINDS[kind])
    if kind == "all right":
        options |= {"truth": dict.fromkeys(("none", "low", "medium"), _PERFECT), "failures": 0.0, "incomplete": 0.0}
    run = make_run(**options)
    return run, analyse(run)


@cache
def rendered(kind: str) -> str:
    """The page of the run of that kind."""
    return render_page(*analysed(kind), ReportSettings())


class _Reader(HTMLParser):
    """Collects what is shown: no script, style, or data."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.shown: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._hidden += tag in ("script", "style")
        self.shown.append("" if tag in ("b", "i", "span", "code", "text") else " ")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")
        self.shown.append(" ")

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.shown.append(data)


def shown_text(html: str) -> str:
    """The text of a page as one line."""
    reader = _Reader()
    reader.feed(html)
    return " ".join("".join(reader.shown).split())


def plain_markdown(text: str) -> str:
    """Markdown with its escapes undone."""
    return unescape(re.sub(r"\\([\\`*_\[\]|~])", r"\1", text)).replace("\N{ZERO WIDTH SPACE}", "")
