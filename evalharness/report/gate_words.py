"""What gates demand and what came of it, in words: one object that page, Markdown, terminal, JSON and JUnit print."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from evalharness.core.findings import Analysis, GateFindings, Reason, Verdict
from evalharness.core.model import Demand, GateScope, Json
from evalharness.report import numbers, words
from evalharness.report.gate_demands import demand_text, metric_text
from evalharness.report.gate_figures import Figures, figures
from evalharness.report.gate_remarks import remark
from evalharness.report.gate_sentences import finding_sentence

RULE = (
    "Every gate has to pass on every arm that it names. Each is judged by one-sided 95% bounds, which are the ends of "
    "its 90% interval, and never by the figure alone."
)
_MUST_PASS = "Cases that must pass are judged by their answers alone."
_SEQUENTIAL = "The intervals hold however often one looked at the run while it went on."
_MOST_TOLD = 2
#: Letters of a remark that may be repeated beside every gate it is of.
_SHORT_REMARK = 40
#: Gates that a note names; of more it says how many, and their cells point to it.
_MOST_NAMED = 4


class GateState(StrEnum):
    """What a gate, or all of them, came to. The last three are neither a pass nor a fail."""

    PASS = "pass"
    FAIL = "fail"
    NOT_ENOUGH = "not enough data"
    CANNOT_TELL = "cannot tell"
    INVALID = "invalid"


#: What wants to be read first.
_URGENCY = (GateState.FAIL, GateState.CANNOT_TELL, GateState.NOT_ENOUGH, GateState.PASS)
#: With these a larger run may decide; with all others it would not.
_MORE_WOULD_HELP = (Reason.NOT_ENOUGH, Reason.FEW_CASES, Reason.HOLM)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLine:
    """One gate on one arm.

    ``metric``, ``arm`` (empty for the only one), ``other`` (what it is compared with, or empty), ``demand``, ``found``
    and ``interval`` (at ``level_text``; either is a dash where there is none), ``remark``: why it is not decided and
    what would settle it, or empty. ``told``: all of that as one reads it aloud, a whole sentence.
    """

    finding: GateFindings
    metric: str
    arm: str
    other: str
    demand: str
    found: str
    interval: str
    level_text: str
    state: GateState
    remark: str
    told: str

    @property
    def subject(self) -> str:
        """``answer of medium``, ``total time against the baseline``"""
        return f"{self.metric} of {self.arm}{self._against}" if self.arm else f"{self.metric}{self._against}"

    @property
    def sides(self) -> str:
        """``medium against low``; empty where there is one arm and nothing beside it."""
        return f"{self.arm or 'this run'}{self._against}" if self.arm or self.other else ""

    @property
    def _against(self) -> str:
        return f" against {self.other}" if self.other else ""

    @property
    def name(self) -> str:
        """``answer of medium: at least 80%``"""
        return f"{self.subject}: {self.demand}"

    @property
    def outcome(self) -> str:
        """``pass, 86.2% (90% interval 82.1 to 89.6)``"""
        parts = [self.state.value]
        if self.found != numbers.MISSING:
            around = "" if self.interval == numbers.MISSING else f" ({self.level_text} {self.interval})"
            parts.append(f"{self.found}{around}")
        return ", ".join(parts) + (f"; {self.remark}" if self.remark else "")

    @property
    def sentence(self) -> str:
        """``answer of medium: at least 80%: pass, 86.2% (90% interval 82.1 to 89.6)``, without its full stop."""
        return f"{self.name}: {self.outcome}"

    @property
    def tone(self) -> str:
        return {GateState.PASS: "better", GateState.FAIL: "worse"}.get(self.state, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class GatesText:
    """``lines`` in the suite's order; none where the comparison is invalid."""

    state: GateState
    lead: str
    lines: tuple[GateLine, ...]
    rule: str

    @property
    def heading(self) -> str:
        return self.state.value.capitalize()


