"""A free place for a label beside its marker: none over another, none outside the picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

#: Left, top, right, bottom.
Box: TypeAlias = tuple[float, float, float, float]

#: Width of a bold character of 12 units.
BOLD_LETTER = 8.4
#: Square units of a label that lines may cross, on which nothing is read off.
_BEARABLE = 60.0
#: Side of the squares that stand for a line.
_LINE_BOX = 4.0
#: Distance of the places that are tried in the whole picture.
_ROW = 7.0
#: Up to here a line to a label is within the marker that it comes from.
_OWN = 10.0
#: How far from its marker a label may go, in steps; beyond the first a thin line leads to it.
_REACHES = (0.0, 12.0, 24.0, 36.0, 48.0, 60.0, 72.0)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a label's text starts or ends, by ``anchor``, and the room it takes. ``lead``: the point of its box that a
    line from the marker leads to; None beside the marker."""

    anchor: str
    x: float
    y: float
    box: Box
    lead: tuple[float, float] | None = None


def free_place(
    label: str,
    x: float,
    y: float,
    taken: Sequence[Box],
    inside: Box,
    *,
    lines: Sequence[Box] = (),
    away: float = 0.0,
    needed: bool = False,
) -> Place | None:
    """The nearest place around the marker that covers nothing of ``taken`` (marks, intervals, labels), below right
    first; of equals the one that covers least of ``lines``. None where there is none.

    ``away``: how much larger the marker is than others, a ring around it included. ``needed``: rather than to be left
    out, it may be anywhere in the picture, and its line may cross marks.
    """
    crossing: list[Place] = []
    for reach in _REACHES:
        choices: list[tuple[float, Place]] = []
        for place in _around(label, x, y, away, reach):
            if not _within(place.box, inside) or _covers(place.box, taken):
                continue
            if any(_covers(part, taken) for part in _lead(place, x, y)):
                crossing.append(place)
            else:
                choices.append((sum(_overlap(place.box, other) for other in lines), place))
        covered, best = min(choices, key=lambda choice: choice[0], default=(0.0, None))
        if best is not None and covered <= _BEARABLE:
            return best
    if not needed:
        return None
    return crossing[0] if crossing else _anywhere(label, x, y, taken, inside)


def _anywhere(label: str, x: float, y: float, taken: Sequence[Box], inside: Box) -> Place | None:
    """The free place of the whole picture that is nearest to the marker."""
    width, (left, top, right, bottom) = len(label) * BOLD_LETTER, inside
    found: list[tuple[float, Place]] = []
    for row in range(int((bottom - top) // _ROW)):
        for column in range(int((right - left - width) // _ROW) + 1):
            start, base = left + column * _ROW, top + 11 + row * _ROW
            box = (start, base - 11, start + width, base + 3)
            if not _covers(box, taken):
                near = _nearest(box, x, y)
                found.append((math.dist((x, y), near), Place("start", start, base, box, near)))
    return min(found, key=lambda choice: choice[0], default=(0.0, None))[1]


def _nearest(box: Box, x: float, y: float) -> tuple[float, float]:
    return min(max(x, box[0]), box[2]), min(max(y, box[1]), box[3])


def _within(box: Box, inside: Box) -> bool:
    """Whether it is in the picture; letters below the line may hang out of it."""
    return box[0] >= inside[0] and box[2] <= inside[2] and box[1] >= inside[1] and box[3] <= inside[3] + 3


def _covers(box: Box, taken: Sequence[Box]) -> bool:
    return any(_overlap(box, other) > 0 for other in taken)


def _lead(place: Place, x: float, y: float) -> list[Box]:
    """The line to a label, as far as it is outside its own marker and clear of the bars through that."""
    squares = [] if place.lead is None else along((x, y), place.lead)
    return [box for box in squares if max(abs(box[0] - x), abs(box[1] - y)) > _OWN]


def _around(label: str, x: float, y: float, away: float, reach: float) -> list[Place]:
    """Eight places, the text's box at each; farther out sideways as well as up and down."""
    width = len(label) * BOLD_LETTER
    below, above, side = y + 17 + away + reach, y - 9 - away - reach, 8 + reach
    places = []
    for anchor, label_x, label_y in (
        ("start", x + side, below),
        ("end", x - side, above),
        ("start", x + side, above),
        ("end", x - side, below),
        ("start", x + 11 + away + reach, y + 4),
        ("end", x - 11 - away - reach, y + 4),
        ("middle", x, above - 3),
        ("middle", x, below + 4),
    ):
        left = label_x - width * {"start": 0.0, "middle": 0.5, "end": 1.0}[anchor]
        box = (left, label_y - 11, left + width, label_y + 3)
        places.append(Place(anchor, label_x, label_y, box, _nearest(box, x, y) if reach else None))
    return places


def along(start: tuple[float, float], end: tuple[float, float]) -> list[Box]:
    """Small squares that stand for a line where labels look for room."""
    steps = max(1, round(math.dist(start, end) / _LINE_BOX))
    half = _LINE_BOX / 4
    points = [
        tuple(one + (other - one) * step / steps for one, other in zip(start, end, strict=True))
        for step in range(steps + 1)
    ]
    return [(x - half, y - half, x + half, y + half) for x, y in points]


def _overlap(one: Box, other: Box) -> float:
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return width * height if width > 0 and height > 0 else 0.0
