"""Reading numbers in running text: the hard part of ``numeric``, pure and testable alone.

The patterns are fixed and linear (every repetition is bounded or cannot match its neighbour's characters), so the
standard library's engine may run them on a model's output.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal

#: 60 digits, no signals: what cannot be computed becomes NaN.
ARITHMETIC = Context(prec=60, Emax=MAX_EMAX, Emin=MIN_EMIN, traps=[])

_POWER_OF_TEN = r"10(?:\^\{?[-+−]?[0-9]{1,6}\}?|⁻?[⁰¹²³⁴⁵⁶⁷⁸⁹]{1,6})"
_NUMBER = re.compile(
    rf"""
    (?<![^\W_]) (?<![0-9][.,]) (?<![^\W\d_][-−–_])      # not in H2O, not in v1.2, not in GPT-4
    (?P<sign>[-+−–])? (?:[$€£¥₹][ ]?)?
    (?:
      \\[dt]?frac\{{(?P<upper>[0-9]{{1,30}})\}}\{{(?P<lower>[0-9]{{1,30}})\}}
    | (?:(?P<whole>[0-9]{{1,30}})[ ])? (?P<top>[0-9]{{1,30}}) [/⁄] (?P<bottom>[0-9]{{1,30}}) (?![0-9/])
    | (?P<power>{_POWER_OF_TEN})
    | (?P<digits>[0-9]+(?:[.,'’\u00a0\u2009\u202f][0-9]+)*|\.[0-9]+)
      (?:[eE](?P<exponent>[-+−]?[0-9]{{1,6}})(?!\w)|[ ]?(?:[×x*·]|\\times|\\cdot)[ ]?(?P<scale>{_POWER_OF_TEN}))?
    )
    (?P<percent>[ ]?(?:\\?%|％|per[ ]?cent\b))?
    """,
    re.VERBOSE,
)
_ANSWER_MARK = re.compile(r"\b(?:answer|result)\s?(?:is|are|would be|:|=)|####|\\boxed\{", re.IGNORECASE)
_SUM = re.compile(r"[^A-Za-z]*=")
_PLAIN_SIGNS = str.maketrans("−–⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "---0123456789")
#: What may stand between groups of three digits, besides the comma or point that is no decimal mark.
_GROUP_MARKS = "'’\u00a0\u2009\u202f"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How numbers are written: ``decimal_mark`` is ``.`` or ``,``; ``percent_as_share`` reads 60% as 0.6."""

    decimal_mark: str = "."
    percent_as_share: bool = False


def numbers_in(text: str, reading: Reading) -> Iterator[Decimal]:
    """Every number, in the order of the text."""
    text = _ascii_digits(text)
    for match in _NUMBER.finditer(text):
        value = _value(match, reading)
        if value is not None and value.is_finite():
            yield _as_share(value) if match["percent"] and reading.percent_as_share else value


def final_number(text: str, reading: Reading) -> Decimal | None:
    """The number a text concludes with: the first after the last mark of an answer (``answer is``, ``answer:``,
    ``result =``, ``####``, ``\\boxed{``) on the mark's line, behind the sum where one follows
    (``answer: 3 + 4 = 7``); else the last number of the text. None where there is no number.
    """
    marks = list(_ANSWER_MARK.finditer(text))
    if marks:
        line = text[marks[-1].end() :].lstrip().split("\n", 1)[0]
        calculated = _SUM.match(line)
        for part in (line[calculated.end() :] if calculated else "", line):
            if (first := next(numbers_in(part, reading), None)) is not None:
                return first
    last = None
    for last in numbers_in(text, reading):  # noqa: B007 (the last one is what is wanted)
        pass
    return last


def _value(match: re.Match[str], reading: Reading) -> Decimal | None:
    if match["upper"]:
        value = _quotient(match["upper"], match["lower"])
    elif match["top"]:
        value = _quotient(match["top"], match["bottom"])
        if value is not None and match["whole"]:
            value = ARITHMETIC.add(Decimal(match["whole"]), value)
    elif match["power"]:
        value = _power_of_ten(match["power"])
    else:
        value = _scaled(match, reading)
    if value is None:
        return None
    return value.copy_negate() if (match["sign"] or "").translate(_PLAIN_SIGNS) == "-" else value


def _scaled(match: re.Match[str], reading: Reading) -> Decimal | None:
    value = _plain(match["digits"], reading.decimal_mark)
    if value is None:
        return None
    if match["exponent"]:
        return ARITHMETIC.scaleb(value, int(match["exponent"].translate(_PLAIN_SIGNS)))
    if match["scale"]:
        return ARITHMETIC.multiply(value, _power_of_ten(match["scale"]))
    return value


def _plain(digits: str, decimal_mark: str) -> Decimal | None:
    """``1,234.50`` -> 1234.50. None for what is no number: ``1.2.3``, ``1,23,4``."""
    thousands_mark = "," if decimal_mark == "." else "."
    whole, mark, decimals = digits.partition(decimal_mark)
    groups = re.split(f"[{thousands_mark}{_GROUP_MARKS}]", whole)
    grouped_well = len(groups) == 1 or (len(groups[0]) <= 3 and all(len(group) == 3 for group in groups[1:]))
    if not grouped_well or (mark and not decimals.isdecimal()):
        return None
    return Decimal("".join(groups) + (f".{decimals}" if mark else ""))


def _quotient(top: str, bottom: str) -> Decimal | None:
    """60 significant digits; equal fractions give equal decimals. None for a zero below the line."""
    return ARITHMETIC.divide(Decimal(top), Decimal(bottom)) if int(bottom) else None


def _power_of_ten(text: str) -> Decimal:
    """``10^{-3}`` and ``10⁻³`` -> 0.001."""
    exponent = text[2:].translate(_PLAIN_SIGNS).strip("^{}")
    return Decimal(f"1e{exponent}")


def _as_share(percent: Decimal) -> Decimal:
    return ARITHMETIC.scaleb(percent, -2)


def _ascii_digits(text: str) -> str:
    """Decimal digits of every script as ASCII digits; everything else stays where it was."""
    if text.isascii():
        return text
    return "".join(str(unicodedata.decimal(mark)) if mark.isdecimal() else mark for mark in text)