def gates_text(analysis: Analysis) -> GatesText | None:
    """None where the suite has no gates and nothing was to be compared."""
    invalid = analysis.baseline_run.invalid if analysis.baseline_run else ()
    if invalid:
        return GatesText(state=GateState.INVALID, lead=_not_comparable(invalid), lines=(), rule="")
    if not analysis.gates:
        return None
    lines = tuple(gate_line(gate, analysis) for gate in analysis.gates)
    state = overall_state(analysis.gates)
    return GatesText(state=state, lead=_lead(state, lines), lines=lines, rule=" ".join(_rule(analysis.gates)))


def overall_state(gates: Sequence[GateFindings]) -> GateState:
    """One that fails, fails all; where more data would not settle one, it would not settle all."""
    states = {state_of(gate) for gate in gates}
    return next(state for state in _URGENCY if state in states)


def state_of(gate: GateFindings) -> GateState:
    if gate.verdict is not Verdict.INCONCLUSIVE:
        return GateState(gate.verdict.value)
    return GateState.NOT_ENOUGH if gate.reason in _MORE_WOULD_HELP else GateState.CANNOT_TELL


def excerpt(lines: Sequence[GateLine], most: int) -> tuple[Sequence[GateLine], str]:
    """The lines, or of more than ``most`` the urgent ones, and what that leaves out: ``and 4 more gates, 1 of them
    not passed``, empty for nothing."""
    if len(lines) <= most:
        return lines, ""
    urgent = by_urgency(lines)
    rest = urgent[most:]
    n_not_passed = sum(line.state is not GateState.PASS for line in rest)
    also = f", {n_not_passed} of them not passed" if n_not_passed else ""
    return urgent[:most], f"and {numbers.plural(len(rest), 'more gate')}{also}"


def by_urgency(lines: Sequence[GateLine]) -> list[GateLine]:
    """Those that fail first, those that pass last; else in the suite's order."""
    return sorted(lines, key=lambda line: _URGENCY.index(line.state))


