"""A list of names that unfolds, in Markdown: in a fence that nothing in them can close."""

from __future__ import annotations

import re
from collections.abc import Sequence

from evalharness.report.visible import shortened, visible

_LONGEST_NAME = 200


def folded(title: str, names: Sequence[str], *, most: int) -> str:
    """``title`` is Markdown; of more than ``most`` names the number of the others is told."""
    told = [visible(shortened(name, _LONGEST_NAME)) for name in names[:most]]
    runs = re.findall("`+", "\n".join(told))
    fence = "`" * max(3, 1 + max((len(run) for run in runs), default=0))
    more = [f"and {len(names) - most} more"] if len(names) > most else []
    listing = "\n".join([fence, *told, *more, fence])
    return f"<details><summary>{title}</summary>\n\n{listing}\n\n</details>"
