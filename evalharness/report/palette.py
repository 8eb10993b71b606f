"""Every colour of a report, once: light and dark values, and the style rules made from them.

An SVG element carries its light colour as an attribute and a class beside it. Where a host blocks style sheets the
attribute stands alone on a white canvas; elsewhere the class themes it.

The effort scale's luminance falls strictly with the effort on white (rises on dark), and neighbours stay at least 12
CIELAB units apart in normal, protan, deutan and tritan vision. A shape goes with every colour.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

EFFORTS = ("none", "minimal", "low", "medium", "high", "xhigh", "max")
SHAPES = ("circle", "triangle-down", "triangle", "square", "diamond", "star", "hexagon")
#: Where there is no effort axis arms take these places of the scale in order: the five most distinct first.
PLACES_IN_ORDER = (0, 2, 3, 4, 5, 1, 6)


@dataclass(frozen=True, slots=True)
class Colour:
    light: str
    dark: str


COLOURS: Mapping[str, Colour] = {
    "bg": Colour("#ffffff", "#11161c"),
    "panel": Colour("#f5f7f9", "#1a212a"),
    "line": Colour("#dfe3e8", "#2c3641"),
    "text": Colour("#1b222b", "#e6eaef"),
    "muted": Colour("#56606c", "#a3aeba"),
    "link": Colour("#0b57a4", "#7cb8f5"),
    "better": Colour("#0b6b3a", "#5fce93"),
    "worse": Colour("#a8261c", "#ff9a8f"),
    "e0": Colour("#87929e", "#8193a0"),
    "e1": Colour("#9374b2", "#b5a3d9"),
    "e2": Colour("#048766", "#36c1a6"),
    "e3": Colour("#355c6f", "#abbecf"),
    "e4": Colour("#3d326d", "#d3cafd"),
    "e5": Colour("#2c1e2e", "#f9e2f5"),
    "e6": Colour("#000000", "#f0ffeb"),
    "input": Colour("#6b7580", "#6b7580"),
    "cached": Colour("#b4bcc6", "#b4bcc6"),
    "reasoning": Colour("#c2660a", "#c2660a"),
    "answer": Colour("#2f7fc1", "#2f7fc1"),
    "queue": Colour("#8a4f9e", "#8a4f9e"),
    "connect": Colour("#b4bcc6", "#b4bcc6"),
    "waiting": Colour("#6b7580", "#6b7580"),
}

#: Grounds of a heat map, under plain text: the stronger, the further from the page.
HEAT: Mapping[str, Colour] = {
    "better1": Colour("#dcebf7", "#183149"),
    "better2": Colour("#b3d4ee", "#193d5e"),
    "better3": Colour("#7fb6e0", "#1a4a75"),
    "worse1": Colour("#fbe3d3", "#432a1b"),
    "worse2": Colour("#f5c3a2", "#57331b"),
    "worse3": Colour("#ea9f70", "#703e18"),
}

#: Colours of text and grounds only.
_NOT_DRAWN = ("panel", "link", "better")


def light(role: str) -> str:
    return COLOURS[role].light


def effort_place(effort: str) -> int | None:
    """The place of an effort word on the scale; None for a word the scale does not have."""
    return EFFORTS.index(effort) if effort in EFFORTS else None


def css() -> str:
    """A custom property for each role that is not the same in both themes, and a fill and a stroke class of those
    that charts draw."""
    themed = {role: colour for role, colour in COLOURS.items() if colour.light != colour.dark}
    values = [f"--{role}:{_themed(colour)}" for role, colour in themed.items()]
    schemes = [f":root{{color-scheme:light dark;{';'.join(values)}}}"]
    schemes += [f"[data-theme={theme}]{{color-scheme:{theme}}}" for theme in ("light", "dark")]
    drawn = [role for role in themed if role not in _NOT_DRAWN]
    classes = [f".f-{role}{{fill:var(--{role})}}.s-{role}{{stroke:var(--{role})}}" for role in drawn]
    heat = [f"td.{name}{{background:{_themed(colour)}}}" for name, colour in HEAT.items()]
    heat.append(".heat,.heat *,.heat::before{color:var(--text)!important}")
    return "".join([*schemes, *classes, *heat])


def _themed(colour: Colour) -> str:
    return f"light-dark({colour.light},{colour.dark})"
