from __future__ import annotations

import gzip
import sys
import tracemalloc
import zlib
from collections.abc import Callable
from functools import partial

import brotli
import pytest
from backports import zstd

from evalharness.transport.content import BodyTooLargeError, ContentError, content_of

TEXT = bytes(range(256)) * 400


def raw_deflate(data: bytes) -> bytes:
    pack = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return pack.compress(data) + pack.flush()


PACKED = {
    "gzip": ("gzip", gzip.compress),
    "deflate": ("deflate", zlib.compress),
    "deflate without its header": ("deflate", raw_deflate),
    "br": ("br", partial(brotli.compress, quality=4)),
    "zstd": ("zstd", zstd.compress),
}
every_encoding = pytest.mark.parametrize(("encoding", "compress"), PACKED.values(), ids=PACKED)


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_a_plain_body_passes(encoding: str):
    assert content_of(encoding, max_bytes=10).decode(b"0123456789") == b"0123456789"


@every_encoding
@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_a_compressed_body_comes_out_whole_however_it_is_split(
    encoding: str, compress: Callable[[bytes], bytes], size: int
):
    body = compress(TEXT)
    content = content_of(encoding, max_bytes=len(TEXT))
    assert b"".join(content.decode(body[at : at + size]) for at in range(0, len(body), size)) == TEXT


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_a_body_of_several_members_comes_out_whole(compress: Callable[[bytes], bytes], size: int):
    body = b"".join(map(compress, (TEXT[:300], b"", TEXT[300:])))
    content = content_of("x-gzip" if compress is gzip.compress else "zstd", max_bytes=len(TEXT))
    assert b"".join(content.decode(body[at : at + size]) for at in range(0, len(body), size)) == TEXT


@pytest.mark.parametrize("compress", [gzip.compress, zstd.compress])
def test_thousands_of_empty_members_are_empty(compress: Callable[[bytes], bytes]):
    encoding = "gzip" if compress is gzip.compress else "zstd"
    assert content_of(encoding, max_bytes=10).decode(compress(b"") * 3000) == b""


def flushed_gzip(data: bytes) -> bytes:
    pack = zlib.compressobj(wbits=31)
    return pack.compress(data) + pack.flush(zlib.Z_SYNC_FLUSH)


def flushed_brotli(data: bytes) -> bytes:
    pack = brotli.Compressor()
    return bytes(pack.process(data) + pack.flush())


def flushed_zstd(data: bytes) -> bytes:
    pack = zstd.ZstdCompressor()
    return pack.compress(data) + pack.flush(pack.FLUSH_BLOCK)


@pytest.mark.parametrize(
    ("encoding", "flushed"), [("gzip", flushed_gzip), ("br", flushed_brotli), ("zstd", flushed_zstd)]
)
def test_what_was_flushed_comes_out_at_once(encoding: str, flushed: Callable[[bytes], bytes]):
    assert content_of(encoding, max_bytes=100).decode(flushed(b"data: 1\n\n")) == b"data: 1\n\n"


@pytest.mark.parametrize(("encoding", "compress"), [("", bytes), *PACKED.values()], ids=["plain", *PACKED])
def test_a_body_over_the_limit_is_refused_and_one_at_it_is_not(encoding: str, compress: Callable[[bytes], bytes]):
    assert content_of(encoding, max_bytes=101).decode(compress(b"x" * 101)) == b"x" * 101
    with pytest.raises(BodyTooLargeError):
        content_of(encoding, max_bytes=100).decode(compress(b"x" * 101))


@every_encoding
def test_a_bomb_is_refused_before_it_unfolds(encoding: str, compress: Callable[[bytes], bytes]):
    bomb = compress(bytes(64 * 2**20))
    content = content_of(encoding, max_bytes=2**20)
    tracemalloc.start()
    with pytest.raises(BodyTooLargeError):
        content.decode(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_a_window_larger_than_http_allows_is_refused():
    options = {zstd.CompressionParameter.window_log: 27}
    pack = zstd.ZstdCompressor(options=options)
    with pytest.raises(ContentError, match="not in its content encoding"):
        content_of("zstd", max_bytes=100).decode(pack.compress(b"x" * 50) + pack.flush())


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd"])
def test_a_body_that_is_not_what_its_header_says_is_refused(encoding: str):
    with pytest.raises(ContentError, match="not in its content encoding"):
        content_of(encoding, max_bytes=100).decode(b"\xff\xffdata: 1\n\n")


@pytest.mark.parametrize("encoding", ["compress", "gzip, br", "aws-chunked"])
def test_an_encoding_nobody_knows_is_refused(encoding: str):
    with pytest.raises(ContentError, match=f"'{encoding}', which was not asked for$"):
        content_of(encoding, max_bytes=100)


@pytest.mark.parametrize(
    ("encoding", "modules"), [("br", ["brotli"]), ("zstd", ["compression.zstd", "backports.zstd"])]
)
def test_an_encoding_whose_package_is_missing_names_what_to_install(
    encoding: str, modules: list[str], monkeypatch: pytest.MonkeyPatch
):
    for module in modules:
        monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ContentError, match=r"pip install 'evalharness\[encodings\]'"):
        content_of(encoding, max_bytes=100)
