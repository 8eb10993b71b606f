"""Comparisons that are shown together: which correction they share, and when interval and p say the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from evalharness.core.findings import Estimate
from evalharness.stats.multiple import benjamini_hochberg, holm
from evalharness.verdict.reading import FEW_CLUSTERS, leaves_out

#: (candidate, baseline) as indices of arms.
Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """How the p values of a family are corrected; a reading needs the corrected p below ``alpha``."""

    name: str
    adjust: Callable[[Sequence[float]], tuple[float, ...]]
    alpha: float
    exploratory: bool = False

    def adjusted(self, p_values: Sequence[float | None]) -> Sequence[float | None]:
        """None for a family of one, and for members without p, which take no part in it."""
        present = [p for p in p_values if p is not None]
        if len(p_values) < 2 or not present:
            return [None] * len(p_values)
        corrected = iter(self.adjust(present))
        return [None if p is None else next(corrected) for p in p_values]

    def agrees(self, shown: Estimate, p: float | None, neutral: float = 0.0) -> bool:
        """Whether interval and p say the same of ``neutral``.

        An exploratory p, being at another level, may only take a claim away.
        """
        if p is None:
            return True
        if self.exploratory:
            return p < self.alpha or not leaves_out(shown, neutral)
        return (p < self.alpha) == leaves_out(shown, neutral)


HOLM = Adjustment(name="Holm", adjust=holm, alpha=0.05)
EXPLORATORY = Adjustment(
    name="Benjamini-Hochberg at 0.10, exploratory", adjust=benjamini_hochberg, alpha=0.10, exploratory=True
)


def cautions(
    design: str, n_clusters: int, *, agrees: bool, exploratory: bool = False, units: str = "cases"
) -> tuple[str, ...]:
    """What a reader of one comparison must know besides its interval. ``units``: what is independent, in words."""
    found = {
        f"few {units}: only {n_clusters} {'is' if n_clusters == 1 else 'are'} independent": n_clusters < FEW_CLUSTERS,
        "not paired: less power": design != "paired",
        "interval and p disagree": not agrees,
        "exploratory": exploratory,
    }
    return tuple(words for words, holds in found.items() if holds)
