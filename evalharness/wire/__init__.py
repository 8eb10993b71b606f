"""Sans-I/O codecs. A module here that holds a class ``Codec`` is a protocol; ``protocol:`` says its name."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from evalharness.core.errors import UsageError

if TYPE_CHECKING:
    from evalharness.core.ports import WireProtocol
    from evalharness.wire.settings import CodecSettings


def names() -> tuple[str, ...]:
    """Every protocol of the folder, in alphabetical order. Imports the whole folder: for messages and tests only."""
    found = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name for name in found if hasattr(importlib.import_module(f"{__name__}.{name}"), "Codec")))


def codec(name: str, settings: CodecSettings | None = None) -> WireProtocol:
    """The codec of a protocol; nothing else of the folder's dialects is imported.

    Raises ``UsageError`` with the valid names where there is no such protocol.
    """
    factory = getattr(_module(name), "Codec", None)
    if factory is None:
        raise UsageError(f"there is no protocol {name!r}", hint="valid names: " + ", ".join(names()))
    made: WireProtocol = factory() if settings is None else factory(settings)
    return made


def _module(name: str) -> object | None:
    # The name is looked up among the folder's own files first: an import of whatever a suite says would run code.
    if name not in {module.name for module in pkgutil.iter_modules(__path__)}:
        return None
    return importlib.import_module(f"{__name__}.{name}")
