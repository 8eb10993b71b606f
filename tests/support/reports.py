"""Runs with their analyses for tests of the report, and what a reader would see of a page."""

from __future__ import annotations

import re
from functools import cache
from html import unescape
from html.parser import HTMLParser

from evalharness.core.findings import Analysis
from evalharness.core.model import LevelUnit, Slo
from evalharness.core.record import RunRecord, StampSource
from evalharness.report.page import render_page
from evalharness.report.settings import ReportSettings
from evalharness.verdict.compare import analyse
from tests.support.latency_runs import make_latency_run
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
#: Latency runs, by name: options of ``make_latency_run``.
LATENCY_KINDS: dict[str, dict[str, object]] = {
    "latency": {"levels": (), "trials": 240, "open_per_s": 12.0},
    "latency, no target": {"levels": (), "trials": 120, "open_per_s": 12.0, "slo": None, "error_ms": None},
    "latency, arms": {"levels": (), "trials": 240, "open_per_s": 12.0, "arms": {"swift": 1.0, "slow": 3.6}},
    "levels": {"levels": (10, 20, 30, 40)},
    "levels, arms": {"levels": (10, 20, 40), "arms": {"swift": 1.0, "steady": 1.6}},
    "levels, seen badly": {
        "levels": (2, 8, 32),
        "unit": LevelUnit.CONCURRENCY,
        "error_ms": 40.0,
        "source": StampSource.USER,
        "coalesced": 0.05,
        "routes": {"sim": "httpx: a proxy is set"},
        "failures": 0.04,
        "slo": Slo(limits_ms={"ttfo_ms": 900.0, "total_ms": 1_400.0}, share_at_least=0.9),
    },
    "levels, reasoning hidden": {"levels": (5, 10), "hidden_reasoning": True, "simulated": False},
    "latency, not streamed": {"levels": (), "trials": 120, "open_per_s": 12.0, "stream": False},
    "latency, all failed": {"levels": (), "trials": 40, "open_per_s": 12.0, "failures": 1.0},
}
ALL_KINDS = (*KINDS, *LATENCY_KINDS)
_PERFECT = ArmTruth(accuracy=1.0, reasoning_tokens=100, ttfo_ms=500)


@cache
def analysed(kind: str) -> tuple[RunRecord, Analysis]:
    """The run of that kind and what the statistics say about it, made once a session."""
    if kind in LATENCY_KINDS:
        run = make_latency_run(**LATENCY_KINDS[kind])
        return run, analyse(run)
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
