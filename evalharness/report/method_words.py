"""The statistics' names for their methods as clean sentences for the methods section."""

from __future__ import annotations

from collections.abc import Collection

_PHRASES = {
    "Wilson": "Wilson score intervals",
    "Wilson at the effective number of trials": "Wilson score intervals, repeats of a case counted for what they add",
    "Clopper-Pearson": "exact (Clopper-Pearson) intervals",
    "Clopper-Pearson at the effective number of trials": (
        "exact (Clopper-Pearson) intervals, repeats of a case counted for what they add"
    ),
    "Tango score": "Tango score intervals of the cases that changed",
    "Tango score, scaled to the clusters": (
        "Tango score intervals of the cases that changed, as wide as the independent groups demand"
    ),
    "Tango score, scaled to the clusters, at the joint max-|t|": (
        "Tango score intervals of the cases that changed, as wide as the independent groups demand and widened to hold "
        "for all rows together (joint max-|t|)"
    ),
    "joint max-|t| cluster bootstrap": "cluster bootstrap, widened to hold for all rows together (joint max-|t|)",
    "sign flip (no case moved)": "none needed where no case changed",
}
_NO_INTERVAL = "no interval"


def method_sentence(what: str, methods: Collection[str]) -> str:
    """``Mean scores: Wilson score intervals.`` The plain form of a method is left out beside its refinement."""
    named = [name for name in methods if not name.startswith(_NO_INTERVAL)]
    kept = [name for name in named if not any(other != name and other.startswith(name) for other in named)]
    text = " or ".join(_PHRASES.get(name, name) for name in sorted(kept))
    if len(named) == len(methods):
        return f"{what}: {text}."
    none = "no interval where all cases have the same value"
    return f"{what}: {text}; {none}." if text else f"{what}: {none}."
