"""Numbers as text. The width of the interval decides the digits; a number without an interval has three.

Shares come in as fractions and are printed in percent, their differences in points; times come in milliseconds, money
in US dollars. Nothing here returns ``nan``, a plus-minus sign or a hyphen for a minus.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import ROUND_HALF_UP, Context, Decimal

from evalharness.core.findings import Estimate

MINUS = "\N{MINUS SIGN}"
TIMES = "\N{MULTIPLICATION SIGN}"
MISSING = "\N{EN DASH}"
#: How an interval begins whose ends the client cannot tell apart.
NARROW = "less than"
#: The digits of the largest number with the smallest one behind its point.
_ANY_LENGTH = Context(prec=400)
#: The last digit of an interval's ends, in half-widths, at most.
_COARSEST_DIGIT = 0.4
#: Less money than this is what rounding left of a difference of nothing.
_NO_MONEY = 1e-12


def decimals_for(half_width: float | None) -> int:
    """Digits after the point so that the last one is worth a tenth to the whole of the half-width."""
    if half_width is None:
        return 1
    if half_width >= 5:
        return 0
    if half_width >= 0.5:
        return 1
    return 2 if half_width >= 0.05 else 3


def half_width(estimate: Estimate, scale: float = 1.0) -> float | None:
    """Half the interval's width times ``scale``; with one limit only, its distance from the point."""
    if estimate.lower is not None and estimate.upper is not None:
        return (estimate.upper - estimate.lower) / 2 * scale
    limit = estimate.lower if estimate.lower is not None else estimate.upper
    return None if limit is None else abs(estimate.point - limit) * scale


def fixed(value: float, decimals: int, *, signed: bool = False) -> str:
    """Thousands separated, true minus, a plus on request; what rounds to zero has no sign."""
    # Half away from zero, as readers do it; rounded first, or 57.49999999999999 (0.575 in percent) is below half.
    cleaned = Decimal(repr(round(abs(value), max(9, decimals + 2))))
    text = f"{cleaned.quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, _ANY_LENGTH):,f}"
    if not any(digit in text for digit in "123456789"):
        return text
    if value < 0:
        return MINUS + text
    return "+" + text if signed else text


def exact(value: float) -> str:
    """A number that somebody stated, or a tick: all its digits (up to nine), no zeros after them, no exponent."""
    text = f"{Decimal(f'{value:.9g}'):,f}".replace("-", MINUS)
    return text.rstrip("0").rstrip(".") if "." in text else text


def significant(value: float, digits: int = 3) -> str:
    """``digits`` significant digits, never in exponent form."""
    if value == 0:
        return "0"
    return fixed(value, max(0, digits - 1 - math.floor(math.log10(abs(value)))))


def count(value: float) -> str:
    return fixed(value, 0)


def plural(number: int, noun: str, nouns: str | None = None) -> str:
    """``1 case``, ``2,000 cases``."""
    return f"{count(number)} {noun if number == 1 else nouns or noun + 's'}"


def percent(share: float, decimals: int = 1) -> str:
    return fixed(share * 100, decimals) + "%"


# ---------------------------------------------------------------- quality and its differences


def share(estimate: Estimate, decimals: int | None = None) -> str:
    """``72.3%``; ``decimals`` None: as many as its own interval is worth. So for all below."""
    return percent(estimate.point, _or_own(decimals, estimate))


def share_interval(estimate: Estimate, decimals: int | None = None) -> str:
    """``70.4 to 74.3``, in percent; empty without limits."""
    digits = _or_own(decimals, estimate)
    return _interval(estimate, lambda value: fixed(value * 100, digits))


def points(estimate: Estimate, *, signed: bool = True, decimals: int | None = None) -> str:
    """A difference of shares in points: ``+4.7``; without sign for use beside a word of direction."""
    value = estimate.point if signed else abs(estimate.point)
    return fixed(value * 100, _or_own(decimals, estimate), signed=signed)


def points_of(value: float, estimate: Estimate) -> str:
    """The size of a difference in points, with the decimals of ``estimate``, to which it belongs."""
    return fixed(abs(value) * 100, percent_decimals(estimate))


