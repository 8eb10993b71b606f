"""The page as text: sections placed, style and script inlined, and a policy that allows exactly those two."""

from __future__ import annotations

import base64
import hashlib

from markupsafe import Markup

from evalharness.core.findings import Analysis
from evalharness.core.model import RunRecord
from evalharness.report import palette
from evalharness.report.build import build_page
from evalharness.report.settings import ReportSettings
from evalharness.report.templates import render, resource
from evalharness.report.words import SIMULATED


def render_page(run: RunRecord, analysis: Analysis, settings: ReportSettings) -> str:
    """``report.html``. The same run gives the same text: it holds no time of rendering, no path, no random id."""
    style, script = stylesheet(), resource("page.js")
    return render(
        "page.html.j2",
        page=build_page(run, analysis, settings),
        simulated=SIMULATED,
        policy=policy(style, script),
        style=Markup(style),
        script=Markup(script),
    )


def stylesheet() -> str:
    return palette.css() + "\n" + resource("page.css")


def policy(style: str, script: str | None = None) -> str:
    """A content security policy under which the page loads nothing and runs only its own script."""
    parts = ["default-src 'none'", f"style-src {_source(style)}"]
    if script is not None:
        parts.append(f"script-src {_source(script)}")
    return "; ".join([*parts, "img-src data:", "base-uri 'none'", "form-action 'none'"])


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
