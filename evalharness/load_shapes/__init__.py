"""When trials are meant to start: one module per shape, named after what a suite writes under ``load.shape``.

A module holds ``stretches(load)``, which reads the fields of ``core.model.Load`` that its shape uses, and the shape
itself, a ``core.ports.LoadShape``: pure, so that a resumed run and another process have the same starts. The folder is
the registry: nothing is imported until it is named.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import cast

from evalharness.core.errors import UsageError
from evalharness.core.model import Load
from evalharness.core.ports import Stretch

__all__ = ["names", "stretches"]


@cache
def names() -> tuple[str, ...]:
    """Every shape that ships, sorted: the file names of this folder."""
    modules = Path(__file__).parent.glob("*.py")
    return tuple(sorted(module.stem for module in modules if not module.stem.startswith("_")))


def stretches(load: Load) -> tuple[Stretch, ...]:
    """The parts of a run one after the other: one, or one per level of ``shape: steps``.

    Raises ``UsageError`` for a shape that does not exist.
    """
    if load.shape not in names():
        raise UsageError(f"there is no load shape `{load.shape}`", hint="one of: " + ", ".join(names()))
    module = importlib.import_module(f"{__name__}.{load.shape}")
    return cast("tuple[Stretch, ...]", module.stretches(load))
