from __future__ import annotations

from fractions import Fraction
from itertools import islice, pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from evalharness.core.model import Load
from evalharness.load_shapes import stretches

RATES = st.floats(0.01, 10_000)
SECONDS = st.floats(0.01, 10_000)
S = 1_000_000_000


@st.composite
def open_loads(draw) -> Load:
    shape = draw(st.sampled_from(["constant", "poisson", "ramp", "burst", "trace"]))
    seed = draw(st.integers())
    if shape in ("constant", "poisson"):
        return Load(shape=shape, rate_per_s=draw(RATES), seed=seed)
    if shape == "ramp":
        return Load(shape=shape, from_per_s=draw(RATES), to_per_s=draw(RATES), over_s=draw(SECONDS))
    if shape == "burst":
        return Load(shape=shape, size=draw(st.integers(1, 50)), every_s=draw(SECONDS))
    starts = draw(st.lists(st.floats(0, 10_000), min_size=1).map(sorted))
    return Load(shape=shape, offsets_s=tuple(starts), speed=draw(SECONDS))


def offsets(load: Load, n: int, stream: str = "sim") -> list[int]:
    (stretch,) = stretches(load)
    return list(islice(stretch.shape.offsets_ns(stream), n))


@given(open_loads(), st.text(max_size=5))
def test_starts_never_fall_and_are_the_same_each_time(load, stream):
    starts = offsets(load, 700, stream)
    assert all(isinstance(start, int) for start in starts) and starts[0] >= 0
    assert all(earlier <= later for earlier, later in pairwise(starts))
    assert starts == offsets(load, 700, stream)


@given(RATES, st.integers(0, 300))
def test_a_constant_start_is_the_nearest_nanosecond_to_its_number_over_the_rate(rate_per_s, index):
    """In exact fractions."""
    start = offsets(Load(shape="constant", rate_per_s=rate_per_s), index + 1)[index]
    assert abs(start - Fraction(index * S) / Fraction(rate_per_s)) <= Fraction(1, 2)


@given(st.floats(0, 1_000), st.floats(0, 1_000), st.floats(0.1, 1_000))
def test_the_integral_of_a_ramps_rate_at_its_starts_is_their_number(from_per_s, to_per_s, over_s):
    """In exact fractions, to what the rate adds up to in a nanosecond and one part in 10^12."""
    assume(from_per_s + to_per_s > 1e-3)
    starts = offsets(Load(shape="ramp", from_per_s=from_per_s, to_per_s=to_per_s, over_s=over_s), 500)
    low, high, over = Fraction(from_per_s), Fraction(to_per_s), Fraction(over_s)

    def started(ns: Fraction) -> Fraction:
        seconds = ns / S
        return low * seconds + (high - low) * seconds**2 / (2 * over)

    for index, start in enumerate(starts):
        off = Fraction(1) + Fraction(start, 10**12)
        assert started(max(Fraction(0), start - off)) <= index * (1 + Fraction(1, 10**12))
        assert started(start + off) >= index * (1 - Fraction(1, 10**12)) or start + off >= over * S
    n_planned = (low + high) / 2 * over
    assert len(starts) == 500 or abs(len(starts) - n_planned) <= 1
