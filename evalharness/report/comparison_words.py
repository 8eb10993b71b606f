"""A run beside its baseline in words: what is compared, what changed, what could not be paired, what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from evalharness.core.findings import Analysis, BaselineSource, Change, Comparison, GateFindings, Reading
from evalharness.core.model import GateScope
from evalharness.core.record import RunRecord
from evalharness.report import words
from evalharness.report.comparison_flips import flip_lines
from evalharness.report.gate_words import gates_text
from evalharness.report.numbers import count, plural
from evalharness.report.visible import shortened
from evalharness.verdict.baseline_against import margin_of

_MAX_NAMED = 5
_LONGEST_VALUE = 60
NO_PAIRS = "No case is in both: scores are compared without pairing, with less power; times and costs are not."
NOTHING_CHANGED = "Nothing that decides the answers differs between the two runs."


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonText:
    """``heading`` a few words, ``lead`` what was found, ``bullets`` one sentence for each further arm.

    ``subject`` says what is compared with what; ``changed`` and ``unpaired`` are lines of lists, ``cautions`` whole
    sentences. An invalid comparison has its reasons in ``lead`` and no more.
    """

    subject: str
    heading: str
    lead: str
    bullets: tuple[str, ...] = ()
    cautions: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    unpaired: tuple[str, ...] = ()


def comparison_text(run: RunRecord, analysis: Analysis) -> ComparisonText:
    """Of an analysis with a baseline."""
    source = analysis.baseline_run
    assert source is not None
    gates = gates_text(analysis)
    if source.invalid:
        assert gates is not None  # it says so
        return ComparisonText(
            subject=_subject(run, source),
            heading=gates.heading,
            lead=gates.lead,
            changed=changed_lines(source.changed),
        )
    sentences = _sentences(run, analysis)
    gated = frozenset(gate.arm_id for gate in analysis.gates if _tells_the_primary(gate, analysis))
    return ComparisonText(
        subject=_subject(run, source),
        heading=gates.heading if gates else _heading(analysis),
        lead=gates.lead if gates else sentences[0],
        bullets=_sentences(run, analysis, but=gated) if gates else sentences[1:],
        cautions=(*((NO_PAIRS,) if not source.n_paired else ()), *analysis.banners),
        changed=changed_lines(source.changed),
        unpaired=unpaired_lines(source),
    )


def _subject(run: RunRecord, source: BaselineSource) -> str:
    """``Run X against baseline run Y (started …): 200 cases in both``"""
    kind = "the baseline file of run" if source.is_summary else "the baseline run"
    suite = "" if source.suite_name == run.manifest.suite_name else f" of suite {source.suite_name}"
    started = source.started_utc[:16].replace("T", " ")
    return (
        f"Run {run.manifest.run_id} against {kind} {source.run_id}{suite} (started {started} UTC): "
        f"{plural(source.n_paired, 'case')} in both."
    )


def in_short(run: RunRecord, analysis: Analysis) -> str:
    """One line for a summary that has no room for the lists; empty for a run that was compared with nothing."""
    source = analysis.baseline_run
    if source is None:
        return ""
    apart = {*(source.only_in_baseline or {}), *(source.only_in_candidate or {})}
    told = [f"{plural(len(source.changed), 'thing')} changed"] if source.changed else []
    told += [f"{plural(len(apart), 'case')} not paired"] if apart else []
    listed = f" {', '.join(told).capitalize()}: `compare` lists them." if told else ""
    return _subject(run, source) + "".join(f" {line}" for line in flip_lines(analysis)[:1]) + listed


# ---------------------------------------------------------------- what came of it

_HEADINGS = {
    Reading.BETTER: "Better",
    Reading.WORSE: "Worse",
    Reading.SAME: "The same",
    Reading.BETTER_BUT_SMALL: "Better, but too small to matter",
    Reading.WORSE_BUT_SMALL: "Worse, but too small to matter",
    Reading.TOO_CLOSE: "Too close to tell",
}
#: Of several arms the reading that a reader has to see first.
_URGENCY = tuple(
    Reading(value)
    for value in (
        Reading.WORSE,
        Reading.TOO_CLOSE,
        Reading.WORSE_BUT_SMALL,
        Reading.SAME,
        Reading.BETTER_BUT_SMALL,
        Reading.BETTER,
    )
)


def _heading(analysis: Analysis) -> str:
    readings = {comparison.reading for comparison in _primary(analysis)}
    if not readings:
        return "Nothing to compare"
    return _HEADINGS[next(reading for reading in _URGENCY if reading in readings)]


def _primary(analysis: Analysis) -> tuple[Comparison, ...]:
    return analysis.against_run.get(analysis.primary, ())


def _sentences(run: RunRecord, analysis: Analysis, *, but: frozenset[str] = frozenset()) -> tuple[str, ...]:
    """One for each arm that is not in ``but``, on the primary metric; the most urgent first."""
    ordered = sorted(_primary(analysis), key=lambda comparison: _URGENCY.index(comparison.reading))
    if not ordered:
        return (f"“{analysis.primary}” has no score in both runs.",)
    margin = margin_of(run.plan.suite, analysis.primary)
    return tuple(_sentence(each, analysis, margin) for each in ordered if each.candidate not in but)


def _tells_the_primary(gate: GateFindings, analysis: Analysis) -> bool:
    """Whether the gate has told of an arm what a sentence on it would: once more, with its other interval, it reads
    like another result."""
    spec = gate.spec
    is_primary = spec.scope is GateScope.BASELINE_RUN and spec.metric == analysis.primary and spec.tag is None
    return is_primary and gate.estimate is not None


def _sentence(comparison: Comparison, analysis: Analysis, margin: float | None) -> str:
    """``low scores 4.2 points lower than in the baseline (95% CI 1.4 to 7.0)``"""
    several = len(analysis.arms) > 1
    arm = words.spoken(analysis.arm(comparison.candidate)) if several else "this run"
    return (
        words.quality_sentence(comparison, arm, f"{arm} in the baseline" if several else "the baseline", margin) + "."
    )


# ---------------------------------------------------------------- what changed, what could not be paired


def changed_lines(changed: tuple[Change, ...]) -> tuple[str, ...]:
    """``prices sim output: 4.5 → 5``"""
    return tuple(f"{each.what}: {shown_value(each.baseline)} → {shown_value(each.candidate)}" for each in changed)


def shown_value(text: str | None) -> str:
    """One side of a change, cut to what a line has room for."""
    return "not there" if text is None else shortened(text, _LONGEST_VALUE)


def unpaired_lines(source: BaselineSource) -> tuple[str, ...]:
    """One line for each reason, with the first cases it is of."""
    sides = (("only in the baseline", source.only_in_baseline), ("only in this run", source.only_in_candidate))
    changed = {
        case_id: reason
        for case_id, reason in (source.only_in_baseline or {}).items()
        if (source.only_in_candidate or {}).get(case_id) == reason
    }
    lines = _by_reason("in both", changed)
    for side, cases in sides:
        lines += _by_reason(side, {name: reason for name, reason in (cases or {}).items() if name not in changed})
    return tuple(lines)


def _by_reason(side: str, cases: Mapping[str, str]) -> list[str]:
    """A reason that names another case is told for its case alone."""
    named: dict[str, list[str]] = {}
    for case_id, reason in cases.items():
        general, _, own = reason.partition("; ")
        named.setdefault(general, []).append(f"{case_id} ({own})" if own else case_id)
    return [f"{plural(len(names), 'case')} {side}: {reason}: {_listed(names)}" for reason, names in named.items()]


def _listed(names: list[str]) -> str:
    more = f" and {count(len(names) - _MAX_NAMED)} more" if len(names) > _MAX_NAMED else ""
    return ", ".join(shortened(name, _LONGEST_VALUE) for name in names[:_MAX_NAMED]) + more
