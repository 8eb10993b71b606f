"""Arrivals of deltas as gaps in whole microseconds, packed.

Offsets from the first arrival are rounded before they are subtracted, so no arrival is off by more than half a
microsecond however many there are. Few gaps are packed with as many bits each as the longest needs: 50 gaps about 10 ms
long take 94 bytes, and deflating those would make them longer. Many are split into byte planes and deflated: the high
bytes are nearly all alike, and one long pause does not widen the others.
"""

from __future__ import annotations

import struct
import zlib
from array import array
from itertools import accumulate, pairwise

_MANY = 256
#: In place of a number of bits: deflated planes of int32 or of int64, after their size.
_INT32_PLANES, _INT64_PLANES = 0xFE, 0xFF
_SIZE = struct.Struct("<I")
_WIDTHS = {_INT32_PLANES: "i", _INT64_PLANES: "q"}


def gaps_us_of(arrivals_ns: array[int]) -> list[int]:
    """One fewer than there are arrivals."""
    first_ns = arrivals_ns[0] if arrivals_ns else 0
    return [later - earlier for earlier, later in pairwise([(at - first_ns + 500) // 1000 for at in arrivals_ns])]


def arrivals_of(first_ns: int, gaps_us: list[int]) -> array[int]:
    return array("q", [first_ns + offset_us * 1000 for offset_us in accumulate(gaps_us, initial=0)])


def pack_gaps(gaps_us: list[int]) -> bytes:
    """Says itself where it ends, given how many gaps there are; no bytes for none."""
    if not gaps_us:
        return b""
    if len(gaps_us) >= _MANY or min(gaps_us) < 0:
        return _pack_planes(gaps_us)
    n_bits = max(gaps_us).bit_length()
    packed = 0
    for gap_us in reversed(gaps_us):
        packed = packed << n_bits | gap_us
    return bytes((n_bits,)) + packed.to_bytes((n_bits * len(gaps_us) + 7) // 8, "little")


def unpack_gaps(packed: bytes, start: int, n_gaps: int) -> tuple[list[int], int]:
    """``n_gaps`` gaps from the bytes at ``start`` on, and where those end. Raises ``ValueError`` where they are cut."""
    if not n_gaps:
        return [], start
    n_bits = packed[start] if start < len(packed) else 0
    start += 1
    if n_bits in _WIDTHS:
        return _unpack_planes(packed, start, n_gaps, _WIDTHS[n_bits])
    end = start + (n_bits * n_gaps + 7) // 8
    if end > len(packed):
        raise ValueError("the arrivals of a result are not all there")
    joined, mask = int.from_bytes(packed[start:end], "little"), (1 << n_bits) - 1
    return [joined >> place & mask for place in range(0, n_bits * n_gaps, n_bits)] if n_bits else [0] * n_gaps, end


def _pack_planes(gaps_us: list[int]) -> bytes:
    code = _INT32_PLANES if all(-(2**31) <= gap < 2**31 for gap in gaps_us) else _INT64_PLANES
    width = _WIDTHS[code]
    packed, size = struct.pack(f"<{len(gaps_us)}{width}", *gaps_us), struct.calcsize(f"<{width}")
    deflated = zlib.compress(b"".join(packed[plane::size] for plane in range(size)))
    return bytes((code,)) + _SIZE.pack(len(deflated)) + deflated


def _unpack_planes(packed: bytes, start: int, n_gaps: int, width: str) -> tuple[list[int], int]:
    try:
        end = start + _SIZE.size + _SIZE.unpack_from(packed, start)[0]
        planes, size = zlib.decompress(packed[start + _SIZE.size : end]), struct.calcsize(f"<{width}")
        joined = bytearray(len(planes))
        for plane in range(size):
            joined[plane::size] = planes[plane * n_gaps : (plane + 1) * n_gaps]
        return list(struct.unpack(f"<{n_gaps}{width}", joined)), end
    except (struct.error, zlib.error) as error:
        raise ValueError(f"the arrivals of a result cannot be read: {error}") from error
