"""Trials, arrivals and arguments: pure functions of scenario and seed."""

from __future__ import annotations

import datetime as dt
import itertools
from collections import Counter
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.design.arrivals import intended_starts
from bench.design.parameters import CHUNK, draw, mix, stream
from bench.design.plan import expand
from bench.model import parameters as source
from bench.model.scenario import OpenLoop, Operation
from bench.model.scenario_text import read_raw
from bench.model.units import Rate

SECOND = 1_000_000_000
TEXT = """
name = "lookup"
load = { model = "closed", clients = 10 }
operation = [{ name = "a", sql = "SELECT 1" }]
run = { replicates = 4, seed = 7 }
[sweep]
"pool.size" = [1, 2, 4]
"load.clients" = [10, 20]
"""


def test_every_block_holds_every_treatment_once() -> None:
    plan, scenarios = expand(read_raw(TEXT, "t"), "t")
    assert len(plan.trials) == 3 * 2 * 4
    for block in range(1, 5):
        sizes = [
            (trial.treatment["pool.size"], trial.treatment["load.clients"])
            for trial in plan.trials
            if trial.block == block
        ]
        assert sorted(sizes) == sorted(itertools.product([1, 2, 4], [10, 20]))
    assert all(scenarios[trial.id].pool.size == trial.treatment["pool.size"] for trial in plan.trials)


def test_the_order_is_random_but_repeatable() -> None:
    first, _ = expand(read_raw(TEXT, "t"), "t")
    again, _ = expand(read_raw(TEXT, "t"), "t")
    other, _ = expand(read_raw(TEXT.replace("seed = 7", "seed = 8"), "t"), "t")
    assert first == again
    assert [t.treatment for t in first.trials] != [t.treatment for t in other.trials]


def test_sequential_order_follows_the_scenario() -> None:
    plan, _ = expand(read_raw(TEXT.replace("seed = 7", 'order = "sequential"'), "t"), "t")
    assert [t.treatment["pool.size"] for t in plan.trials[:6]] == [1, 1, 2, 2, 4, 4]


@pytest.mark.parametrize("arrival", ["poisson", "constant"])
@given(rate=st.floats(50, 5000), seed=st.integers(0, 2**16))
def test_arrivals_are_sorted_inside_the_window_and_near_the_rate(
    arrival: Literal["poisson", "constant"], rate: float, seed: int
) -> None:
    starts = intended_starts(OpenLoop(rate=Rate(rate), arrival=arrival), 2 * SECOND, 1.0, np.random.default_rng(seed))
    assert np.all(np.diff(starts) >= 0)
    assert starts[0] >= 0
    assert starts[-1] < 2 * SECOND
    assert abs(len(starts) - 2 * rate) < (6 * np.sqrt(2 * rate) if arrival == "poisson" else 2)


def test_poisson_gaps_have_the_variance_of_an_exponential() -> None:
    starts = intended_starts(OpenLoop(rate=Rate(10_000)), 10 * SECOND, 1.0, np.random.default_rng(1))
    gaps = np.diff(starts)
    assert gaps.std() / gaps.mean() == pytest.approx(1, abs=0.02)


def test_shares_of_workers_add_up_to_the_whole_rate() -> None:
    load = OpenLoop(rate=Rate(10_000))
    total = sum(
        len(intended_starts(load, SECOND, share, np.random.default_rng(i))) for i, share in enumerate((0.5, 0.3, 0.2))
    )
    assert total == pytest.approx(10_000, rel=0.05)


def test_a_ramp_grows_linearly() -> None:
    load = OpenLoop(rate=Rate(20_000), arrival="ramp", ramp_from=Rate(4000))
    starts = intended_starts(load, 10 * SECOND, 1.0, np.random.default_rng(1))
    counts, _ = np.histogram(starts, bins=10, range=(0, 10 * SECOND))
    expected = 4000 + 1600 * (np.arange(10) + 0.5)
    assert np.all(np.abs(counts - expected) < 5 * np.sqrt(expected))


def test_a_flat_ramp_is_a_poisson_process() -> None:
    load = OpenLoop(rate=Rate(1000), arrival="ramp", ramp_from=Rate(1000))
    assert len(intended_starts(load, 10 * SECOND, 1.0, np.random.default_rng(1))) == pytest.approx(10_000, rel=0.05)


def test_arguments_come_from_every_kind_of_source() -> None:
    rng = np.random.default_rng(0)
    parameters: list[source.Parameter] = [
        source.Uniform("day", dt.date(2024, 1, 1), dt.date(2024, 1, 31)),
        source.Uniform("n", 1, 6),
        source.Uniform("x", 0.5, 1.5),
        source.Zipf("rank", 1, 100, 1.2),
        source.Normal("amount", 100, 10, low=90, decimals=0),
        source.Choice("state", ("CA", "TX"), (3, 1)),
        source.Sequence("id", 100),
        source.Uuid("token"),
        source.Sample(names=("a", "b"), sql="Q"),
    ]
    rows = draw(parameters, {"Q": [(1, "one"), (2, "two")]}, 4000, rng, first=1, stride=2)
    day, n, x, rank, amount, state, number, token, a, b = zip(*rows, strict=True)
    assert {min(day), max(day)} == {dt.date(2024, 1, 1), dt.date(2024, 1, 31)}
    assert set(n) == {1, 2, 3, 4, 5, 6}
    assert min(x) >= 0.5
    assert Counter(rank).most_common(1)[0][0] == 1
    assert min(amount) == 90
    assert Counter(state)["CA"] / 4000 == pytest.approx(0.75, abs=0.04)
    assert number[:3] == (101, 103, 105)
    assert len(set(token)) == 4000
    assert set(zip(a, b, strict=True)) == {(1, "one"), (2, "two")}


def test_sequences_of_two_workers_never_meet() -> None:
    operation = Operation(name="a", sql="SELECT $1", parameters=(source.Sequence("id"),))
    streams = [stream(operation, {}, np.random.default_rng(w), w, 2) for w in (0, 1)]
    taken = [set(itertools.islice(numbers, 3 * CHUNK)) for numbers in streams]
    assert not taken[0] & taken[1]
    assert len(taken[0] | taken[1]) == 6 * CHUNK


def test_the_mix_follows_the_weights() -> None:
    operations = [Operation(name="a", sql="x", weight=9), Operation(name="b", sql="x", weight=1)]
    drawn = Counter(itertools.islice(mix(operations, np.random.default_rng(0)), 20_000))
    assert drawn[1] / 20_000 == pytest.approx(0.1, abs=0.01)
