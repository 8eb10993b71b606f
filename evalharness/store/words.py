"""Numbers as few bytes: a stream of unsigned 64-bit words, small ones short, and records of optional fields in it.

A word takes one byte for each seven bits. Signed numbers are written modulo 2**64: a negative one takes ten bytes, so
what is stored is chosen to be positive as a rule (differences of stamps in the order in which things happen).
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from functools import cache
from operator import itemgetter

#: Floats that are whole billionths and no larger (money, as a rule) are stored as such.
BILLION = 1e9
_LARGEST_BILLIONTHS = 2.0**49
_MASK = 2**64 - 1
_FLOAT = struct.Struct(">d")


def pack_words(words: Iterable[int]) -> bytes:
    packed = bytearray()
    for word in words:
        while word > 0x7F:
            packed.append(word & 0x7F | 0x80)
            word >>= 7
        packed.append(word)
    return bytes(packed)


def unpack_words(packed: bytes) -> list[int]:
    """Raises ``ValueError`` for bytes that end within a word."""
    words: list[int] = []
    word = shift = 0
    for byte in packed:
        if byte < 0x80:
            words.append(word | byte << shift)
            word = shift = 0
        else:
            word |= (byte & 0x7F) << shift
            shift += 7
    if shift:
        raise ValueError("the numbers of a result end in the middle of one")
    return words


def add_record(words: list[int], values: Iterable[int | None]) -> None:
    """Append which values are there, as one word of flags, and those that are, in their order."""
    place, flags, flag = len(words), 0, 1
    words.append(0)
    for value in values:
        if value is not None:
            flags |= flag
            words.append(value & _MASK)
        flag <<= 1
    words[place] = flags


def read_record(words: list[int], start: int, n_fields: int) -> tuple[tuple[int | None, ...], int]:
    """What ``add_record`` was given, signed, from the record at ``start``, and where the next one begins.

    Raises ``ValueError`` where the stream is over or has fields nobody knows.
    """
    try:
        n_there, spread = _spread(words[start], n_fields)
    except IndexError:
        raise ValueError("the numbers of a result are damaged") from None
    end = start + 1 + n_there
    there: list[int | None] = [*words[start + 1 : end], None]
    if len(there) != n_there + 1:
        raise ValueError("the numbers of a result are damaged")
    if n_there and max(words[start + 1 : end]) >= 2**63:
        there = [None if word is None else signed(word) for word in there]
    return spread(there), end


@cache
def _spread(flags: int, n_fields: int) -> tuple[int, Callable[[list[int | None]], tuple[int | None, ...]]]:
    """(fields that are there, what spreads their values followed by None over all fields). Few kinds in a run."""
    if flags.bit_length() > n_fields:
        raise IndexError(flags)
    n_there = flags.bit_count()
    before = [(flags & ((1 << place) - 1)).bit_count() for place in range(n_fields)]
    return n_there, itemgetter(*(before[place] if flags >> place & 1 else n_there for place in range(n_fields)))


def signed(word: int) -> int:
    word &= _MASK
    return word if word < 2**63 else word - 2**64


def zigzag(number: int) -> int:
    """Small for a small number of either sign; ``number`` has 64 bits with its sign."""
    return number << 1 if number >= 0 else ~(number << 1)


def unzigzag(word: int) -> int:
    word &= _MASK
    return ~(word >> 1) if word & 1 else word >> 1


def float_words(value: float | None) -> tuple[int | None, int | None]:
    """(whole billionths, bits), one of them None: whichever is shorter of those that give the very same float.

    The bits are those of the float backwards: few digits leave zeros where a word is long.
    """
    if value is None:
        return None, None
    bits = bits_of(value)
    scaled = value * BILLION
    if 0 <= scaled < _LARGEST_BILLIONTHS and (billionths := round(scaled)) <= bits and billionths / BILLION == value:
        return billionths, None
    return None, bits


def float_of(billionths: int | None, bits: int | None) -> float | None:
    if billionths is not None:
        return billionths / BILLION
    return None if bits is None else float_of_bits(bits)


def bits_of(value: float) -> int:
    return int.from_bytes(_FLOAT.pack(value), "little")


def float_of_bits(bits: int) -> float:
    value: float = _FLOAT.unpack((bits & _MASK).to_bytes(8, "little"))[0]
    return value
