"""What travels between machines arrives as it was sent, and brings no code."""

from __future__ import annotations

import datetime as dt
import decimal
import os
import pickle
import uuid

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.load.job import Failed, Ready, divide
from bench.load.recorder import COLUMNS
from bench.load.swarm.wire import Assignment, Finished, Part, pack, pack_rows, unpack, unpack_rows
from bench.model.facts import WorkerFacts
from bench.model.sample import MISSING_NS, Outcome
from tests.load.trials import open_loop

FACTS = WorkerFacts(
    worker=1,
    pool_size=2,
    clients=3,
    cpu_s=0.5,
    wall_s=1.0,
    loop_lag_p50_ns=1,
    loop_lag_p99_ns=2,
    loop_lag_max_ns=3,
    gc_pauses=0,
    gc_pause_total_ns=0,
    connections_opened=0,
    rss_bytes=1,
    executions_per_connection_min=11,
)


def test_an_assignment_arrives_whole_with_the_types_of_its_rows() -> None:
    what = open_loop(pool__acquire_timeout="250ms")
    row = (uuid.UUID(int=7), decimal.Decimal("1.20"), dt.date(2024, 2, 29), dt.datetime.now(dt.UTC), "x", None, [1, 2])
    sent = Assignment(what, {"SELECT 1": [row]}, divide(what, 2)[1], 5, 7, shown=True)
    assert unpack(pack(sent)) == sent


@pytest.mark.parametrize(
    "answer",
    [
        Ready({"locust": "2"}),
        Failed("a", "b", "c", bug=True),
        Part(3, b"x"),
        Finished(2, 1, 0, FACTS, {Outcome.DEADLOCK: "deadlock detected"}),
    ],
)
def test_every_answer_arrives_as_it_was_sent(answer: Ready | Failed | Part | Finished) -> None:
    assert unpack(pack(answer)) == answer


class _Shell:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("true",)


class _Evaluated:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return eval, ("1",)


@pytest.mark.parametrize("foreign", [_Shell(), _Evaluated(), os.getpid, pickle.Unpickler])
def test_a_message_can_name_nothing_but_the_protocol(foreign: object) -> None:
    with pytest.raises(pickle.UnpicklingError, match="no part of the protocol"):
        unpack(pickle.dumps(foreign))


@given(st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_samples_arrive_exactly(count: int, seed: int) -> None:
    generator = np.random.default_rng(seed)
    rows = generator.integers(0, 2**62, (count, COLUMNS))
    rows[generator.random(rows.shape) < 0.1] = MISSING_NS
    assert np.array_equal(unpack_rows(pack_rows(rows)), rows)


def test_a_sample_takes_few_bytes() -> None:
    """Seven integers of eight bytes at a thousand operations a second."""
    generator = np.random.default_rng(1)
    intended = np.cumsum(generator.exponential(1e6, 5000).astype(np.int64))
    later = np.cumsum(generator.exponential(2e5, (5000, 4)).astype(np.int64), axis=1)
    rows = np.column_stack([intended, intended[:, None] + later, np.zeros((5000, 2), np.int64)])
    assert len(pack_rows(rows)) / len(rows) < 20