def points_interval(estimate: Estimate, *, signed: bool = True, decimals: int | None = None) -> str:
    """``+2.2 to +7.0``; unsigned: the distances from zero in rising order, for intervals on one side of it."""
    digits = _or_own(decimals, estimate)
    if signed or estimate.lower is None or estimate.upper is None:
        return _interval(estimate, lambda value: fixed(value * 100, digits, signed=signed))
    near, far = sorted((abs(estimate.lower), abs(estimate.upper)))
    return f"{fixed(near * 100, digits)} to {fixed(far * 100, digits)}"


def _or_own(decimals: int | None, estimate: Estimate) -> int:
    return percent_decimals(estimate) if decimals is None else decimals


def agreeing_decimals(shares: Iterable[Estimate], pairs: Iterable[tuple[Estimate, Estimate, Estimate]]) -> int:
    """Decimals of a column of shares beside one of differences.

    ``pairs``: a share, the one it is compared with, and their difference as printed beside them. One decimal more
    where subtracting the printed shares would give another difference than the printed one; where a difference is
    over other cases than the shares, no decimals could make them agree, and none are added for it.
    """
    decimals = column_decimals(shares)
    known = list(pairs)
    steps = column_decimals(difference for _, _, difference in known)
    coarse = min(decimals, steps)
    for share_, against, difference in known:
        same_cases = abs(share_.point - against.point - difference.point) < 1e-9
        printed = round(_rounded(share_.point, decimals) - _rounded(against.point, decimals), 9)
        if same_cases and fixed(printed, coarse) != fixed(difference.point * 100, coarse):
            return decimals + 1
    return decimals


def _rounded(share_: float, decimals: int) -> float:
    """As printed."""
    return float(fixed(share_ * 100, decimals).replace(MINUS, "-"))


def percent_decimals(estimate: Estimate) -> int:
    """Decimals of a share or difference in percent, shared by point and limits."""
    return column_decimals([estimate])


def column_decimals(estimates: Iterable[Estimate]) -> int:
    """Decimals of shares or differences in percent that stand under each other: one number for the whole column.

    As many as the narrowest interval is worth, but at most one more than the widest is, and up to two more where a
    limit that is not zero would print as zero: an interval that leaves out zero must be seen to.
    """
    column = list(estimates)
    wanted = [decimals_for(half_width(estimate, 100)) for estimate in column] or [1]
    decimals = min(max(wanted), min(wanted) + 1)
    limits = [limit * 100 for estimate in column for limit in (estimate.lower, estimate.upper) if limit]
    for extra in range(3):
        if all(round(abs(limit), decimals + extra) > 0 for limit in limits):
            return decimals + extra
    return decimals


def point_size(value: float) -> str:
    """A margin in points with as few digits as it has: ``2``, ``0.5``."""
    text = f"{value * 100:.2f}".rstrip("0").rstrip(".")
    return text or "0"


def in_points(value: float) -> str:
    """``1 point``, ``2 points``, ``0.5 points``."""
    size = point_size(value)
    return f"{size} {'point' if size == '1' else 'points'}"


# ---------------------------------------------------------------- time, money, tokens, ratios


def duration(ms: float, extra: int = 0) -> str:
    """``468 ms``, ``8.9 s``, ``150 s``; under 10 ms two digits: "0 ms" would be false. ``extra``: more decimals."""
    unit_ms, unit, decimals = _time_unit(ms)
    return f"{fixed(ms / unit_ms, decimals + extra)} {unit}"


def _time_unit(ms: float) -> tuple[float, str, int]:
    """Milliseconds of the unit to write ``ms`` in, the unit, and its decimals."""
    if ms < 999.5:
        return 1.0, "ms", 0 if ms >= 9.95 else 1 if ms >= 0.995 else 2
    return 1000.0, "s", 1 if ms < 99_950 else 0


def duration_of(estimate: Estimate, extra: int = 0, *, error_ms: float | None = None) -> str:
    """The point with the digits of ``duration_interval``, which it would else seem to lie outside of.

    ``error_ms``: how far off it may be besides; no digit is printed that is worth less than a tenth of that.
    """
    unit_ms, unit, decimals = _time_unit(estimate.point)
    limits = [limit for limit in (estimate.lower, estimate.upper) if limit is not None]
    digits = decimals + extra
    if all(_time_unit(limit)[1] == unit for limit in limits):
        digits = _telling_decimals(estimate, 1 / unit_ms, digits)
    return f"{fixed(estimate.point / unit_ms, _within_error(digits, error_ms, unit_ms))} {unit}"


def _within_error(decimals: int, error: float | None, unit: float) -> int:
    if not error:
        return decimals
    return min(decimals, max(0, -math.floor(math.log10(error / unit))))


