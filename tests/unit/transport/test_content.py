from __future__ import annotations

import gzip
import tracemalloc
import zlib

import pytest

from evalharness.transport.content import BodyTooLargeError, ContentError, content_of

TEXT = bytes(range(256)) * 400


@pytest.mark.parametrize("encoding", ["", "identity", " Identity "])
def test_a_plain_body_passes(encoding: str):
    assert content_of(encoding, max_bytes=10).decode(b"0123456789") == b"0123456789"


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", gzip.compress(TEXT)),
        ("x-gzip", gzip.compress(TEXT[:300]) + gzip.compress(TEXT[300:])),
        ("deflate", zlib.compress(TEXT)),
    ],
    ids=["gzip", "two members", "deflate"],
)
@pytest.mark.parametrize("size", [1, 7, 10**6])
def test_a_compressed_body_comes_out_whole_however_it_is_split(encoding: str, body: bytes, size: int):
    content = content_of(encoding, max_bytes=len(TEXT))
    assert b"".join(content.decode(body[at : at + size]) for at in range(0, len(body), size)) == TEXT


def test_what_was_flushed_comes_out_at_once():
    pack = zlib.compressobj(wbits=31)
    first = pack.compress(b"data: 1\n\n") + pack.flush(zlib.Z_SYNC_FLUSH)
    assert content_of("gzip", max_bytes=100).decode(first) == b"data: 1\n\n"


@pytest.mark.parametrize("encoding", ["", "gzip"])
def test_a_body_over_the_limit_is_refused(encoding: str):
    body = b"x" * 101 if not encoding else gzip.compress(b"x" * 101)
    with pytest.raises(BodyTooLargeError):
        content_of(encoding, max_bytes=100).decode(body)


def test_a_bomb_is_refused_before_it_unfolds():
    bomb = gzip.compress(bytes(200 * 2**20), compresslevel=9)
    content = content_of("gzip", max_bytes=2**20)
    tracemalloc.start()
    with pytest.raises(BodyTooLargeError):
        content.decode(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20


def test_a_body_that_is_not_what_its_header_says_is_refused():
    with pytest.raises(ContentError, match="not in its content encoding"):
        content_of("gzip", max_bytes=100).decode(b"data: 1\n\n")
    with pytest.raises(ContentError, match="'br', which was not asked for"):
        content_of("br", max_bytes=100)