def remarks_once(lines: Sequence[GateLine]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Of each line the remark that a table prints, and the notes under it: a long remark of several gates is one note
    that names them, and their cells point to it."""
    sharing: dict[str, list[GateLine]] = {}
    for line in lines:
        sharing.setdefault(line.remark, []).append(line)
    long = [text for text, members in sharing.items() if len(members) > 1 and len(text) > _SHORT_REMARK]
    names = {text: f"note {place}" if len(long) > 1 else "see note" for place, text in enumerate(long, start=1)}
    notes = []
    for text in long:
        subjects = list(dict.fromkeys(line.subject for line in sharing[text]))
        whose = f"{len(sharing[text])} gates" if len(subjects) > _MOST_NAMED else words.listed(subjects)
        title = names[text].capitalize() if len(long) > 1 else "Note"
        notes.append(f"{title} ({whose}): {text}.")
    return tuple(names.get(line.remark, line.remark) for line in lines), tuple(notes)


def gate_line(gate: GateFindings, analysis: Analysis) -> GateLine:
    found = _figures(gate)
    level = gate.estimate.level if gate.estimate else 0.90
    metric, demand = metric_text(gate.spec), demand_text(gate.spec)
    arm = "" if len(analysis.arms) == 1 else words.spoken(analysis.arm(gate.arm_id))
    other, why = _other(gate, analysis), remark(gate, n_repeats=analysis.repeats)
    subject = f"{metric} of {arm}" if arm else metric
    said = finding_sentence(gate, analysis, subject=subject, other=other)
    return GateLine(
        finding=gate,
        metric=metric,
        arm=arm,
        other=other,
        demand=demand,
        found=found.point,
        interval=found.interval or numbers.MISSING,
        level_text=f"{level:.0%} interval",
        state=state_of(gate),
        remark=why,
        told=_told(said, why, is_open=gate.verdict is Verdict.INCONCLUSIVE)
        if said
        else _told_without(f"{subject}{f' against {other}' if other else ''}, {demand}", found.point, why),
    )


def _told(said: str, why: str, *, is_open: bool) -> str:
    """Of an open gate what keeps it open is a sentence of its own."""
    if not why:
        return f"{_capital(said)}."
    return f"{_capital(said)}. {why[:1].upper()}{why[1:]}." if is_open else f"{_capital(said)}, {why}."


def _told_without(asked: str, found: str, why: str) -> str:
    """Of a gate without a figure."""
    parts = [part for part in (found, why) if part and part != numbers.MISSING]
    return f"{_capital(asked)}: {'; '.join(parts)}."


def _capital(text: str) -> str:
    """A grader's id that is no plain word stays as it is."""
    first, _, rest = text.partition(" ")
    return f"{words.name_first(first)} {rest}"


def _figures(gate: GateFindings) -> Figures:
    if gate.estimate is not None:
        return figures(gate.spec, gate.estimate)
    if gate.spec.demand is not Demand.MUST_PASS or gate.verdict is Verdict.INCONCLUSIVE:
        return Figures(point=numbers.MISSING, interval="")
    return Figures(point="all right" if gate.verdict is Verdict.PASS else gate.clause, interval="")


def _other(gate: GateFindings, analysis: Analysis) -> str:
    """``high``, ``the baseline``; empty for a gate on one arm alone."""
    if gate.spec.scope is GateScope.ALONE:
        return ""
    if gate.spec.scope is GateScope.ARMS and gate.against is not None:
        return _named(gate.against, analysis)
    return "the baseline"


def _named(key: Mapping[str, Json], analysis: Analysis) -> str:
    """The arm with these axis values; by the values where the run has no such arm."""
    known = next((arm for arm in analysis.arms if dict(arm.key) == dict(key)), None)
    return words.spoken(known) if known else ", ".join(str(value) for value in key.values())


# ---------------------------------------------------------------- all gates together


def _rule(gates: Sequence[GateFindings]) -> Iterator[str]:
    yield RULE
    if any(gate.spec.demand is Demand.MUST_PASS for gate in gates):
        yield _MUST_PASS
    if any(gate.is_sequential for gate in gates):
        yield _SEQUENTIAL


def _lead(state: GateState, lines: Sequence[GateLine]) -> str:
    """How many of how many, and the sentences of those that decide it."""
    if state is GateState.PASS:
        return lines[0].told if len(lines) == 1 else f"All {len(lines)} gates pass."
    telling = [line for line in lines if line.state is state]
    told = _told_together(telling[:_MOST_TOLD])
    if len(telling) > _MOST_TOLD:
        n_more = len(telling) - _MOST_TOLD
        told.append(f"{n_more} more {'is' if n_more == 1 else 'are'} in the table.")
    counted = [f"{_counted(lines, state)}."] if len(lines) > 1 else []
    return " ".join([*counted, *told])


def _told_together(lines: Sequence[GateLine]) -> list[str]:
    """What is told of each; a remark that all of them share is said once."""
    told = [line.told for line in lines]
    shared = lines[0].remark if len({line.remark for line in lines}) == 1 else ""
    if len(lines) < 2 or not shared:
        return told
    bare = [text[: -len(shared) - 1].rstrip(" :;,.") + "." for text in told]
    return [*bare, f"Of both: {shared}."]


def _counted(lines: Sequence[GateLine], state: GateState) -> str:
    """``1 of 5 gates fails, 1 is “not enough data”``: in the words of the column of verdicts."""
    of = f" of {len(lines)}"
    n = Counter(line.state for line in lines)
    undecided = [each for each in (GateState.CANNOT_TELL, GateState.NOT_ENOUGH) if n[each]]
    also = words.listed(
        f"{n[each]}{of if each is state else ''} {'is' if n[each] == 1 else 'are'} “{each.value}”" for each in undecided
    )
    if state is not GateState.FAIL:
        return f"No gate fails, but {also}"
    failed = f"{n[state]}{of} gates {'fails' if n[state] == 1 else 'fail'}"
    return f"{failed}, {also}" if also else failed


def _not_comparable(reasons: Sequence[str]) -> str:
    return f"The two runs cannot be compared: {'; '.join(reason.rstrip('.') for reason in reasons)}."
