"""The words of the project: glossary, metrics and graders in one lookup."""

from __future__ import annotations

import inspect
from importlib.resources import files


def explanations() -> dict[str, str]:
    """Term in lower case -> its text: the glossary's entries, then graders by their own words."""
    entries: dict[str, str] = {}
    text = (files("evalharness") / "docs" / "glossary.md").read_text(encoding="utf-8")
    for block in text.split("\n### ")[1:]:
        term, _, rest = block.partition("\n")
        entries[term.strip().lower()] = rest.split("\n## ")[0].strip()
    for name, explanation in _metrics().items():
        entries.setdefault(name, explanation)
    for name, explanation in _graders().items():
        entries.setdefault(name, explanation)
    return entries


def _metrics() -> dict[str, str]:
    from evalharness.metrics.catalog import CATALOG

    return {name: f"{metric.title} ({metric.unit}): {metric.formula}" for name, metric in CATALOG.items()}


def _graders() -> dict[str, str]:
    from evalharness import graders

    return {name: inspect.cleandoc(graders.load(name).__doc__ or "") for name in graders.names()}
