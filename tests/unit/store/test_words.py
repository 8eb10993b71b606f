from __future__ import annotations

import math

import pytest

from evalharness.store.words import (
    add_record,
    bits_of,
    float_of,
    float_of_bits,
    float_words,
    pack_words,
    read_record,
    signed,
    unpack_words,
    unzigzag,
    zigzag,
)

WORDS = [0, 1, 127, 128, 300, 2**14 - 1, 2**14, 2**63, 2**64 - 1]


def test_words_come_back_and_small_ones_take_a_byte() -> None:
    assert unpack_words(pack_words(WORDS)) == WORDS
    assert [len(pack_words([word])) for word in (0, 127, 128, 2**14, 2**64 - 1)] == [1, 1, 2, 3, 10]


def test_the_bytes_are_those_every_other_reader_of_such_words_knows() -> None:
    """The example of the Protocol Buffers documentation: 150 is 0x96 0x01."""
    assert pack_words([150]) == bytes([0x96, 0x01])


def test_bytes_that_end_within_a_word_are_an_error() -> None:
    with pytest.raises(ValueError, match="middle"):
        unpack_words(pack_words([300])[:1])


def test_a_record_holds_what_there_is_and_says_what_there_is_not() -> None:
    words: list[int] = []
    add_record(words, (None, 7, 0, None, -5))
    add_record(words, (1,))
    values, at = read_record(words, 0, 6)
    assert values == (None, 7, 0, None, -5, None)
    assert read_record(words, at, 2) == ((1, None), len(words))


def test_a_record_with_fields_nobody_knows_or_without_its_end_is_damaged() -> None:
    words: list[int] = []
    add_record(words, (1, 2, 3))
    with pytest.raises(ValueError, match="damaged"):
        read_record(words, 0, 2)
    with pytest.raises(ValueError, match="damaged"):
        read_record(words[:-1], 0, 3)
    with pytest.raises(ValueError, match="damaged"):
        read_record(words, len(words), 3)


@pytest.mark.parametrize("number", [0, 1, -1, 63, -64, 2**63 - 1, -(2**63)])
def test_numbers_near_zero_are_small_whatever_their_sign(number: int) -> None:
    assert unzigzag(zigzag(number)) == number
    assert signed(number % 2**64) == number
    assert zigzag(number) <= 2 * abs(number)


@pytest.mark.parametrize(
    "value", [0.0, 1.0, 0.5, 0.000324, 0.1, 760.0, 1 / 3, -2.5, 5e-324, 1.7976931348623157e308, 2.0**49, math.inf]
)
def test_floats_come_back_to_the_last_bit(value: float) -> None:
    assert float_of(*float_words(value)) == value
    assert float_of_bits(bits_of(value)) == value


def test_money_is_short_and_a_missing_value_is_none() -> None:
    assert float_words(0.000324) == (324_000, None)
    assert float_words(None) == (None, None)
    assert float_of(None, None) is None
    nan = float_of(*float_words(math.nan))
    assert nan is not None
    assert math.isnan(nan)