def duration_tick(ms: float) -> str:
    """As ``duration``, without zeros after the point."""
    value, unit = (ms, "ms") if ms < 999.5 else (ms / 1000, "s")
    return f"{exact(value)} {unit}"


def usd_tick(value: float) -> str:
    """As ``usd``, without zeros after the point."""
    return f"${exact(value)}"


def duration_interval(estimate: Estimate, extra: int = 0, *, error_ms: float | None = None) -> str:
    """``2.5 to 3.0 s``; the unit is written twice where the limits have different ones. ``extra``: more decimals.

    ``error_ms`` as in ``duration_of``; it says so where the ends cannot be told apart for it. Ends that have too few
    digits for it are rounded outwards: what is printed holds all that was computed.
    """
    limits = [limit for limit in (estimate.lower, estimate.upper) if limit is not None]
    if not limits:
        return ""
    own = _time_unit(estimate.point)

    def written(ms: float, unit: tuple[float, str, int]) -> str:
        unit_ms, _, decimals = unit
        digits = _telling_decimals(estimate, 1 / unit_ms, decimals + extra)
        return fixed(ms / unit_ms, _within_error(digits, error_ms, unit_ms))

    if error_ms and len(limits) == 2 and written(limits[0], own) == written(limits[1], own):
        return f"{NARROW} {duration(error_ms)} wide"
    shown = _outwards(estimate, error_ms) if error_ms else estimate
    if all(_time_unit(limit)[1] == own[1] for limit in (shown.lower, shown.upper) if limit is not None):
        return f"{_interval(shown, lambda ms: written(ms, own))} {own[1]}"
    return _interval(shown, lambda ms: f"{written(ms, _time_unit(ms))} {_time_unit(ms)[1]}")


def _outwards(estimate: Estimate, error: float) -> Estimate:
    """With limits at multiples of the last digit that the error leaves, where that is coarser than the interval's."""
    step, half = 10.0 ** math.floor(math.log10(error)), half_width(estimate)
    lower, upper = estimate.lower, estimate.upper
    if lower is None or upper is None or half is None or step <= _COARSEST_DIGIT * half:
        return estimate
    return replace(estimate, lower=math.floor(lower / step) * step, upper=math.ceil(upper / step) * step)


def bare(estimate: Estimate, scale: float = 1.0, *, signed: bool = False) -> str:
    """``+1.53``, ``86.9``: without the unit, which the column's title has; ``scale``: to that unit.

    Three digits of the point, or of the half-width where that is larger.
    """
    return fixed(estimate.point * scale, _bare_decimals(estimate, scale), signed=signed)


def bare_interval(estimate: Estimate, scale: float = 1.0, *, signed: bool = False) -> str:
    """``+1.48 to +1.57``, with the decimals of ``bare``."""
    digits = _telling_decimals(estimate, scale, _bare_decimals(estimate, scale))
    return _interval(estimate, lambda value: fixed(value * scale, digits, signed=signed))


def _bare_decimals(estimate: Estimate, scale: float) -> int:
    return _three_digits(max(abs(estimate.point * scale), half_width(estimate, scale) or 0.0))


def _three_digits(value: float) -> int:
    return max(0, 2 - math.floor(math.log10(abs(value)))) if value else 2


def usd(value: float) -> str:
    """Three to four significant digits: ``$2.44``, ``$18.64``, ``$0.0324``, ``$1,234``."""
    return (MINUS if value < 0 else "") + "$" + fixed(abs(value), _usd_decimals(value))


def usd_interval(estimate: Estimate, scale: float = 1.0) -> str:
    """``2.36 to 2.52``, without the currency sign; the digits are those of the point."""
    return _distinct(estimate, scale, _usd_decimals(estimate.point * scale))


def usd_difference(estimate: Estimate, scale: float = 1.0) -> tuple[str, str]:
    """``+$0.46`` and ``0.31 to 0.62``: its uncertainty decides the digits where the difference itself is smaller."""
    decimals = _usd_decimals(max(abs(estimate.point * scale), half_width(estimate, scale) or 0.0))
    text = fixed(estimate.point * scale, decimals, signed=True)
    sign = text[0] if text[0] in ("+", MINUS) else ""
    return f"{sign}${text.removeprefix(sign)}", _distinct(estimate, scale, decimals)


