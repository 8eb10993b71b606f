"""Undoes a content encoding that nobody asked for, within bounds: a few kilobytes must not become gigabytes."""

from __future__ import annotations

import zlib
from typing import Protocol

_GZIP = 16 + zlib.MAX_WBITS
_STEP_BYTES = 256 * 1024


class BodyTooLargeError(ValueError):
    """The decoded body is larger than the endpoint's limit."""


class ContentError(ValueError):
    """The body is not in the encoding its header names, or in one that was never offered."""


class Content(Protocol):
    def decode(self, data: bytes) -> bytes: ...


def content_of(encoding: str, *, max_bytes: int) -> Content:
    """For a ``content-encoding`` header ('' where there is none).

    Raises ``ContentError`` for encodings other than gzip and deflate; requests ask for ``identity``, since a
    compressed stream is held back by its sender and its arrival times mean nothing.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return _Plain(max_bytes)
    if name in ("gzip", "x-gzip", "deflate"):
        return _Inflated(_GZIP if name != "deflate" else zlib.MAX_WBITS, max_bytes)
    raise ContentError(f"the body is encoded as {name[:40]!r}, which was not asked for")


class _Plain:
    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes

    def decode(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise BodyTooLargeError
        return data


class _Inflated:
    def __init__(self, wbits: int, max_bytes: int) -> None:
        self._wbits = wbits
        self._left = max_bytes
        self._inflate = zlib.decompressobj(wbits)

    def decode(self, data: bytes) -> bytes:
        """Raises ``BodyTooLargeError`` or ``ContentError``."""
        pieces: list[bytes] = []
        pending = bool(data)
        while pending:
            piece = self._step(data)
            pieces.append(piece)
            self._left -= len(piece)
            if self._left < 0:
                raise BodyTooLargeError
            data = self._inflate.unconsumed_tail
            if self._inflate.eof:
                # A gzip body may have several members.
                data = self._inflate.unused_data
                self._inflate = zlib.decompressobj(self._wbits)
            # A full step may leave output inside zlib with all input taken.
            pending = bool(data) or len(piece) == _STEP_BYTES
        return b"".join(pieces)

    def _step(self, data: bytes) -> bytes:
        try:
            return self._inflate.decompress(data, _STEP_BYTES)
        except zlib.error as error:
            raise ContentError(f"the body is not in its content encoding: {error}") from error
