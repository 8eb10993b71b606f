from __future__ import annotations

import gzip
import sys
import zlib

import pytest

from evalharness.simulator.encodings import PACKERS, new_packer
from evalharness.simulator.profile import ProfileError

READERS = {"gzip": 31, "deflate": 15, "bare-deflate": -15}
PARTS = [b"event: a\ndata: 1\n\n", b"event: b\ndata: 2\n\n", b"event: c\ndata: 3\n\n"]


@pytest.mark.parametrize("kind", READERS)
def test_every_part_can_be_read_when_it_was_flushed(kind: str) -> None:
    _, packer = new_packer(kind)
    reader = zlib.decompressobj(wbits=READERS[kind])
    assert [reader.decompress(packer.pack(part, flush=True)) for part in PARTS] == PARTS
    assert reader.decompress(packer.finish()) == b"" and reader.eof


@pytest.mark.parametrize("kind", READERS)
def test_without_a_flush_the_text_comes_at_the_end(kind: str) -> None:
    _, packer = new_packer(kind)
    reader = zlib.decompressobj(wbits=READERS[kind])
    assert reader.decompress(b"".join(packer.pack(part, flush=False) for part in PARTS)) == b""
    assert reader.decompress(packer.finish()) == b"".join(PARTS)


def test_gzip_is_what_other_readers_call_gzip() -> None:
    coding, packer = new_packer("gzip")
    assert coding == "gzip"
    assert gzip.decompress(packer.pack(b"text", flush=False) + packer.finish()) == b"text"


@pytest.mark.parametrize(("kind", "package"), [("br", "brotli"), ("zstd", "backports.zstd")])
def test_a_missing_library_is_named(kind: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("brotli", "brotlicffi", "compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ProfileError, match=package):
        new_packer(kind)


@pytest.mark.parametrize(("kind", "library"), [("br", "brotli"), ("zstd", "backports.zstd")])
def test_other_codings_are_read_by_their_own_library(kind: str, library: str) -> None:
    reader = pytest.importorskip(library)
    coding, packer = new_packer(kind)
    raw = b"".join(packer.pack(part, flush=True) for part in PARTS) + packer.finish()
    assert (coding, reader.decompress(raw)) == (kind, b"".join(PARTS))


def test_bare_deflate_has_the_name_of_the_other() -> None:
    assert {PACKERS["deflate"][0], PACKERS["bare-deflate"][0]} == {"deflate"}
