"""Content codings of a streamed body. Flushed, each event can be read as soon as its bytes are there."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from evalharness.simulator.profile import ProfileError


class Packer(Protocol):
    """Compresses a body piece by piece."""

    def pack(self, part: bytes, *, flush: bool) -> bytes:
        """``part`` compressed; with ``flush`` so that all of it can be read from what was given so far."""

    def finish(self) -> bytes:
        """The end of the body."""


def new_packer(kind: str) -> tuple[str, Packer]:
    """The name for ``content-encoding``, and a packer. Raises ``ProfileError`` where a library is missing."""
    coding, make = PACKERS[kind]
    return coding, make()


class _Zlib:
    """``bits`` as in ``zlib``: 31 with the wrapping of gzip, 15 with that of zlib, -15 bare."""

    def __init__(self, bits: int) -> None:
        self._packer = zlib.compressobj(wbits=bits)

    def pack(self, part: bytes, *, flush: bool) -> bytes:
        return self._packer.compress(part) + (self._packer.flush(zlib.Z_SYNC_FLUSH) if flush else b"")

    def finish(self) -> bytes:
        return self._packer.flush()


class _Brotli:
    def __init__(self) -> None:
        self._packer = _library("br", "brotli", "brotlicffi").Compressor()

    def pack(self, part: bytes, *, flush: bool) -> bytes:
        packed: bytes = self._packer.process(part)
        return packed + self._packer.flush() if flush else packed

    def finish(self) -> bytes:
        end: bytes = self._packer.finish()
        return end


class _Zstandard:
    def __init__(self) -> None:
        # Part of Python from 3.14 on.
        self._packer = _library("zstd", "compression.zstd", "backports.zstd").ZstdCompressor()

    def pack(self, part: bytes, *, flush: bool) -> bytes:
        mode = self._packer.FLUSH_BLOCK if flush else self._packer.CONTINUE
        packed: bytes = self._packer.compress(part, mode)
        return packed

    def finish(self) -> bytes:
        end: bytes = self._packer.flush()
        return end


def _library(kind: str, *names: str) -> Any:
    """The first of these optional modules that is there; nothing of the simulator needs them otherwise."""
    for name in names:
        try:
            return importlib.import_module(name)
        except ImportError:
            continue
    hint = "pip install 'evalharness[encodings]'"
    raise ProfileError(f"kind={kind} needs the module {' or '.join(names)}: `{hint}`")


#: What a fault calls it -> its name on the wire, and how to make one. Bare deflate is wrong, and not rare.
PACKERS: Mapping[str, tuple[str, Callable[[], Packer]]] = {
    "gzip": ("gzip", lambda: _Zlib(31)),
    "deflate": ("deflate", lambda: _Zlib(15)),
    "bare-deflate": ("deflate", lambda: _Zlib(-15)),
    "br": ("br", _Brotli),
    "zstd": ("zstd", _Zstandard),
}
