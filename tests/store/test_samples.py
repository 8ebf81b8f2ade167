"""Samples as Parquet: exact, compact, checked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from bench.model.errors import StoreError
from bench.model.sample import INSTANTS, Outcome, Samples
from bench.store.samples import decode_samples, encode_samples
from tests.store.examples import OPERATIONS, samples_of

SOURCE = Path("trials/b01-t001/samples.parquet")


def _equal(left: Samples, right: Samples) -> bool:
    columns = [(getattr(left, name), getattr(right, name)) for name in Samples.__slots__]
    return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in columns)


@st.composite
def any_samples(draw: st.DrawFn) -> Samples:
    """Return columns of any values that their types hold, in any order."""
    n = draw(st.integers(0, 40))

    def column(dtype: type[Any], low: int, high: int) -> Any:
        return draw(arrays.arrays(dtype, n, elements=st.integers(low, high)))

    instants = {name: column(np.int64, -(2**63), 2**63 - 1) for name in INSTANTS}
    return Samples(
        **instants,
        operation=column(np.int16, 0, len(OPERATIONS) - 1),
        outcome=column(np.int8, 0, len(Outcome) - 1),
        worker=column(np.int16, -(2**15), 2**15 - 1),
    )


@given(any_samples())
def test_samples_come_back_exactly(samples: Samples) -> None:
    assert _equal(decode_samples(encode_samples(samples, "t", OPERATIONS), SOURCE, "t"), samples)


def test_equal_samples_give_equal_bytes() -> None:
    assert encode_samples(samples_of(), "t", OPERATIONS) == encode_samples(samples_of(), "t", OPERATIONS)


def test_the_file_opens_in_pandas_under_the_documented_names(tmp_path: Path) -> None:
    samples = samples_of(50)
    (tmp_path / "samples.parquet").write_bytes(encode_samples(samples, "t", OPERATIONS))
    frame = pd.read_parquet(tmp_path / "samples.parquet")
    assert list(frame.columns) == [*INSTANTS, "operation", "outcome", "worker"]
    assert all(frame[name].dtype == np.int64 for name in INSTANTS)
    assert np.array_equal(frame["completed_ns"], samples.completed_ns)
    assert frame["operation"].tolist() == [OPERATIONS[index] for index in samples.operation]
    assert set(frame["outcome"]) == {"ok", "sql_error"}


def test_a_sample_takes_less_than_half_of_its_plain_size() -> None:
    """Deltas of sorted instants are short: measured 14.4 bytes a sample at 8,000 operations/s, 40 plain."""
    n = 100_000
    completed = np.cumsum(np.random.default_rng(1).exponential(125_000, n)).astype(np.int64)
    lag = np.random.default_rng(2).lognormal(15, 0.35, n).astype(np.int64)
    samples = Samples(
        intended_ns=completed - lag,
        dispatched_ns=completed - lag,
        acquired_ns=completed - lag // 2,
        completed_ns=completed,
        released_ns=completed + lag // 40,
        operation=np.zeros(n, np.int16),
        outcome=np.zeros(n, np.int8),
        worker=(np.arange(n) % 2).astype(np.int16),
    )
    assert len(encode_samples(samples, "t", ("a",))) / n < 20


@pytest.mark.parametrize("place", [100, 1000, 2000, -100, -5, -1])
def test_a_flipped_byte_is_noticed(place: int) -> None:
    data = bytearray(encode_samples(samples_of(), "t", OPERATIONS))
    data[place] ^= 0xFF
    with pytest.raises(StoreError, match=r"samples\.parquet is damaged") as caught:
        decode_samples(bytes(data), SOURCE, "t")
    assert caught.value.remedy


def test_a_truncated_file_is_refused_wherever_it_ends() -> None:
    data = encode_samples(samples_of(20), "t", OPERATIONS)
    for length in range(0, len(data), 97):
        with pytest.raises(StoreError, match="is damaged"):
            decode_samples(data[:length], SOURCE, "t")


def _rewritten(*, drop: str | None = None, **header: str) -> bytes:
    table = pq.read_table(pa.BufferReader(encode_samples(samples_of(20), "t", OPERATIONS)))
    kept = {key.decode(): value.decode() for key, value in table.schema.metadata.items()}
    table = table.drop_columns([drop]) if drop else table
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({**kept, **header}), sink)
    data: bytes = sink.getvalue().to_pybytes()
    return data


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (_rewritten(format="2"), "newer poolbench (format 2"),
        (_rewritten(format="one"), "`format` is 'one'"),
        (_rewritten(kind="measurements"), "is not a `samples` file"),
        (_rewritten(trial_id="other"), "it belongs to trial 'other', not to 't'"),
        (_rewritten(operations='["rating_lookup"]'), "unknown name"),
        (_rewritten(operations="["), "not readable"),
        (_rewritten(drop="worker"), "columns missing: worker"),
    ],
)
def test_a_foreign_file_is_refused_by_name(data: bytes, problem: str) -> None:
    with pytest.raises(StoreError) as caught:
        decode_samples(data, SOURCE, "t")
    assert problem in str(caught.value)


def test_another_tools_file_without_our_header_is_refused() -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"x": [1]}), sink)
    with pytest.raises(StoreError, match="is not a `samples` file"):
        decode_samples(sink.getvalue().to_pybytes(), SOURCE, "t")


def test_an_operation_without_a_name_is_a_bug() -> None:
    with pytest.raises(ValueError, match="have no name"):
        encode_samples(samples_of(), "t", OPERATIONS[:1])
