"""Jinja2 set up for hostile text: everything is escaped, invisible characters are written out, nothing is undefined."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined

from evalharness.report.visible import visible


def resource(name: str) -> str:
    """A text file of this package: a template, the style sheet, the script."""
    return files("evalharness.report").joinpath(name).read_text(encoding="utf-8")


def render(template: str, **values: Any) -> str:
    return _environment().get_template(template).render(**values)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FunctionLoader(resource),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["glued"] = glued
    return environment


def glued(text: str) -> str:
    """``text`` with no-break spaces before units of time and after a sign of comparison: no line ends between."""
    return re.sub(r"(?<=\d) (?=m?s\b)|(?<=≥) ", "\N{NO-BREAK SPACE}", text)


def _shown(value: Any) -> Any:
    """Plain strings with their invisible characters written out; markup of the chart kit passes as it is."""
    return visible(value) if type(value) is str else value
