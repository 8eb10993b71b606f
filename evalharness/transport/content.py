"""Undoes a content encoding that nobody asked for, within bounds: a few kilobytes must not become gigabytes."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Protocol

_GZIP = 16 + zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS
_STEP_BYTES = 256 * 1024
#: The largest window of zstd that HTTP allows, as a power of two: 8 MiB. Source: RFC 9659, section 3.
_ZSTD_WINDOW_LOG = 23


class BodyTooLargeError(ValueError):
    """The decoded body is larger than the endpoint's limit."""


class ContentError(ValueError):
    """The body is not in the encoding its header names, or in one that was never offered."""


class Content(Protocol):
    def decode(self, data: bytes) -> bytes:
        """Raises ``BodyTooLargeError`` or ``ContentError``."""
        ...


class _Unpacker(Protocol):
    def step(self, data: bytes) -> tuple[bytes, bool]:
        """Some of what ``data``, and what was left of the data before, unpack to: about ``_STEP_BYTES`` at most; and
        whether there may be more without further data."""
        ...


def content_of(encoding: str, *, max_bytes: int) -> Content:
    """For a ``content-encoding`` header ('' where there is none).

    gzip, deflate, and br and zstd where their packages are installed. Raises ``ContentError`` for others; requests ask
    for ``identity``, since a compressed stream is held back by its sender and its arrival times mean nothing.
    """
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return _Plain(max_bytes)
    make = _UNPACKERS.get(name)
    if make is None:
        raise ContentError(f"the body is encoded as {name[:40]!r}, which was not asked for")
    return _Unpacked(make(), max_bytes)


class _Plain:
    def __init__(self, max_bytes: int) -> None:
        self._left = max_bytes

    def decode(self, data: bytes) -> bytes:
        self._left -= len(data)
        if self._left < 0:
            raise BodyTooLargeError
        return data


class _Unpacked:
    """Unpacks step by step, and stops at the limit."""

    def __init__(self, unpacker: _Unpacker, max_bytes: int) -> None:
        self._unpacker = unpacker
        self._left = max_bytes

    def decode(self, data: bytes) -> bytes:
        pieces: list[bytes] = []
        has_more = bool(data)
        while has_more:
            piece, has_more = self._unpacker.step(data)
            data = b""
            pieces.append(piece)
            self._left -= len(piece)
            if self._left < 0:
                raise BodyTooLargeError
        return b"".join(pieces)


class _Inflated:
    """gzip, of which a body may have several members."""

    def __init__(self, wbits: int = _GZIP) -> None:
        self._wbits = wbits
        self._inflate = zlib.decompressobj(wbits)
        self._rest = b""

    def step(self, data: bytes) -> tuple[bytes, bool]:
        try:
            piece = self._inflate.decompress(self._rest + data, _STEP_BYTES)
        except zlib.error as error:
            raise _broken(error) from error
        self._rest = self._inflate.unconsumed_tail
        if self._inflate.eof:
            self._rest = self._inflate.unused_data
            self._inflate = zlib.decompressobj(self._wbits)
        # A full step may leave output inside zlib with all input taken.
        return piece, bool(self._rest) or len(piece) == _STEP_BYTES


class _Deflated:
    """With the header of zlib, as RFC 9110 says, or without, as some servers send it."""

    def __init__(self) -> None:
        self._begin = b""
        self._inflated: _Inflated | None = None

    def step(self, data: bytes) -> tuple[bytes, bool]:
        if self._inflated is None:
            self._begin += data
            if len(self._begin) < 2:
                return b"", False
            data = self._begin
            self._inflated = _Inflated(zlib.MAX_WBITS if _is_zlib(data) else _RAW_DEFLATE)
        return self._inflated.step(data)


def _is_zlib(begin: bytes) -> bool:
    """Source: RFC 1950, section 2.2: the method in the low half of the first byte, and a checksum of both."""
    return begin[0] & 0x0F == 8 and int.from_bytes(begin[:2], "big") % 31 == 0


class _Brotli:
    def __init__(self) -> None:
        try:
            brotli = import_module("brotli")
        except ImportError:
            raise _not_installed("br") from None
        self._error: type[Exception] = brotli.error
        self._unpack = brotli.Decompressor()

    def step(self, data: bytes) -> tuple[bytes, bool]:
        try:
            piece: bytes = self._unpack.process(data, output_buffer_limit=_STEP_BYTES)
        except self._error as error:
            raise _broken(error) from error
        return piece, not self._unpack.can_accept_more_data()


class _Zstandard:
    """Of which a body may have several frames."""

    def __init__(self) -> None:
        zstd = _zstd()
        self._error: type[Exception] = zstd.ZstdError
        options = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
        self._new: Callable[[], Any] = lambda: zstd.ZstdDecompressor(options=options)
        self._unpack = self._new()
        self._rest = b""

    def step(self, data: bytes) -> tuple[bytes, bool]:
        try:
            piece: bytes = self._unpack.decompress(self._rest + data, _STEP_BYTES)
        except self._error as error:
            raise _broken(error) from error
        if not self._unpack.eof:
            self._rest = b""
            return piece, not self._unpack.needs_input
        self._rest = self._unpack.unused_data
        self._unpack = self._new()
        return piece, bool(self._rest)


def _zstd() -> Any:
    """Part of Python from 3.14 on."""
    for name in ("compression.zstd", "backports.zstd"):
        try:
            return import_module(name)
        except ImportError:
            continue
    raise _not_installed("zstd")


def _broken(error: Exception) -> ContentError:
    return ContentError(f"the body is not in its content encoding: {error}")


def _not_installed(name: str) -> ContentError:
    return ContentError(
        f"the body is encoded as {name!r}, which was not asked for: `pip install 'evalharness[encodings]'` to read it"
    )


_UNPACKERS: Mapping[str, Callable[[], _Unpacker]] = {
    "gzip": _Inflated,
    "x-gzip": _Inflated,
    "deflate": _Deflated,
    "br": _Brotli,
    "zstd": _Zstandard,
}
