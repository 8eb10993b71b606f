"""``words.py`` and ``arrivals.py`` for many results at once, with numpy."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from evalharness.store.arrivals import unpack_gaps
from evalharness.store.words import BILLION

Words: TypeAlias = NDArray[np.uint64]
Floats: TypeAlias = NDArray[np.float64]
Int64s: TypeAlias = NDArray[np.int64]
Bools: TypeAlias = NDArray[np.bool_]

_NS_PER_US = 1_000
#: Gaps of at most so many bits lie within eight bytes wherever in a byte they begin, and leave room for a row's number.
_BITS_AT_ONCE = 40


def words_of(packed: bytes, starts: Int64s) -> tuple[Words, Int64s]:
    """All words of ``packed`` and, for each byte of ``starts`` (where a result begins), the index of its first word."""
    raw = np.frombuffer(packed, dtype=np.uint8)
    ends = np.flatnonzero(raw < 0x80)
    begins = np.concatenate([[0], ends[:-1] + 1])
    place_in_word = np.arange(len(raw)) - np.repeat(begins, ends - begins + 1)
    bits = (raw & np.uint8(0x7F)).astype(np.uint64) << (place_in_word * 7).astype(np.uint64)
    return np.add.reduceat(bits, begins), np.searchsorted(begins, starts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """The same record of many results: fields by name, with 0 where ``present`` says there is none."""

    fields: tuple[str, ...]
    flags: Words
    values: Words
    after: Int64s

    def only(self, places: Int64s) -> Records:
        """Those of the results at ``places``."""
        return Records(
            fields=self.fields, flags=self.flags[places], values=self.values[:, places], after=self.after[places]
        )

    def present(self, field: str) -> Bools:
        return np.asarray(self.flags >> np.uint64(self.fields.index(field)) & np.uint64(1) == 1)

    def words(self, field: str) -> Words:
        found: Words = self.values[self.fields.index(field)]
        return found

    def integers(self, field: str) -> Int64s:
        return self.words(field).view(np.int64)

    def floats(self, field: str) -> Floats:
        """NaN where there is none."""
        return np.where(self.present(field), self.integers(field).astype(np.float64), np.nan)

    def counts(self, field: str) -> Floats:
        """0 where there is none."""
        return self.integers(field).astype(np.float64)

    def float_bits(self, field: str) -> Floats:
        """0 where there is none."""
        return self.words(field).byteswap().view(np.float64)

    def decimals(self, billionths: str, bits: str) -> Floats:
        """What ``words.float_words`` split in two fields; NaN where there is neither."""
        whole = np.where(self.present(billionths), self.counts(billionths) / BILLION, np.nan)
        return np.where(self.present(bits), self.float_bits(bits), whole)


def records_at(words: Words, starts: Int64s, fields: tuple[str, ...]) -> Records:
    """The records that begin at the words ``starts``."""
    flags = words[starts]
    values = np.zeros((len(fields), len(starts)), dtype=np.uint64)
    at = starts + 1
    for place in range(len(fields)):
        present = flags >> np.uint64(place) & np.uint64(1) == 1
        values[place, present] = words[at[present]]
        at = at + present
    return Records(fields=fields, flags=flags, values=values, after=at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Of the gaps between a result's arrivals: the two in the middle, in nanoseconds (the same one twice for an odd
    number, NaN without any), and how many arrivals share the moment of an earlier one."""

    low_ns: Floats
    high_ns: Floats
    n_zero: Int64s


def gaps_of(packed: bytes, starts: Int64s, n_gaps: Int64s) -> Gaps:
    """Of each result's ``n_gaps``, which begin at the byte ``starts``."""
    middle, n_zero = np.full((2, len(starts)), np.nan), np.zeros(len(starts), dtype=np.int64)
    raw = np.frombuffer(packed + bytes(8), dtype=np.uint8)
    n_bits = np.where(n_gaps > 0, raw[starts], 0).astype(np.int64)
    for width in np.unique(n_bits[n_gaps > 0]).tolist():
        rows = np.flatnonzero((n_bits == width) & (n_gaps > 0))
        if width <= _BITS_AT_ONCE:
            middle[:, rows], n_zero[rows] = _packed_gaps(raw, starts[rows] + 1, n_gaps[rows], width)
        else:
            for row in rows.tolist():
                gaps_us, _ = unpack_gaps(packed, int(starts[row]), int(n_gaps[row]))
                n_zero[row] = len(gaps_us) + 1 - len({0, *accumulate(gaps_us)})
                gaps_us.sort()
                middle[:, row] = gaps_us[(len(gaps_us) - 1) // 2], gaps_us[len(gaps_us) // 2]
    low_ns, high_ns = middle * _NS_PER_US
    return Gaps(low_ns=low_ns, high_ns=high_ns, n_zero=n_zero)


def _packed_gaps(
    raw: NDArray[np.uint8], starts: Int64s, n_gaps: Int64s, width: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """((2, rows) in the middle in microseconds, (rows) how many are 0) of gaps of ``width`` bits each, side by side
    from the byte ``starts`` on."""
    before = np.cumsum(n_gaps) - n_gaps
    owner = np.repeat(np.arange(len(starts)), n_gaps)
    bit = starts[owner] * 8 + (np.arange(int(n_gaps.sum())) - before[owner]) * width
    windows = np.ndarray((len(raw) - 7,), dtype="<u8", buffer=raw, strides=(1,))
    gaps_us = windows[bit >> 3] >> (bit & 7).astype(np.uint64) & np.uint64((1 << width) - 1)
    # One sort for all rows: by owner, then by gap.
    in_order = np.sort(owner.astype(np.uint64) << np.uint64(width) | gaps_us)
    by_gap = (in_order & np.uint64((1 << width) - 1)).astype(np.int64)
    middle = np.stack([by_gap[before + (n_gaps - 1) // 2], by_gap[before + n_gaps // 2]])
    return middle, np.bincount(owner[gaps_us == 0], minlength=len(starts))
