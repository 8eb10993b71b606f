"""The verdict of a latency run in words: its service level first, then up to which load it holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from evalharness.core.findings import Analysis, ArmFindings, Knee, Met, ServiceLevel, StretchFindings, TimeFindings
from evalharness.core.model import LevelUnit
from evalharness.core.record import RunRecord
from evalharness.report import sight, trouble, words
from evalharness.report.load_words import level_spoken, levels_spoken
from evalharness.report.service_words import (
    good_sentence,
    goodput_sentence,
    level_outcome,
    limit_sentence,
    target_sentence,
)

_HEADINGS = {
    Met.MET: "Service level met",
    Met.NOT_MET: "Service level not met",
    Met.OPEN: "Not enough data",
    Met.UNTRIED: "Cannot tell",
}
_MOST_ARMS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyVerdict:
    """Says one analysis of kind ``latency``."""

    run: RunRecord
    analysis: Analysis

    def heading_and_lead(self) -> tuple[str, str]:
        heading, lead = self._heading_and_lead()
        unfinished = trouble.not_finished(self.run, self.analysis)
        return heading, f"{unfinished} So far: {lead}" if unfinished else lead

    def bullets(self) -> list[str]:
        """At most three: the knee of each arm, what would narrow it, the rest of the service level, failures, times."""
        times = self._times() if self.analysis.service else None
        failures = trouble.failures_sentence(self.run, self.analysis)
        found = [self._knees(), self._narrowing(), self._rest(), failures, times]
        return [text for text in found if text][:3]

    def rule(self) -> str:
        slo = self.run.plan.suite.slo
        if slo is None:
            return "Target: none. Add an slo block to the suite to get a verdict."
        return " ".join([target_sentence(slo), *self._tested()])

    # ------------------------------------------------------------ heading and lead

    def _heading_and_lead(self) -> tuple[str, str]:
        if self.analysis.service is None:
            return "No target set", self._times() or self._no_times()
        if self.analysis.knees:
            return self._of_knee(self.analysis.knees[0])
        if len(self.analysis.arms) > 1:
            return self._of_arms()
        return _HEADINGS[self.analysis.service.met], _said(self.analysis.service, self.analysis.arms[0].times)

    def _of_knee(self, knee: Knee) -> tuple[str, str]:
        """All arms together; how each arm does is a bullet."""
        sentences = [_capital(knee.sentence)]
        stretch = headline_stretch(self.analysis)
        if stretch is not None and stretch.service is not None and stretch.level is not None:
            sentences.append(
                f"At {level_spoken(stretch.level, stretch.level_unit)}: {_said(stretch.service, stretch.times)}"
            )
        return _knee_heading(knee), " ".join(f"{sentence.rstrip('.')}." for sentence in sentences)

    def _of_arms(self) -> tuple[str, str]:
        arms = [arm for arm in self.analysis.arms if arm.service is not None]
        outcome = level_outcome([arm.service.met for arm in arms if arm.service])
        told = [
            f"{words.name_first(words.spoken(arm))}: {_said(arm.service, arm.times)}"
            for arm in arms[:_MOST_ARMS]
            if arm.service
        ]
        if len(arms) > _MOST_ARMS:
            told.append(f"The other {len(arms) - _MOST_ARMS} arms are in the table.")
        return "Arms differ" if outcome is None else _HEADINGS[outcome], " ".join(told)

    def _tested(self) -> Iterator[str]:
        """How the levels were tested, in words."""
        if self.analysis.knees:
            load = self.run.plan.suite.load
            each = "" if load.each_s is None else f", {load.each_s:g} s each"
            yield (
                f"Tried: {levels_spoken(load)}{each}. Whether it holds was tested from the lowest level up, whether it "
                "fails from the highest down; each ends at the first level that does not show it."
            )

    # ------------------------------------------------------------ bullets

    def _knees(self) -> str | None:
        """The knee of each arm, where there are several."""
        own = [(self.analysis.arm(knee.arm_id), knee) for knee in self.analysis.knees if knee.arm_id is not None]
        told = [f"{words.spoken(arm)}: {knee.sentence[:1].lower()}{knee.sentence[1:].rstrip('.')}" for arm, knee in own]
        return f"{_capital('; '.join(told))}." if told else None

    def _narrowing(self) -> str | None:
        """What a further run should try; with several arms that of all together."""
        return " ".join(self.analysis.knees[0].narrowing) or None if self.analysis.knees else None

    def _rest(self) -> str | None:
        """What the lead leaves out of the service level that it tells: its limits, or the share of good calls."""
        service = self._told()
        if service is None:
            return None
        if _share_leads(service):
            stretch = headline_stretch(self.analysis) if self.analysis.knees else None
            times = stretch.times if stretch else self.analysis.arms[0].times
            limits = [limit_sentence(limit, told=service.reason, times=times) for limit in service.limits]
            return " ".join(f"{sentence}." for sentence in limits)
        return " ".join(text for text in (f"{good_sentence(service)}.", goodput_sentence(service)) if text)

    def _told(self) -> ServiceLevel | None:
        """The service level that the lead is about; None where it tells that of each arm."""
        if self.analysis.knees:
            stretch = headline_stretch(self.analysis)
            return stretch.service if stretch else None
        return self.analysis.service if len(self.analysis.arms) == 1 else None

    def _times(self) -> str | None:
        """Medians and p95 as facts: of the whole run, with levels of the lowest and the highest that were kept."""
        stretches = self.analysis.stretches_of()
        told = (
            [text for arm in self.analysis.arms if (text := _arm_times(arm))]
            if len({s.step for s in stretches}) < 2
            else list(_level_times(stretches))
        )
        return f"{_capital('; '.join(told[:_MOST_ARMS]))}." if told else None

    def _no_times(self) -> str:
        stretches = self.analysis.stretches_of()
        if stretches and all(stretch.rate_kept is False for stretch in stretches):
            return "This client kept the rate of no level, so the times say nothing of the service."
        return "No time was measured."


def headline_stretch(analysis: Analysis) -> StretchFindings | None:
    """The stretch whose figures stand for the run: the highest level that holds, else the lowest of all."""
    stretches = analysis.stretches_of()
    holds = analysis.knees[0].holds_up_to if analysis.knees else None
    return next((stretch for stretch in stretches if holds is None or stretch.level == holds), None)


def _said(service: ServiceLevel, times: Mapping[str, TimeFindings]) -> str:
    """Its limit as a sentence; the share of good calls where no single limit says the same."""
    return f"{good_sentence(service) if _share_leads(service) else limit_sentence(service.limits[0], times=times)}."


def _share_leads(service: ServiceLevel) -> bool:
    return len(service.limits) != 1 or service.limits[0].met is not service.met


def _knee_heading(knee: Knee) -> str:
    """At most four words: ``Holds up to 20/s``, ``Fails from 16 concurrent``."""
    concurrent = knee.level_unit is LevelUnit.CONCURRENCY
    if knee.holds_up_to is not None:
        return f"Holds to {knee.holds_up_to:g} concurrent" if concurrent else f"Holds up to {knee.holds_up_to:g}/s"
    if knee.fails_from is None:
        return _HEADINGS[Met.UNTRIED if set(knee.met) == {Met.UNTRIED} else Met.OPEN]
    if knee.fails_from == knee.levels[0]:
        return "Fails at every level"
    return f"Fails from {knee.fails_from:g}{' concurrent' if concurrent else '/s'}"


def _arm_times(arm: ArmFindings) -> str | None:
    """``half of the first outputs came within 612 ms (95% CI 590 to 640), 95% within 1.1 s (…)``"""
    metric = "ttfo_ms" if "ttfo_ms" in arm.times else "total_ms"
    times = arm.times.get(metric)
    if times is None:
        return None
    what = "first outputs came" if metric == "ttfo_ms" else "answers were complete"
    whose = f"{words.spoken(arm)}: " if arm.key else ""
    clauses: list[str] = []
    for q, share in (("0.5", "half"), ("0.95", "95%")):
        estimate = sight.quantile(times, q)
        if estimate is not None:
            point, interval = sight.time_text(estimate, times.error_ms(q))
            ends = f" ({words.ci_name(estimate)} {interval})" if interval else ""
            clauses.append(f"{share}{'' if clauses else f' of the {what}'} within {point}{ends}")
    return f"{whose}{', '.join(clauses)}" if clauses else None


def _level_times(stretches: tuple[StretchFindings, ...]) -> Iterator[str]:
    """``at 5 calls a second 95% of first outputs within 850 ms``, of the lowest and of the highest level whose rate
    this client kept: at the others the times are its own."""
    kept = [stretch for stretch in stretches if stretch.rate_kept is not False]
    for stretch in (*kept[:1], *kept[1:][-1:]):
        for metric, what in (("ttfo_ms", "first outputs"), ("total_ms", "answers")):
            times = stretch.times.get(metric)
            p95 = sight.quantile(times, "0.95")
            if times is not None and p95 is not None and stretch.level is not None:
                point, interval = sight.time_text(p95, times.error_ms("0.95"))
                ends = f" ({words.ci_name(p95)} {interval})" if interval else ""
                level = level_spoken(stretch.level, stretch.level_unit)
                yield f"at {level} 95% of {what} within {point}{ends}"
                break


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
