"""Which kinds of case benefit: the difference of each arm from the baseline by tag, raw and shrunk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from evalharness.core.findings import TagEffect, TagTable
from evalharness.stats.multiple import holm
from evalharness.stats.sample import Sample
from evalharness.stats.tags import TagEffect as OwnEffect
from evalharness.stats.tags import TagFindings, tag_effects
from evalharness.verdict.baseline_pairing import PairedBaseline
from evalharness.verdict.families import HOLM, Pair
from evalharness.verdict.reading import leaves_out
from evalharness.verdict.view import RunView

#: Draws for p values of tags and of their heterogeneity.
RESAMPLES = 2_000
#: Why a tag is not shown although its own test would show it: what is shown together is corrected together.
AMONG_MANY = "not kept among so many tags and arms"
_Key = TypeVar("_Key")


def tag_tables(view: RunView, grader: str, pairs: Sequence[Pair]) -> Mapping[str, TagTable]:
    """By candidate arm id; empty without tags, and for a latency run. One family: Holm over all tags of all arms."""
    samples = {view.arms[new].arm_id: (view.scores(grader, new), view.scores(grader, old)) for new, old in pairs}
    return _tables(view, samples)


def tag_tables_against(paired: PairedBaseline) -> Mapping[str, TagTable]:
    """As ``tag_tables``, each arm against itself in the baseline, over the cases that both have."""
    view = paired.view
    primary = view.grader_ids[0]
    pairs = {view.arms[arm].arm_id: paired.pair(primary, arm) for arm in paired.arm_pairs if paired.source.n_paired}
    return _tables(view, {arm_id: pair for arm_id, pair in pairs.items() if pair is not None})


def _tables(view: RunView, samples: Mapping[str, tuple[Sample, Sample]]) -> Mapping[str, TagTable]:
    if not view.table.tags or view.is_latency:
        return {}
    settings = replace(view.settings, n_resamples=min(view.settings.n_resamples, RESAMPLES))
    tags = {tag: cases.astype("int64") for tag, cases in view.table.tags.items()}
    found = {
        arm_id: tag_effects(candidate, baseline, tags, settings) for arm_id, (candidate, baseline) in samples.items()
    }
    differ = _adjusted({arm: each.heterogeneity.p_value for arm, each in found.items() if each.heterogeneity})
    cells = {
        (arm, effect.tag): effect.p_value if effect.p_value is not None else 1.0
        for arm, each in found.items()
        for effect in each.effects
        if effect.p_adjusted is not None
    }
    together = _adjusted(cells)
    return {
        arm: TagTable(
            effects=_effects(each, {tag: p for (of, tag), p in together.items() if of == arm}, differ.get(arm)),
            p_tags_differ=differ.get(arm),
        )
        for arm, each in found.items()
    }


def _adjusted(p_values: Mapping[_Key, float]) -> Mapping[_Key, float]:
    return dict(zip(p_values, holm(list(p_values.values())), strict=True))


def _effects(found: TagFindings, p_adjusted: Mapping[str, float], differ: float | None) -> tuple[TagEffect, ...]:
    return tuple(
        TagEffect(
            tag=effect.tag,
            raw=effect.raw,
            shrunk=effect.shrunk,
            p_adjusted=p_adjusted.get(effect.tag),
            is_shown=_reason(effect, p_adjusted.get(effect.tag), differ) is None,
            reason=_reason(effect, p_adjusted.get(effect.tag), differ),
        )
        for effect in found.effects
    )


def _reason(effect: OwnEffect, p_adjusted: float | None, differ: float | None) -> str | None:
    """That of the arm's own tests, or that the corrections over all arms leave none."""
    if effect.reason is not None:
        return effect.reason
    kept = p_adjusted is not None and p_adjusted < HOLM.alpha and differ is not None and differ < HOLM.alpha
    return None if kept and leaves_out(effect.raw) else AMONG_MANY
