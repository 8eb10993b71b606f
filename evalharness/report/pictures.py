"""The charts of a page as files of their own, for slides and documents."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import unescape

from evalharness.report.palette import light

_SECTION = re.compile(r'<section id="(\w+)".*?</section>', re.S)
#: Charts have a name and a description; what only repeats the number beside it has neither.
_CHART = re.compile(r'<svg [^>]*role="img"[^>]*>.*?</svg>', re.S)
_LONGEST = 60


def pictures(page: str) -> Iterator[tuple[str, str]]:
    """(file name, SVG) of each chart of a page of this package, in its order.

    Each stands alone: in its light colours, on a ground of its own, with its title and description.
    """
    for section in _SECTION.finditer(page):
        for number, chart in enumerate(_CHART.findall(section.group()), start=1):
            title = unescape(chart.partition("<title>")[2].partition("</title>")[0])
            slug = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:_LONGEST].strip("-")
            yield f"{section.group(1)}-{number:02d}{f'-{slug}' if slug else ''}.svg", _alone(chart)


def _alone(chart: str) -> str:
    start, end = chart.partition("</desc>")[::2]
    named = start.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
    return f'{named}</desc><rect width="100%" height="100%" fill="{light("bg")}"/>{end}\n'