def _usd_decimals(value: float) -> int:
    size = abs(value)
    if size >= 1000:
        return 0
    if size >= 1 or size < _NO_MONEY:
        return 1 if size >= 100 else 2
    return 2 - math.floor(math.log10(size))


def ratio(value: float) -> str:
    """``1.11×``, ``3.4×``, ``140×``."""
    return fixed(value, _ratio_decimals(value)) + TIMES


def ratio_of(estimate: Estimate) -> str:
    """The point with the digits of ``ratio_interval``."""
    return fixed(estimate.point, _telling_decimals(estimate, 1.0, _ratio_decimals(estimate.point))) + TIMES


def ratio_interval(estimate: Estimate) -> str:
    """``1.05 to 1.17``; the digits are those of the point."""
    return _distinct(estimate, 1.0, _ratio_decimals(estimate.point))


def _ratio_decimals(value: float) -> int:
    return 2 if value < 1.995 else 1 if value < 99.95 else 0


def tokens(value: float) -> str:
    """No decimals from ten on; one below, where a whole token is a tenth of the figure."""
    return fixed(value, _token_decimals(value))


def tokens_of(estimate: Estimate, *, error: float | None = None) -> str:
    """The point with the digits of ``tokens_interval``."""
    return fixed(estimate.point, _within_error(_tokens_telling(estimate), error, 1.0))


def tokens_interval(estimate: Estimate, *, error: float | None = None) -> str:
    """``1,542 to 2,634``. ``error``: how far the figure may be off besides, with what ``duration_interval`` makes of
    it."""
    digits = _within_error(_tokens_telling(estimate), error, 1.0)
    limits = [limit for limit in (estimate.lower, estimate.upper) if limit is not None]
    if error and len(limits) == 2 and fixed(limits[0], digits) == fixed(limits[1], digits):
        return f"{NARROW} {significant(error, 2)} wide"
    shown = _outwards(estimate, error) if error else estimate
    return _interval(shown, lambda value: fixed(value, digits))


def _tokens_telling(estimate: Estimate) -> int:
    return _telling_decimals(estimate, 1.0, _token_decimals(estimate.point))


def _token_decimals(value: float) -> int:
    return 0 if value >= 10 or value == int(value) else 1


def rate_interval(estimate: Estimate) -> str:
    """``11.8 to 12.3`` of calls a second; the digits are those of the point."""
    return _distinct(estimate, 1.0, _three_digits(estimate.point))


def p_value(p: float) -> str:
    """``p = 0.03``, ``p < 0.001``."""
    if p < 0.001:
        return "p < 0.001"
    return f"p = {fixed(p, 2 if p >= 0.0095 else 3)}"


# ---------------------------------------------------------------- intervals


def _interval(estimate: Estimate, write: Callable[[float], str]) -> str:
    """``low to high``; with one limit ``at least low``; empty with none."""
    if estimate.lower is not None and estimate.upper is not None:
        return f"{write(estimate.lower)} to {write(estimate.upper)}"
    if estimate.lower is not None:
        return f"\N{GREATER-THAN OR EQUAL TO} {write(estimate.lower)}"
    return f"\N{LESS-THAN OR EQUAL TO} {write(estimate.upper)}" if estimate.upper is not None else ""


def _distinct(estimate: Estimate, scale: float, decimals: int) -> str:
    """The interval times ``scale``, with ``_telling_decimals``."""
    digits = _telling_decimals(estimate, scale, decimals)
    return _interval(estimate, lambda value: fixed(value * scale, digits))


def _telling_decimals(estimate: Estimate, scale: float, decimals: int) -> int:
    """As many decimals, from ``decimals`` on, that rounding moves no limit by more than a fifth of the half-width.

    Coarser ends are another interval than was computed: with a last digit as large as the half-width, as in ``1.0 to
    1.2 s``, what is printed covers in 91% of runs where 97% were meant.
    """
    half = half_width(estimate, scale)
    if half is None or half <= 0 or estimate.lower is None or estimate.upper is None:
        return decimals
    return max(decimals, math.ceil(-math.log10(_COARSEST_DIGIT * half) - 1e-9))


def telling(low: float, high: float, decimals: int) -> int:
    """As many decimals, from ``decimals`` on, as it takes to print two values differently."""
    enough = (digits for digits in range(decimals, decimals + 9) if fixed(low, digits) != fixed(high, digits))
    return next(enough, decimals)
