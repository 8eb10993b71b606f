"""What a suite's service level asks for is answered in the report."""

from __future__ import annotations

from dataclasses import replace

from evalharness.core.model import Slo
from evalharness.report.page import render_page
from evalharness.report.settings import ReportSettings
from evalharness.verdict.compare import analyse
from tests.support.runs import make_run


def test_the_share_of_good_calls_stands_beside_its_target() -> None:
    run = make_run(arms=2, cases=30, repeats=1, seed=3)
    suite = replace(run.plan.suite, slo=Slo(limits_ms={"ttfo_ms": 1.0}, share_at_least=0.9))
    run = replace(run, plan=replace(run.plan, suite=suite))
    page = render_page(run, analyse(run), ReportSettings())
    assert "Good calls, of which the suite asks for 90%" in page
    assert "time to first output at most 1" in page
    assert page.count("not met") >= 2, "nothing answers within a millisecond"
    bare = replace(run, plan=replace(run.plan, suite=replace(suite, slo=None)))
    assert "Good calls, of which" not in render_page(bare, analyse(bare), ReportSettings())
