from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.model.budget import parse_budget
from bench.model.units import Duration, Rate, parse_percent


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("50ms", 50_000_000),
        ("10s", 10_000_000_000),
        ("1.5 s", 1_500_000_000),
        ("3us", 3_000),
        ("2min", 120_000_000_000),
    ],
)
def test_a_duration_is_read_in_its_unit(text: str, nanoseconds: int) -> None:
    assert Duration.parse(text) == nanoseconds


@given(st.integers(min_value=0, max_value=10**13))
def test_a_duration_written_out_reads_back_within_its_printed_digits(nanoseconds: int) -> None:
    assert Duration.parse(str(Duration(nanoseconds))) == pytest.approx(nanoseconds, rel=1e-5)


@pytest.mark.parametrize("text", ["50", "", "ms", "50 msec", "1e3s", "-1s", 50, None, "50ms 3"])
def test_what_is_no_duration_is_refused_with_an_example(text: object) -> None:
    with pytest.raises(ValueError, match=r"50ms|takes one of"):
        Duration.parse(text)


def test_a_rate_counts_per_second() -> None:
    assert Rate.parse("30000/min") == 500.0
    with pytest.raises(ValueError, match="no unit"):
        Rate.parse("500")


def test_a_share_is_read_as_a_fraction() -> None:
    assert parse_percent("0.1%") == pytest.approx(0.001)


@pytest.mark.parametrize(
    ("text", "metric", "limit", "below"),
    [
        ("p95(response_time) < 100ms", "response_time.p95", 0.1, True),
        ("p95 < 100ms", "response_time.p95", 0.1, True),
        ("p99(pool_wait) <= 5ms", "pool_wait.p99", 0.005, True),
        ("error_rate < 0.1%", "error_rate", 0.001, True),
        ("throughput > 5000/s", "throughput", 5000.0, False),
    ],
)
def test_a_budget_names_its_metric_and_limit_in_base_units(
    text: str, metric: str, limit: float, *, below: bool
) -> None:
    budget = parse_budget(text)
    assert (budget.metric, budget.limit) == (metric, pytest.approx(limit))
    assert budget.holds(limit * 0.9) is below
    assert budget.holds(limit * 1.1) is not below


def test_989_ms_is_not_below_100_ms() -> None:
    """The audit that this project grew from said it was."""
    assert not parse_budget("p95 < 100ms").holds(0.989)


@pytest.mark.parametrize(
    "text", ["p95", "p95 == 3ms", "latency < 3ms", "p95(throughput) < 3ms", "throughput > 5ms", "error_rate < 3"]
)
def test_a_text_that_is_no_budget_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"budget|unknown|unit"):
        parse_budget(text)
