"""Stacked horizontal bars: mean tokens or money of a call, in parts. What was not reported is hatched, never 0."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalharness.report.charts.scales import Scale, apart, told
from evalharness.report.charts.svg import Attribute, decoration, element, frame, grid, paint, rect, text

WIDTH = 400
_ROW, _BAR, _TOP, _GAP, _HEADING = 32, 20, 6, 1.0, 28
_LETTER = 8.4
#: Too pale on white to stand without an outline.
_PALE = ("cached", "connect")


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """``role`` is a colour, or None for a share of the bar whose split the service does not report."""

    name: str
    role: str | None
    size: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """``group`` heads its bars where there are several groups."""

    label: str
    parts: Sequence[Part]
    total: float
    total_text: str
    group: str = ""

    @property
    def full_label(self) -> str:
        return f"{self.group}, {self.label}" if self.group else self.label


def bars(rows: Sequence[Bar], *, title: str, unit: str, write: Callable[[float], str], uid: str) -> Markup:
    """``uid`` makes the id of the hatching unique in the page."""
    left = min(200.0, max(len(row.label) for row in rows) * _LETTER + 12)
    right = WIDTH - max(len(row.total_text) for row in rows) * _LETTER - 14
    scale = Scale(0.0, max(max(row.total for row in rows), 1e-12), left, right)
    places = _places(rows)
    bottom = places[-1] + _ROW
    body = [_hatching(uid)] if any(part.role is None for row in rows for part in row.parts) else []
    ticks = scale.ticks(3)
    body += grid((scale(tick), _TOP, scale(tick), bottom) for tick in ticks)
    labels = apart([(scale(tick), write(tick)) for tick in ticks], 0, WIDTH)
    body += [text(x, bottom + 18, label, anchor="middle") for x, label in labels]
    for before, row, top in zip([None, *rows], rows, places, strict=False):
        if row.group and (before is None or before.group != row.group):
            body.append(text(0, top - 8, row.group, bold=True))
        body += _row(row, top + (_ROW - _BAR) / 2, scale, uid)
    body.append(text(right, bottom + 36, unit, anchor="end"))
    return frame(WIDTH, bottom + 42, body, title=title, desc=_description(rows, write))


def _places(rows: Sequence[Bar]) -> list[float]:
    """The top of each row; room for a heading over the first of each group."""
    places, top, group = [], float(_TOP), ""
    for row in rows:
        top += _HEADING if row.group != group else 0
        group = row.group
        places.append(top)
        top += _ROW
    return places


def _description(rows: Sequence[Bar], write: Callable[[float], str]) -> str:
    return " ".join(
        f"{row.full_label}: {row.total_text}, of it "
        + ", ".join(f"{part.name} {write(told(part.size))}" for part in row.parts)
        + "."
        for row in rows
    )


def _row(row: Bar, y: float, scale: Scale, uid: str) -> list[Markup]:
    parts = [text(scale.start - 8, y + _BAR / 2 + 4, row.label, anchor="end", role="text", bold=True)]
    done = 0.0
    for part in row.parts:
        x, end = scale(done), scale(done + part.size)
        done += part.size
        width = max(0.0, end - x - _GAP)
        if width <= 0.05:
            continue
        if part.role is None:
            parts.append(_hatched(x, y, width, uid))
        else:
            outline = {"stroke": "#6b7580", "stroke-width": "1"} if part.role in _PALE else {}
            inset = 0.5 if outline else 0.0
            box = rect(x + inset, y + inset, max(0.1, width - 2 * inset), _BAR - 2 * inset, part.role, **outline)
            parts.append(box)
    parts.append(text(scale(done) + 6, y + _BAR / 2 + 4, row.total_text, role="text"))
    return parts


def _hatching(uid: str) -> Markup:
    stripe = element("path", paint(stroke="muted", width=1.5) | {"d": "M0 6L6 0"})
    pattern: dict[str, Attribute] = {
        "id": f"{uid}-hatch",
        "width": "6",
        "height": "6",
        "patternUnits": "userSpaceOnUse",
    }
    return element("defs", {}, element("pattern", pattern, stripe))


def _hatched(x: float, y: float, width: float, uid: str) -> Markup:
    outline = paint(stroke="muted", width=1)
    box: dict[str, Attribute] = {
        "x": x,
        "y": y + 0.5,
        "width": width,
        "height": _BAR - 1.0,
        "fill": f"url(#{uid}-hatch)",
    }
    return element("rect", outline | box)


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyEntry:
    label: str
    swatch: Markup


def key_of(names: Mapping[str, str | None]) -> tuple[KeyEntry, ...]:
    """What the colours stand for: name to role, in order."""
    return tuple(KeyEntry(label=name, swatch=_swatch(role)) for name, role in names.items())


def _swatch(role: str | None) -> Markup:
    """The square of the key; None is the hatching, drawn as its own stripes so that it needs no other picture."""
    if role is None:
        stripes = element("path", paint(stroke="muted", width=1.5) | {"d": "M1 7L7 1M1 13L13 1M7 13L13 7"})
        return decoration(14, 14, [stripes], kind="swatch")
    outline = {"stroke": "#6b7580"} if role in _PALE else {}
    return decoration(14, 14, [rect(1, 1, 12, 12, role, **outline)], kind="swatch")
