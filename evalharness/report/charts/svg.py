"""The smallest kit that draws: escaped elements, coordinates at a tenth of a unit, themed paint, a named frame."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from markupsafe import Markup, escape

from evalharness.report.palette import light
from evalharness.report.visible import visible

Attribute = str | float | None


def number(value: float) -> str:
    """A coordinate: one decimal, a trailing ``.0`` dropped, no minus zero."""
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def esc(text: str) -> Markup:
    return escape(visible(text))


def element(name: str, attributes: dict[str, Attribute], *children: Markup) -> Markup:
    """``<name ...>children</name>``; an attribute that is None is left out. Children must be markup already."""
    written = "".join(
        f' {key}="{esc(value) if isinstance(value, str) else number(value)}"'
        for key, value in attributes.items()
        if value is not None
    )
    inner = "".join(children)
    return Markup(f"<{name}{written}>{inner}</{name}>" if inner else f"<{name}{written}/>")


def paint(*, fill: str | None = None, stroke: str | None = None, width: float | None = None) -> dict[str, Attribute]:
    """Colour as light attribute and as class. A stroke without a fill draws no area."""
    classes = [f"f-{fill}"] if fill else []
    classes += [f"s-{stroke}"] if stroke else []
    return {
        "class": " ".join(classes),
        "fill": light(fill) if fill else "none",
        "stroke": light(stroke) if stroke else None,
        "stroke-width": width,
    }


def grid(ends: Iterable[tuple[float, float, float, float]], stroke: str = "line", width: float = 1) -> list[Markup]:
    """Straight lines alike, as one element; none without ``ends`` (x1, y1, x2, y2)."""
    data = "".join(f"M{number(x1)} {number(y1)}{_to(x1, y1, x2, y2)}" for x1, y1, x2, y2 in ends)
    colour = {key: value for key, value in paint(stroke=stroke, width=width).items() if key != "fill"}
    return [element("path", colour | {"d": data})] if data else []


def line(x1: float, y1: float, x2: float, y2: float, stroke: str, width: float = 1, **more: Attribute) -> Markup:
    """A straight line; keyword underscores become hyphens."""
    colour = {key: value for key, value in paint(stroke=stroke, width=width).items() if key != "fill"}
    return element("path", colour | {"d": f"M{number(x1)} {number(y1)}{_to(x1, y1, x2, y2)}"} | _hyphens(more))


def _to(x1: float, y1: float, x2: float, y2: float) -> str:
    if number(x1) == number(x2):
        return f"V{number(y2)}"
    return f"H{number(x2)}" if number(y1) == number(y2) else f"L{number(x2)} {number(y2)}"


def text(
    x: float,
    y: float,
    content: str,
    *,
    anchor: str = "start",
    role: str = "muted",
    bold: bool = False,
    halo: bool = False,
) -> Markup:
    """``halo`` keeps the letters apart from lines that pass behind them."""
    colour = paint(fill=role, stroke="bg", width=3) | {"paint-order": "stroke"} if halo else paint(fill=role)
    attributes = colour | {"x": x, "y": y, "text-anchor": None if anchor == "start" else anchor}
    return element("text", attributes | {"font-weight": "600" if bold else None}, esc(content))


def rect(x: float, y: float, width: float, height: float, fill: str, **more: Attribute) -> Markup:
    box: dict[str, Attribute] = {"x": x, "y": y, "width": width, "height": height}
    return element("rect", paint(fill=fill) | box | _hyphens(more))


def polyline(points: Iterable[tuple[float, float]], stroke: str, width: float = 2, **more: Attribute) -> Markup:
    return element("path", paint(stroke=stroke, width=width) | {"d": path(points), "stroke-linejoin": "round"} | more)


def path(points: Iterable[tuple[float, float]]) -> str:
    """Path data, relative to the point before; equal neighbours and the middle of straight runs along an axis are
    dropped. Steps are taken between rounded places, so that no error adds up."""
    kept: list[tuple[int, int]] = []
    for x, y in points:
        place = round(x * 10), round(y * 10)
        if kept and kept[-1] == place:
            continue
        if len(kept) > 1 and (kept[-2][0] == kept[-1][0] == place[0] or kept[-2][1] == kept[-1][1] == place[1]):
            kept[-1] = place
        else:
            kept.append(place)
    parts = [f"M{number(kept[0][0] / 10)} {number(kept[0][1] / 10)}"] if kept else []
    for (x1, y1), (x2, y2) in pairwise(kept):
        right, down = _tenths(x2 - x1), _tenths(y2 - y1)
        if x1 == x2:
            parts.append(f"v{down}")
        elif y1 == y2:
            parts.append(f"h{right}")
        else:
            parts.append(f"l{right}{'' if down.startswith('-') else ' '}{down}")
    return "".join(parts)


def _tenths(tenths: int) -> str:
    """``-2.1``, ``.5``: without a zero before the point."""
    whole, part = divmod(abs(tenths), 10)
    return f"{'-' if tenths < 0 else ''}{whole or ''}{f'.{part}' if part else ''}"


def frame(width: float, height: float, body: Iterable[Markup], *, title: str, desc: str) -> Markup:
    """A whole picture with a name and a description that hold what it shows, for those who cannot see it."""
    names = element("title", {}, esc(title)) + element("desc", {}, esc(desc))
    return _svg(width, height, {"role": "img"}, [names, *body])


def decoration(width: float, height: float, body: Iterable[Markup], *, kind: str) -> Markup:
    """A picture beside a number that says the same: hidden from screen readers. ``kind`` is its class."""
    return _svg(width, height, {"aria-hidden": "true", "class": kind}, body)


def _svg(width: float, height: float, more: dict[str, Attribute], body: Iterable[Markup]) -> Markup:
    attributes: dict[str, Attribute] = {"viewBox": f"0 0 {number(width)} {number(height)}"}
    attributes |= {"width": width, "height": height}
    drawn = list(body)
    if any("<text" in part for part in drawn):
        attributes |= {"font-family": "system-ui, sans-serif", "font-size": "12"}
    return element("svg", attributes | more, *drawn)


def _hyphens(more: dict[str, Attribute]) -> dict[str, Attribute]:
    return {key.replace("_", "-"): value for key, value in more.items()}
