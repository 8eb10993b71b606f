"""What every page of a report shares: its style sheet, and a policy under which it can load nothing."""

from __future__ import annotations

import base64
import hashlib

from markupsafe import Markup

from evalharness.report import palette
from evalharness.report.templates import resource

#: The name of the style sheet where it is a file, and the source that a policy then names.
STYLE_FILE = "report.css"
_BESIDE = "'self'"
_LINK = '<link rel="stylesheet" href="{}">'


def stylesheet(run_id: str = "") -> str:
    """``run_id`` stands at the head of every printed page."""
    running = f'@page{{@top-left{{content:"evalharness, run {run_id}"}}}}' if run_id else ""
    return palette.css() + resource("page.css").replace("\n", "") + running


def style_element(style: str | None, href: str = STYLE_FILE) -> Markup:
    """The style sheet in the page, or with None a link to where its file is."""
    return Markup("<style>{}</style>").format(Markup(style)) if style is not None else Markup(_LINK).format(href)


def policy(style: str | None, script: str | None = None) -> str:
    """A content security policy under which the page loads nothing and runs only its own script.

    ``style`` None: its style sheet is a file beside it, from where it may load that.
    """
    parts = ["default-src 'none'", f"style-src {_BESIDE if style is None else _source(style)}"]
    if script is not None:
        parts.append(f"script-src {_source(script)}")
    return "; ".join([*parts, "img-src data:", "base-uri 'none'", "form-action 'none'"])


def _source(text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
