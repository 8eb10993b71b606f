"""The words of the project: glossary, metrics and graders in one lookup."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
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
    return {term: _with_what_it_names(text, entries) for term, text in entries.items()}


def _with_what_it_names(text: str, entries: Mapping[str, str]) -> str:
    """An entry that is but a reference (``See n_eff.``) is followed by what it refers to."""
    named = text.removeprefix("See ").removesuffix(".")
    return f"{text}\n{entries[named]}" if text == f"See {named}." and named in entries else text


def _metrics() -> dict[str, str]:
    from evalharness.metrics.catalog import CATALOG

    return {name: f"{metric.title} ({metric.unit}): {metric.formula}" for name, metric in CATALOG.items()}


def _graders() -> dict[str, str]:
    from evalharness import graders

    return {name: inspect.cleandoc(graders.load(name).__doc__ or "") for name in graders.names()}
