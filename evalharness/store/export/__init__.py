"""One file per format; the folder is the list of formats. Others are plugged in as ``evalharness.exporters``."""

from __future__ import annotations

import difflib
import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from evalharness.core.errors import UsageError
from evalharness.core.ports import Exporter

GROUP = "evalharness.exporters"


def names() -> tuple[str, ...]:
    """All formats by name, sorted; none is imported."""
    return tuple(sorted({*_built_in(), *_plugged_in()}))


def load(name: str) -> Exporter:
    """The exporter called ``name``. A plug-in cannot take a built-in's name.

    Raises ``UsageError`` naming the formats there are.
    """
    if name in _built_in():
        return cast(Exporter, importlib.import_module(f"{__name__}.{name}"))
    plugged_in = _plugged_in()
    if name in plugged_in:
        return cast(Exporter, plugged_in[name].load())
    close = difflib.get_close_matches(name, names(), n=1)
    hint = f"did you mean {close[0]}? " if close else ""
    raise UsageError(f"no export format {name!r}", hint=f"{hint}there are {', '.join(names())}")


def _built_in() -> frozenset[str]:
    return frozenset(module.name for module in pkgutil.iter_modules(__path__))


def _plugged_in() -> dict[str, EntryPoint]:
    return {entry_point.name: entry_point for entry_point in entry_points(group=GROUP)}
