"""The page as text: sections placed, style and script inlined, and a policy that allows exactly those two."""

from __future__ import annotations

from markupsafe import Markup

from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.report.build import build_page
from evalharness.report.document import policy, style_element, stylesheet
from evalharness.report.settings import ReportSettings
from evalharness.report.templates import render, resource
from evalharness.report.words import SIMULATED


def render_page(
    run: RunRecord, analysis: Analysis, settings: ReportSettings, *, beside: RunRecord | None = None
) -> str:
    """``report.html``, with the answers of the run ``beside``, which it was compared with. The same runs give the same
    text: it holds no time of rendering, no path, no random id."""
    style = None if settings.external_css else stylesheet(run.manifest.run_id)
    script = resource("common.js") + resource("page.js")
    return render(
        "page.html.j2",
        page=build_page(run, analysis, settings, beside=beside),
        run_id=run.manifest.run_id,
        simulated=SIMULATED,
        policy=policy(style, script),
        style=style_element(style),
        script=Markup(script),
    )
