from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.analysis.wording import count
from bench.report.numbers import (
    choose_scale,
    interval,
    limit,
    point,
    quantity,
    refusal,
    shown,
    span,
    with_interval,
)
from bench.stats.estimate import Estimate, Refused


def estimate(value: float, low: float, high: float, unit: str, n: int = 5) -> Estimate:
    return Estimate(value, low, high, 0.95, n, unit)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0132, "s", "13.2 ms"),
        (0.00099996, "s", "1.00 ms"),
        (1.5, "s", "1.50 s"),
        (3.1e-8, "s", "31.0 ns"),
        (0.000041, "s", "41.0 µs"),
        (0.0, "s", "0 ms"),
        (-0.002, "s", "-2.00 ms"),
        (7266.4, "1/s", "7,266/s"),
        (3.14159, "1/s", "3.14/s"),
        (1234567.0, "1/s", "1,234,567/s"),
        (0.0012, "%", "0.120 %"),
        (0.94, "%", "94.0 %"),
        (4.0, "1", "4"),
        (2.5, "1", "2.50"),
        (16 * 2**30, "bytes", "16.0 GiB"),
        (512, "bytes", "512 B"),
        (8.0, "connections", "8.00 connections"),
        (math.nan, "s", "not a number ms"),
        (math.inf, "1/s", "unbounded/s"),
        (1e18, "1", "1.00e+18"),
    ],
)
def test_a_number_has_three_digits_and_the_unit_that_suits_it(value: float, unit: str, text: str) -> None:
    assert quantity(value, unit) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (estimate(7266, 7100, 7400, "1/s"), "7,266/s [7,100, 7,400]"),
        (estimate(0.0132, 0.0127, 0.0139, "s"), "13.2 ms [12.7, 13.9]"),
        (estimate(0.0132, 0.01319, 0.01322, "s"), "13.20 ms [13.19, 13.22]"),
        (estimate(8, 4, 16, "connections"), "8 connections [4, 16]"),
        (estimate(2, 2, 2, "1"), "2 [2, 2]"),
        (estimate(0.989, 0.989, 0.989, "s", n=1), "989 ms (one value, no interval)"),
    ],
)
def test_point_and_ends_share_unit_and_decimals(value: Estimate, text: str) -> None:
    assert with_interval(value) == text


def test_an_interval_around_zero_takes_its_digits_from_the_end_that_is_not_zero() -> None:
    rate = estimate(0.0, 0.0, 0.000148, "1")
    assert with_interval(rate, "%") == "0 % [0, 0.0148]"


@given(
    st.floats(1e-9, 1e6, allow_subnormal=False),
    st.floats(0, 0.5),
    st.floats(0, 0.5),
    st.sampled_from(["s", "1/s", "%", "bytes", "1"]),
)
def test_written_ends_enclose_the_written_point(value: float, below: float, above: float, unit: str) -> None:
    known = estimate(value, value * (1 - below), value * (1 + above), unit)
    low, high = (float(end.replace(",", "")) for end in interval(known).strip("[]").split(", "))
    middle = float(point(known).split(" ")[0].split("/")[0].replace(",", ""))
    assert low <= middle <= high


@given(st.floats(1e-9, 1e9, allow_subnormal=False))
def test_three_digits_are_kept_whatever_the_size(seconds: float) -> None:
    """Rounding never moves a time by more than half a percent."""
    scale = choose_scale(seconds, "s")
    written = float(scale.digits(seconds).replace(",", "")) / scale.factor
    assert written == pytest.approx(seconds, rel=0.0051)


def test_a_limit_is_written_as_it_was_set() -> None:
    assert [limit(0.02, "s"), limit(0.001, "%"), limit(500.0, "1/s"), limit(0.0015, "s")] == [
        "20 ms",
        "0.1 %",
        "500/s",
        "1.5 ms",
    ]


def test_a_refusal_says_how_many_samples_would_do() -> None:
    assert refusal(Refused("p99 at level 0.95 needs 299 samples, there are 240", 240, 299)) == "needs n ≥ 299"
    assert refusal(Refused("the pooler was not read", 0, None)) == "the pooler was not read"
    assert shown(Refused("too few", 3, 2995)) == "needs n ≥ 2,995"


def test_spans_and_counts_read_as_words() -> None:
    assert [span(0.25), span(135), span(3840)] == ["250 ms", "2 min 15 s", "1 h 4 min"]
    assert [count(1, "treatment"), count(1800, "treatment"), count(2, "further entry", "further entries")] == [
        "1 treatment",
        "1,800 treatments",
        "2 further entries",
    ]


def test_an_end_that_is_no_bound_is_not_written_with_digits() -> None:
    wide = Estimate(0.875, 2e-7, 11_515.0, 0.95, 2, "s")
    assert interval(wide).endswith(", over 1,000 times that]")
    assert interval(Estimate(0.875, 0.5, 80.0, 0.95, 3, "s")) == "[500, 80,000]"
    assert interval(Estimate(0.0, 0.0, 0.4, 0.95, 3, "%")) == "[0, 40.0]"
