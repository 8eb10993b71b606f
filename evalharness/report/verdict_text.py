"""The decision in words: one object that page, Markdown, terminal and JSON print unchanged."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from evalharness.core.findings import (
    Analysis,
    ArmFindings,
    ArmStanding,
    Comparison,
    Decision,
    Estimate,
    Outcome,
    Reading,
    Standing,
)
from evalharness.core.record import RunRecord
from evalharness.metrics.table import given_scores
from evalharness.report import numbers, rule_words, sight, trouble, words
from evalharness.report.latency_verdict import LatencyVerdict


@dataclass(frozen=True, slots=True, kw_only=True)
class VerdictText:
    """``heading`` a few words, ``lead`` one or two sentences, at most three ``bullets``, ``rule`` the rule used.

    ``origin`` says SIMULATED where it applies; ``cautions`` are whole sentences to be seen before the numbers.
    ``about_times`` is the one of them that a page may say beside the times: what this client may be off by.
    """

    origin: str
    heading: str
    lead: str
    bullets: tuple[str, ...] = ()
    rule: str = ""
    cautions: tuple[str, ...] = ()
    about_times: str = ""

    @property
    def cautions_first(self) -> tuple[str, ...]:
        """``cautions`` without the one ``about_times``."""
        return tuple(caution for caution in self.cautions if caution != self.about_times)


def verdict_text(run: RunRecord, analysis: Analysis) -> VerdictText:
    nothing = trouble.nothing_measured(run, analysis)
    lost = trouble.lost_sentence(len(run.lost_attempts))
    cautions = (lost,) if lost else ()
    if nothing is not None:
        # No figure follows that the banners could qualify, and no rule was applied.
        return VerdictText(origin=words.origin(run), heading=nothing[0], lead=nothing[1], cautions=cautions)
    cautions = (*analysis.banners, *cautions)
    about_times = analysis.observer.coarse if analysis.observer else ""
    if analysis.kind == "single":
        return _single(run, analysis, cautions, about_times)
    latency = analysis.kind == "latency"
    speaker = LatencyVerdict(run=run, analysis=analysis) if latency else _Speaker(run=run, analysis=analysis)
    heading, lead = speaker.heading_and_lead()
    return VerdictText(
        origin=words.origin(run),
        heading=heading,
        lead=lead,
        bullets=tuple(speaker.bullets()),
        rule=speaker.rule(),
        cautions=cautions,
        about_times=about_times,
    )


def share_right(run: RunRecord, grader_id: str) -> bool:
    """Whether the grader gave only 0 and 1, so that its mean is a share of right answers."""
    given = given_scores(run, grader_id)
    known = given[given == given]  # not NaN
    return bool(((known == 0) | (known == 1)).all())


def _single(run: RunRecord, analysis: Analysis, cautions: tuple[str, ...], about_times: str) -> VerdictText:
    arm = analysis.arms[0]
    estimate = arm.quality[analysis.primary]
    assert estimate is not None  # else nothing was measured
    right = share_right(run, analysis.primary)
    heading = words.score_phrase(estimate, share_right=right)
    score = words.score_sentence(estimate, share_right=right, repeats=analysis.repeats)
    unfinished = trouble.not_finished(run, analysis)
    lead = f"By the grader “{analysis.primary}”: {score}."
    bullets = [trouble.failures_sentence(run, analysis), _typical_call(arm)]
    return VerdictText(
        origin=words.origin(run),
        heading=heading[:1].upper() + heading[1:],
        lead=f"{unfinished} So far, by the grader “{analysis.primary}”: {score}." if unfinished else lead,
        bullets=tuple(bullet for bullet in bullets if bullet),
        rule="" if analysis.baseline_run else "One arm, nothing to compare: no recommendation.",
        cautions=cautions,
        about_times=about_times,
    )


def _typical_call(arm: ArmFindings) -> str | None:
    """Median time and mean cost of a call, as far as they are known."""
    parts = []
    total = arm.times.get("total_ms")
    median = sight.quantile(total, "0.5")
    if total is not None and median is not None:
        point, interval = sight.time_text(median, total.error_ms("0.5"))
        parts.append(f"half of the calls ended within {point}{_in_brackets(median, interval)}")
    if arm.cost_usd is not None:
        interval = _in_brackets(arm.cost_usd, numbers.usd_interval(arm.cost_usd, 1000))
        parts.append(f"1,000 calls cost {numbers.usd(arm.cost_usd.point * 1000)}{interval}")
    sentence = "; ".join(parts)
    return f"{sentence[:1].upper()}{sentence[1:]}." if sentence else None


def _in_brackets(estimate: Estimate, interval: str) -> str:
    """`` (95% CI 496 to 567 ms)``; empty where the data give no interval."""
    return f" ({words.ci_name(estimate)} {interval})" if interval else ""


#: Why a rule passes over a cheaper arm, where there is no room to say more: of one arm, of several.
_WHY_NOT = {
    Standing.UNDECIDED: ("is not shown to keep the rule", "are not shown to keep the rule"),
    Standing.EXCLUDED: ("is shown to be too far below another", "are shown to be too far below another"),
    Standing.INELIGIBLE: ("breaks a limit", "break a limit"),
    Standing.ADMISSIBLE: ("keeps the rule as well", "keep the rule as well"),
}
_OPEN = (Standing.ADMISSIBLE, Standing.UNDECIDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Speaker:
    """Says one analysis of several arms."""

    run: RunRecord
    analysis: Analysis

    @property
    def margin(self) -> float | None:
        return self.analysis.decision.rule.margin if self.analysis.decision.rule else None

    def label(self, arm_id: str) -> str:
        return words.spoken(self.analysis.arm(arm_id))

    def heading_and_lead(self) -> tuple[str, str]:
        decision = self.analysis.decision
        unfinished = trouble.not_finished(self.run, self.analysis)
        if decision.outcome is Outcome.USE and decision.arm_id is not None:
            heading, lead = f"Use {self.label(decision.arm_id)}", self._use(decision.arm_id)
        elif decision.outcome is Outcome.NO_CLEAR_WINNER:
            if unfinished:
                return "Not finished", f"{unfinished} So far no arm is shown to keep the rule."
            heading, lead = "No clear winner", self._no_winner(decision)
        else:
            heading, lead = "No rule set", self._facts()
        return heading, f"{unfinished} {lead}" if unfinished else lead

    def _use(self, arm_id: str) -> str:
        versus = self._versus(arm_id)
        if versus is None:
            return self._is_baseline(arm_id)
        sentence = words.quality_sentence(versus, self.label(arm_id), self.label(versus.baseline), self.margin)
        return f"{sentence}. {self._price(arm_id)}".strip()

    def _is_baseline(self, arm_id: str) -> str:
        """The baseline itself was chosen: there is no comparison to quote, so what it scores and costs."""
        arm = self.analysis.arm(arm_id)
        estimate = arm.quality.get(self.analysis.primary)
        score = ""
        if estimate is not None:
            right = share_right(self.run, self.analysis.primary)
            score = words.score_sentence(estimate, share_right=right, repeats=self.analysis.repeats)
        cost = f" at {numbers.usd(arm.cost_usd.point * 1000)} per 1,000 calls" if arm.cost_usd else ""
        rule = self.analysis.decision.rule
        return f"{words.name_first(words.spoken(arm))}, the baseline, is {rule_words.keeps(rule)}: {score}{cost}."

    def _price(self, arm_id: str) -> str:
        clauses = []
        cost = self.analysis.ratios.get("cost_usd", {}).get(arm_id)
        if cost is not None:
            clauses.append(words.cost_clause(cost))
        drift = self.analysis.drift
        confounded = drift is not None and drift.confounded
        time = None if confounded else sight.ratio(self.analysis, "total_ms", arm_id)
        if time is not None:
            clauses.append(words.time_clause(time))
            first = sight.ratio(self.analysis, "ttfo_ms", arm_id)
            # Said where the wait for the first word goes another way than that for the last.
            if first is not None and words.is_certain(first.reading) and first.reading is not time.reading:
                clauses.append(words.first_output_clause(first))
        return f"It {words.listed(clauses)}." if clauses else ""

    def _no_winner(self, decision: Decision) -> str:
        if decision.held_back:
            return f"The rule names no one: {decision.held_back}."
        if decision.arm_id is None:
            if any(standing.standing in _OPEN for standing in decision.standings):
                return "No arm is named: what the arms cost is not known."
            return "No arm keeps the rule: each breaks a limit or is shown to be below another by too much."
        cheapest = f"{words.name_first(self.label(decision.arm_id))} is the cheapest that is not ruled out"
        standing = next(item for item in decision.standings if item.arm_id == decision.arm_id)
        near = f" {self._near()}" if self._has_no_number(standing) else ""
        return f"{cheapest}, but {self._open(standing)}{near}{self._also_open(decision)}"

    def _also_open(self, decision: Decision) -> str:
        """That more cases for one arm need not give a winner; empty where no other is open."""
        others = sum(item.standing in _OPEN and item.arm_id != decision.arm_id for item in decision.standings)
        return f" {numbers.plural(others, 'other arm')} {'is' if others == 1 else 'are'} open too." if others else ""

    def _open(self, standing: ArmStanding) -> str:
        """What keeps an arm undecided, and how many cases would settle it: the end of a sentence and one more."""
        gap = standing.gap
        in_margin = gap is None or gap.lower is None or self.margin is None or -gap.lower <= self.margin
        if standing.limit and in_margin:
            return f"it is not settled whether it keeps a limit: {words.limit_text(standing.limit)}."
        if gap is None or gap.lower is None or gap.upper is None or not standing.against:
            return "it is not settled whether it keeps the rule."
        against = self.label(standing.against)
        rule = self.analysis.decision.rule
        clause = f"may {rule_words.between(rule, gap)} than {against} ({words.ci_name(gap)}{self._over_pairs})"
        if in_margin:
            return f"{clause}, and missing trials keep it open whether that is within the rule."
        allowed = rule_words.allowed(rule)
        if standing.cases_to_settle is None or trouble.not_finished(self.run, self.analysis):
            return f"{clause}: {allowed}."
        have, needed = numbers.count(self.analysis.n_cases), _cases(standing.cases_to_settle)
        # The present gap is what says which of the two more cases are to show (verdict.settling).
        shown = "rule it out" if gap.point < -(self.margin or 0.0) else "show that it keeps the rule"
        return (
            f"{clause}: {allowed}. Were the present scores the truth, about {needed} would probably {shown}; "
            f"this run has {have}."
        )

    @property
    def _over_pairs(self) -> str:
        """Tells the intervals that the rule goes by from the narrower ones of a table against the baseline."""
        return " over all pairs" if len(self.analysis.arms) > 2 else ""

    def _has_no_number(self, standing: ArmStanding) -> bool:
        """Whether more cases are meant, and none are enough."""
        is_open = standing.gap is not None and standing.cases_to_settle is None
        return is_open and self.analysis.scope == "population" and not trouble.not_finished(self.run, self.analysis)

    def _near(self) -> str:
        """Why no number of cases is named."""
        missing = any(arm.quality_bounds for arm in self.analysis.arms)
        or_missing = ", or hang on the calls that are missing" if missing else ""
        return f"No number of cases can be named: the truth may lie too near what is allowed{or_missing}."

    def _facts(self) -> str:
        """The highest score against the baseline, case by case; of more than two arms the range of all before it."""
        parts = ["The suite states no decision rule, so no arm is recommended."]
        told = self._highest()
        if told is None or len(self.analysis.arms) > 2:
            parts += self._ranges()
        return " ".join([*parts, *([self._use(told.candidate)] if told else [])])

    def _highest(self) -> Comparison | None:
        """Of the arms that are compared with the baseline the one that scores most, None of none."""
        compared = self.analysis.versus_baseline
        return max(compared, key=lambda each: self._score_of(each.candidate), default=None)

    def _ranges(self) -> Iterator[str]:
        """Of scores and costs. Without intervals: those of single arms overlap where the same cases tell them apart."""
        scores = [arm for arm in self.analysis.arms if arm.quality.get(self.analysis.primary) is not None]
        costs = [arm for arm in self.analysis.arms if arm.cost_usd is not None]
        if scores:
            scores.sort(key=lambda arm: self._score_of(arm.arm_id))
            yield f"Scores run from {self._score(scores[0])} to {self._score(scores[-1])}."
        if costs:
            costs.sort(key=lambda arm: _point(arm.cost_usd))
            yield f"1,000 calls cost from {_cost(costs[0])} to {_cost(costs[-1])}."

    def _score(self, arm: ArmFindings) -> str:
        estimate = arm.quality[self.analysis.primary]
        return arm.label if estimate is None else f"{numbers.share(estimate)} ({words.spoken(arm)})"

    def bullets(self) -> list[str]:
        """The most useful first: arms one might have wanted instead, steps that cannot be told apart, failed calls."""
        decision = self.analysis.decision
        # An arm that is still open says more than one that is ruled out; of either, who scores most asks first why.
        nearest = sorted(
            decision.standings, key=lambda item: (item.standing is Standing.EXCLUDED, -self._score_of(item.arm_id))
        )
        rivals = {item.arm_id: text for item in nearest if (text := self._rival(item))}
        told = {frozenset((item.arm_id, item.against)) for item in decision.standings if item.arm_id == decision.arm_id}
        told |= {frozenset((arm_id, decision.arm_id)) for arm_id in rivals}
        named = {decision.arm_id}
        if decision.outcome is Outcome.NO_RULE and (highest := self._highest()) is not None:
            named = {highest.candidate, highest.baseline}
            told.add(frozenset(named))
        close = [text for step in self.analysis.steps if (text := self._close(step.quality, named, told))][:1]
        failures = trouble.failures_sentence(self.run, self.analysis)
        last = [*close, *([failures] if failures else [])]
        shown = list(rivals)[: 3 - len(last)]
        untold = [item for item in nearest if item.arm_id in rivals and item.arm_id not in shown]
        others = self._others(untold) if shown else ""
        return [*(f"{rivals[arm]}{others if arm == shown[-1] else ''}" for arm in shown), *last]

    def _score_of(self, arm_id: str) -> float:
        quality = self.analysis.arm(arm_id).quality.get(self.analysis.primary)
        return -math.inf if quality is None else quality.point

    def _others(self, untold: Sequence[ArmStanding]) -> str:
        """How many more cheaper arms the rule does not name, and why not; empty for none."""
        cheaper = Counter(item.standing for item in untold if self._saving(item.arm_id))
        if not cheaper:
            return ""
        n = cheaper.total()
        more = "1 more costs less" if n == 1 else f"{n} more cost less"
        if len(cheaper) == 1:
            who = "it" if n == 1 else "both" if n == 2 else "all"
            return f" {more}; {who} {_why_not(*cheaper.popitem())}."
        told = [
            f"{cheaper[standing]} {_why_not(standing, cheaper[standing])}" for standing in _WHY_NOT if cheaper[standing]
        ]
        return f" {more}: {words.listed(told)}."

    def _rival(self, standing: ArmStanding) -> str | None:
        """Why an arm that someone might have wanted instead was not chosen; None where that needs no word."""
        if standing.arm_id == self.analysis.decision.arm_id or self.analysis.decision.arm_id is None:
            return None
        label = words.name_first(self.label(standing.arm_id))
        if standing.standing is Standing.INELIGIBLE and standing.limit:
            return f"{label} breaks a limit: {words.limit_text(standing.limit)}."
        saving = self._saving(standing.arm_id)
        if saving and standing.standing is Standing.UNDECIDED:
            return f"{label} {saving}, but {self._open(standing)}"
        if saving and standing.standing is Standing.EXCLUDED:
            return f"{label} {saving}, but {self._gap(standing)}."
        if saving and standing.standing is Standing.ADMISSIBLE:
            return f"{label} {saving} and keeps the rule as well, but {rule_words.takes(self.analysis.decision.rule)}."
        return None

    def _gap(self, standing: ArmStanding) -> str:
        """How far an excluded arm lies below the one that excludes it."""
        if standing.gap is None:
            return "is shown to be below it by more than the rule allows"
        against = self.label(standing.against) if standing.against else "another"
        return rule_words.below(self.analysis.decision.rule, standing.gap, against, self._over_pairs)

    def _saving(self, arm_id: str) -> str | None:
        """``costs 64% less than xhigh`` of an arm cheaper than the chosen one; None of one that is not."""
        chosen = self.analysis.decision.arm_id
        mine = self.analysis.arm(arm_id).cost_usd
        theirs = self.analysis.arm(chosen).cost_usd if chosen else None
        if chosen is None or mine is None or theirs is None or mine.point >= theirs.point:
            return None
        share = math.floor((1 - mine.point / theirs.point) * 100)
        return (
            f"costs {share}% less than {self.label(chosen)}"
            if share
            else f"costs a little less than {self.label(chosen)}"
        )

    def _close(
        self, comparison: Comparison, named: Collection[str | None], told: Collection[frozenset[str | None]]
    ) -> str | None:
        """A step from or to one of the ``named`` arms that cannot be told apart and is none of the pairs ``told``."""
        pair = frozenset((comparison.candidate, comparison.baseline))
        if comparison.reading is not Reading.TOO_CLOSE or pair in told or pair.isdisjoint(named):
            return None
        candidate, baseline = self.label(comparison.candidate), self.label(comparison.baseline)
        return f"{words.quality_sentence(comparison, candidate, baseline, self.margin)}."

    def _versus(self, arm_id: str) -> Comparison | None:
        return next((item for item in self.analysis.versus_baseline if item.candidate == arm_id), None)

    def rule(self) -> str:
        rule = self.analysis.decision.rule
        if rule is None:
            return "Rule: none. Add a decision block to the suite to get a recommendation."
        return rule_words.rule_sentence(rule, f"score of “{rule.metric}”")


def _point(estimate: Estimate | None) -> float:
    return estimate.point if estimate is not None else math.inf


def _cost(arm: ArmFindings) -> str:
    if arm.cost_usd is None:
        return arm.label
    return f"{numbers.usd(arm.cost_usd.point * 1000)} ({words.spoken(arm)})"


def _why_not(standing: Standing, n: int) -> str:
    one, several = _WHY_NOT[standing]
    return one if n == 1 else several


def _cases(needed: int) -> str:
    """Two digits: what a forecast of a sample size is worth."""
    rounded = round(needed, 1 - math.floor(math.log10(needed))) if needed >= 100 else needed
    return numbers.plural(rounded, "case")
