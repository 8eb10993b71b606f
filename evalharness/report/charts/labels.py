"""A free place for a label beside its marker: none over another, none outside the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

#: Left, top, right, bottom.
Box: TypeAlias = tuple[float, float, float, float]

#: Width of a bold character of 12 units.
BOLD_LETTER = 8.4
#: Square units of a label that a marker or interval may cover: two intervals crossed, no other label.
_BEARABLE = 60.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a label's text starts or ends, by ``anchor``, and the room it takes."""

    anchor: str
    x: float
    y: float
    box: Box


def free_place(label: str, x: float, y: float, taken: Sequence[Box], inside: Box, *, away: float = 0.0) -> Place | None:
    """The freest of eight places around the marker, below right first; None where none is nearly free.

    ``away``: how much larger the marker is than others, a ring around it included.
    """
    width = len(label) * BOLD_LETTER
    choices: list[tuple[float, Place]] = []
    for anchor, label_x, label_y in (
        ("start", x + 8, y + 17 + away),
        ("end", x - 8, y - 9 - away),
        ("start", x + 8, y - 9 - away),
        ("end", x - 8, y + 17 + away),
        ("start", x + 11 + away, y + 4),
        ("end", x - 11 - away, y + 4),
        ("middle", x, y - 12 - away),
        ("middle", x, y + 21 + away),
    ):
        left = label_x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
        box = (left, label_y - 11, left + width, label_y + 3)
        if left >= inside[0] and box[2] <= inside[2] and box[1] >= inside[1] and label_y <= inside[3]:
            covered = sum(_overlap(box, other) for other in taken)
            choices.append((covered, Place(anchor, label_x, label_y, box)))
    covered, best = min(choices, key=lambda choice: choice[0], default=(0.0, None))
    return best if covered <= _BEARABLE else None


def _overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0
