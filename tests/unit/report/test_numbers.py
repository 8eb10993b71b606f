"""How numbers print. Expected texts are written by hand from the rules of the report's design."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalharness.core.findings import Estimate
from evalharness.report import numbers
from evalharness.report.sight import time_text


def estimate(point: float, lower: float | None = None, upper: float | None = None) -> Estimate:
    return Estimate(point=point, lower=lower, upper=upper, method="test", n=10, unit="share")


@pytest.mark.parametrize(
    ("point", "lower", "upper", "text", "interval"),
    [
        (0.723, 0.704, 0.743, "72.3%", "70.4 to 74.3"),
        (0.49, 0.41, 0.57, "49%", "41 to 57"),
        (0.7231, 0.7222, 0.7241, "72.31%", "72.22 to 72.41"),
        (1.0, 0.886, 1.0, "100%", "89 to 100"),
        (0.5, None, None, "50.0%", ""),
    ],
)
def test_a_share_has_as_many_digits_as_its_interval_is_worth(point, lower, upper, text, interval):
    shown = estimate(point, lower, upper)
    assert (numbers.share(shown), numbers.share_interval(shown)) == (text, interval)


@pytest.mark.parametrize(
    ("point", "lower", "upper", "text", "interval"),
    [
        (0.047, 0.022, 0.070, "+4.7", "+2.2 to +7.0"),
        (-0.030, -0.057, -0.005, "−3.0", "−5.7 to −0.5"),
        (0.0, -0.01, 0.01, "0.0", "−1.0 to +1.0"),
        (0.0851, 0.0021, 0.17, "+8.5", "+0.2 to +17.0"),
    ],
)
def test_a_difference_is_signed_and_a_limit_that_is_not_zero_does_not_print_as_zero(
    point, lower, upper, text, interval
):
    shown = estimate(point, lower, upper)
    assert (numbers.points(shown), numbers.points_interval(shown)) == (text, interval)


def test_without_sign_the_interval_runs_from_near_to_far():
    assert numbers.points_interval(estimate(-0.03, -0.057, -0.005), signed=False) == "0.5 to 5.7"


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (0.42, "0.42 ms"),
        (6.64, "6.6 ms"),
        (9.97, "10 ms"),
        (468.2, "468 ms"),
        (999.4, "999 ms"),
        (999.6, "1.0 s"),
        (8_900, "8.9 s"),
        (99_960, "100 s"),
        (150_000, "150 s"),
    ],
)
def test_times_are_written_in_ms_below_one_second_and_in_s_above(ms, text):
    assert numbers.duration(ms) == text


def test_a_figure_that_is_not_coarse_has_no_digit_finer_than_a_tenth_of_its_error():
    """A median of calls that came within 27 µs of each other, by a client that may be off by 61 µs, or by 700."""
    found = Estimate(point=100.102851, lower=100.099022, upper=100.126174, method="m", n=140, unit="ms", level=0.95)
    assert time_text(found, 0.061) == ("100.10 ms", "100.09 to 100.13 ms")
    assert time_text(found, 0.7) == ("100.1 ms", "less than 0.70 ms wide")
    assert time_text(found, None) == ("100.103 ms", "100.099 to 100.126 ms")


def test_a_rate_shares_its_digits_with_its_interval_and_has_none_that_the_error_makes_void():
    found = Estimate(point=250.0267, lower=250.0042, upper=250.0575, method="m", n=9, unit="tokens/s", level=0.95)
    assert (numbers.tokens_of(found), numbers.tokens_interval(found)) == ("250.03", "250.00 to 250.06")
    seen = numbers.tokens_of(found, error=130.0), numbers.tokens_interval(found, error=130.0)
    assert seen == ("250", "less than 130 wide")
    wide = Estimate(point=2077.9, lower=1541.5, upper=2633.7, method="m", n=9, unit="tokens/s", level=0.95)
    seen = numbers.tokens_of(wide, error=21.0), numbers.tokens_interval(wide, error=21.0)
    assert seen == ("2,078", "1,542 to 2,634")


@pytest.mark.parametrize(
    ("shown", "error_ms", "point", "interval"),
    [
        ((100.12, 100.08, 100.15), 1.2, "100 ms", "less than 1.2 ms wide"),
        ((100.12, 100.08, 100.15), 0.3, "100.1 ms", "100.0 to 100.2 ms"),
        ((100.12, 99.2, 101.4), 15.0, "100 ms", "90 to 110 ms"),
        ((8_912.0, 8_900.0, 8_930.0), 250.0, "8.9 s", "less than 250 ms wide"),
        ((8_912.0, 8_900.0, 8_930.0), None, "8.912 s", "8.900 to 8.930 s"),
    ],
)
def test_a_time_has_no_digit_that_its_stated_error_makes_void(shown, error_ms, point, interval):
    found = estimate(*shown)
    assert numbers.duration_of(found, error_ms=error_ms) == point
    assert numbers.duration_interval(found, error_ms=error_ms) == interval


@pytest.mark.parametrize(
    ("shown", "scale", "point", "interval"),
    [
        (estimate(617, 595, 638), 1.0, "+617", "+595 to +638"),
        (estimate(8_350, 8_170, 8_540), 0.001, "+8.35", "+8.17 to +8.54"),
        (estimate(-2_600, -2_830, -2_370), 0.001, "−2.60", "−2.83 to −2.37"),
        (estimate(0.4, -486.52, None), 1.0, "0", "≥ −487"),
        (estimate(0.0, None, None), 1.0, "0.00", ""),
    ],
)
def test_a_bare_number_has_three_digits_of_itself_or_of_how_far_it_may_be_off(shown, scale, point, interval):
    assert numbers.bare(shown, scale, signed=True) == point
    assert numbers.bare_interval(shown, scale, signed=True) == interval


def test_an_interval_of_times_names_its_unit_once_where_it_can():
    assert numbers.duration_interval(estimate(2_750, 2_500, 3_000)) == "2.5 to 3.0 s"
    assert numbers.duration_interval(estimate(2_750, 2_700, 2_800)) == "2.70 to 2.80 s"
    assert numbers.duration_interval(estimate(990, 950, 1_100)) == "950 ms to 1.10 s"
    assert numbers.duration_interval(estimate(9_100, 8_100, None)) == "≥ 8.1 s"


@pytest.mark.parametrize(
    ("value", "text"),
    [(2.444, "$2.44"), (18.639, "$18.64"), (123.44, "$123.4"), (1234.4, "$1,234"), (0.03244, "$0.0324"), (0, "$0.00")],
)
def test_money_has_three_to_four_digits(value, text):
    assert numbers.usd(value) == text


@pytest.mark.parametrize(("value", "text"), [(1.106, "1.11×"), (3.42, "3.4×"), (142.4, "142×"), (0.5, "0.50×")])
def test_ratios_have_two_decimals_below_two(value, text):
    assert numbers.ratio(value) == text


@pytest.mark.parametrize(
    ("p", "text"), [(0.0301, "p = 0.03"), (0.0004, "p < 0.001"), (1.0, "p = 1.00"), (0.5, "p = 0.50")]
)
def test_a_p_value_is_never_zero(p, text):
    assert numbers.p_value(p) == text


limits = st.floats(min_value=-1, max_value=1, allow_nan=False)


@given(limits, limits, limits)
def test_an_interval_with_room_never_prints_with_zero_width(a, b, c):
    low, point, high = sorted((a, b, c))
    if high - low < 1e-4:
        return
    low_text, high_text = numbers.points_interval(estimate(point, low, high)).split(" to ")
    assert low_text != high_text


@given(st.floats(min_value=1e-3, max_value=1e7), st.floats(min_value=1.001, max_value=50))
def test_intervals_of_times_ratios_and_money_never_print_with_zero_width(point, factor):
    shown = estimate(point, point / factor, point * factor)
    for write in (numbers.duration_interval, numbers.ratio_interval, numbers.usd_interval, numbers.tokens_interval):
        low, high = write(shown).split(" to ")
        assert low != high.removesuffix(" s").removesuffix(" ms")


@given(st.floats(min_value=1, max_value=1e6), st.floats(min_value=1e-4, max_value=0.9))
def test_printed_ends_are_nearly_the_computed_ones(point, reach):
    """What is printed has to cover as often as what was computed: its ends are off by a fifth of the half-width."""
    shown = estimate(point, point * (1 - reach), point * (1 + reach))
    for write in (numbers.duration_interval, numbers.ratio_interval, numbers.usd_interval, numbers.tokens_interval):
        text = write(shown)
        for end, printed in zip((shown.lower, shown.upper), text.split(" to "), strict=True):
            unit = 1_000 if printed.endswith(" s") or (" ms" not in printed and text.endswith(" s")) else 1
            value = float(printed.removesuffix(" s").removesuffix(" ms").replace(",", "")) * unit
            assert abs(value - end) <= 0.2 * point * reach * 1.001


@given(st.floats(min_value=1, max_value=1e6), st.floats(min_value=1e-4, max_value=0.9), st.floats(0.01, 1e4))
def test_times_that_are_coarse_are_printed_with_all_that_was_computed(point, reach, error_ms):
    shown = estimate(point, point * (1 - reach), point * (1 + reach))
    text = numbers.duration_interval(shown, error_ms=error_ms)
    if text.startswith(numbers.NARROW) or numbers.duration_of(shown) == numbers.duration_of(shown, error_ms=error_ms):
        return
    low, high = (
        float(end.removesuffix(" s").removesuffix(" ms").replace(",", ""))
        * (1_000 if end.endswith(" s") or (" ms" not in end and text.endswith(" s")) else 1)
        for end in text.split(" to ")
    )
    inwards = max(low - shown.lower, shown.upper - high)
    is_coarse = 10 ** math.floor(math.log10(error_ms)) > 0.4 * point * reach
    assert inwards <= (1e-9 if is_coarse else 0.2001) * point * reach


@given(limits)
def test_no_number_prints_a_minus_zero_or_a_hyphen(value):
    text = numbers.fixed(value, 1, signed=True)
    assert "-" not in text
    assert text not in ("−0.0", "+0.0")


def test_a_half_is_rounded_away_from_zero_as_readers_do():
    assert [numbers.fixed(value, 0) for value in (68.5, 69.5, -2.5, 0.575 * 100)] == ["69", "70", "−3", "58"]


def test_one_column_has_one_number_of_decimals_unless_one_interval_is_far_narrower():
    wide, narrow = estimate(0.60, 0.50, 0.70), estimate(0.60, 0.58, 0.62)
    exact = estimate(0.6, 0.5999, 0.6001)
    assert numbers.column_decimals([wide, narrow]) == 1
    assert numbers.column_decimals([wide, exact]) == 1
    assert numbers.column_decimals([exact]) == 3


@pytest.mark.parametrize(
    ("share", "against", "difference", "decimals"),
    [(0.827, 0.684, 0.143, 1), (0.83, 0.69, 0.14, 0), (0.827, 0.684, 0.20, 0)],
)
def test_shares_get_a_decimal_where_their_difference_would_seem_wrong(share, against, difference, decimals):
    # 83 - 68 = 15, but 14.3 prints as 14. The last difference is over other cases: no decimal could help.
    shares = [estimate(share, share - 0.1, share + 0.1), estimate(against, against - 0.1, against + 0.1)]
    gap = estimate(difference, difference - 0.1, difference + 0.1)
    assert numbers.agreeing_decimals(shares, [(shares[0], shares[1], gap)]) == decimals
