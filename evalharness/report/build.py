"""From a run and its analysis to the model of the page: which sections there are, in which order."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

from evalharness.core.findings import Analysis
from evalharness.core.record import RunRecord
from evalharness.report import numbers
from evalharness.report.comparison_words import comparison_text
from evalharness.report.sections import (
    against,
    changed,
    errors,
    flips,
    gates,
    load,
    methods,
    quality,
    result,
    stability,
    tags,
    tokens,
    tradeoff,
    trials,
    waiting,
)
from evalharness.report.settings import ReportSettings
from evalharness.report.view import View, make_view
from evalharness.report.words import origin

#: The order of the page. A section is one of these modules and the template of the same name.
SECTIONS: tuple[ModuleType, ...] = (
    gates,
    result,
    tradeoff,
    quality,
    waiting,
    tokens,
    tags,
    flips,
    errors,
    stability,
    trials,
    methods,
)

#: Of a run beside its baseline these come first: the verdict, what changed, what came of it.
COMPARISON_SECTIONS: tuple[ModuleType, ...] = (gates, changed, against, flips)
#: Runs that cannot be compared have a verdict and its reasons, and no figure.
INVALID_SECTIONS: tuple[ModuleType, ...] = (gates, changed)


#: Of a latency run, which compares no answers.
LATENCY_SECTIONS: tuple[ModuleType, ...] = (gates, result, load, waiting, tokens, errors, stability, trials, methods)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """``model`` is what the section's own ``build`` made; only its template knows its type."""

    name: str
    nav: str
    title: str
    model: Any

    @property
    def template(self) -> str:
        return f"sections/{self.name}.html.j2"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """``subject``: what is compared with what, empty for a run by itself."""

    title: str
    subtitle: str
    subject: str
    origin: str
    sections: tuple[Section, ...]


def build_page(
    run: RunRecord, analysis: Analysis, settings: ReportSettings, *, beside: RunRecord | None = None
) -> Page:
    view = make_view(run, analysis, settings, beside=beside)
    sections = []
    for module in _modules(view):
        model = module.build(view)
        if model is not None:
            title = getattr(model, "title", module.TITLE)
            nav = getattr(model, "nav", module.NAV)
            sections.append(Section(name=module.__name__.rpartition(".")[2], nav=nav, title=title, model=model))
    return Page(
        title=page_title(run, analysis),
        subtitle=subtitle(view),
        subject=comparison_text(run, analysis).subject if analysis.baseline_run is not None else "",
        origin=origin(run),
        sections=tuple(sections),
    )


def _modules(view: View) -> tuple[ModuleType, ...]:
    own = LATENCY_SECTIONS if view.analysis.kind == "latency" else SECTIONS
    if view.analysis.baseline_run is None:
        return own
    if view.is_invalid:
        return INVALID_SECTIONS
    first = tuple(module for module in COMPARISON_SECTIONS if module in own or module in (changed, against))
    return (*first, *(module for module in own if module not in first))


def page_title(run: RunRecord, analysis: Analysis) -> str:
    """``Effort comparison: suite``; without an effort axis a plain comparison; one arm is an evaluation; beside a
    baseline run it is the candidate."""
    if analysis.baseline_run is not None:
        kind = "Candidate against baseline"
    elif analysis.kind == "latency":
        kind = "Latency benchmark"
    elif analysis.kind == "single":
        kind = "Evaluation"
    else:
        kind = "Effort comparison" if len({arm.effort for arm in run.plan.arms}) > 1 else "Comparison"
    return f"{kind}: {run.manifest.suite_name}"


def subtitle(view: View) -> str:
    """Model, size, when, baseline: the facts that tell this run from another."""
    manifest = view.run.manifest
    models = list(dict.fromkeys(arm.planned.model for arm in view.arms))
    named = ", ".join(models[:3]) + (f" and {len(models) - 3} more" if len(models) > 3 else "")
    when = _when(manifest.created_utc, manifest.finished_utc)
    baseline = f" Baseline: {view.baseline.spoken}." if view.baseline else ""
    return f"{named}, {_size(view)}. Run {when} UTC.{baseline}"


def _size(view: View) -> str:
    """``5 arms × 30 cases × 2 repeats``; a load asks its cases again as long as it lasts, so there its calls count."""
    analysis = view.analysis
    size = [numbers.plural(len(view.arms), "arm")] if len(view.arms) > 1 else []
    size.append(numbers.plural(analysis.n_cases, "case"))
    if analysis.kind != "latency":
        return f" {numbers.TIMES} ".join([*size, numbers.plural(analysis.repeats, "repeat")])
    size.append(numbers.plural(sum(stretch.n_sent for stretch in analysis.stretches_of()), "call"))
    levels = view.run.plan.suite.load.levels
    return ", ".join([*size, *([numbers.plural(len(levels), "level") + " of load"] if levels else [])])


def _when(start: str, end: str | None) -> str:
    """``2026-11-20 14:02–16:47``; the end with its date where that is another day, none within a minute."""
    text = start[:16].replace("T", " ")
    if not end or end[:16] == start[:16]:
        return text
    return f"{text}{numbers.MISSING}{end[11:16] if end[:10] == start[:10] else end[:16].replace('T', ' ')}"
