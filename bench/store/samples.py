"""Samples <-> Parquet: the raw fact of a trial, in a form that pandas, DuckDB and Polars open.

Instants are delta-encoded: rows come in order of completion, so that neighbours differ by microseconds and take about
three bytes a column instead of eight. Page checksums tell a damaged file from a strange one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bench.model.sample import INSTANTS, Outcome, Samples
from bench.store.codec import FORMATS, check_header
from bench.store.disk import damaged, read_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import numpy.typing as npt

KIND: Final = "samples"
MOST_ROWS_PER_BYTE: Final = 16
"""A row takes about fifteen bytes; a file that claims to hold many rows in one was made to fill the memory."""
_LABELS: Final = [outcome.label for outcome in Outcome]
_COLUMNS: Final = (*INSTANTS, "operation", "outcome", "worker")


def _named(codes: npt.NDArray[Any], names: Sequence[str]) -> pa.Array:
    if len(codes) and not 0 <= int(codes.min()) <= int(codes.max()) < len(names):
        raise ValueError(f"codes {int(codes.min())}..{int(codes.max())} have no name among {len(names)}")
    return pa.DictionaryArray.from_arrays(pa.array(codes), pa.array(list(names), type=pa.string()))


def encode_samples(samples: Samples, trial_id: str, operations: Sequence[str]) -> bytes:
    """Return the Parquet file; ``operations`` are the names by the index in the ``operation`` column."""
    columns = {name: pa.array(getattr(samples, name)) for name in INSTANTS}
    columns["operation"] = _named(samples.operation, operations)
    columns["outcome"] = _named(samples.outcome, _LABELS)
    columns["worker"] = pa.array(samples.worker)
    header = {
        "format": str(FORMATS[KIND]),
        "kind": KIND,
        "trial_id": trial_id,
        "operations": msgspec.json.encode(list(operations)),
    }
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table(columns).replace_schema_metadata(header),
        sink,
        compression="zstd",
        use_dictionary=["operation", "outcome", "worker"],
        column_encoding=dict.fromkeys(INSTANTS, "DELTA_BINARY_PACKED"),
        write_page_checksum=True,
    )
    data: bytes = sink.getvalue().to_pybytes()
    return data


def _codes(column: pa.ChunkedArray, names: Sequence[str], source: Path) -> npt.NDArray[np.int64]:
    array = column.cast(pa.dictionary(pa.int32(), pa.string())).unify_dictionaries().combine_chunks()
    chunk = array.chunk(0) if isinstance(array, pa.ChunkedArray) else array
    try:
        places = np.array([names.index(name) for name in chunk.dictionary.to_pylist()], dtype=np.int64)
    except ValueError as error:
        raise damaged(source, f"unknown name: {error}") from None
    codes: npt.NDArray[np.int64] = places[chunk.indices.to_numpy(zero_copy_only=False)]
    return codes


def decode_samples(data: bytes, source: Path, trial_id: str) -> Samples:
    """Return the samples exactly as they were; raises ``StoreError`` for a damaged, foreign or newer file."""
    try:
        stated = pq.read_metadata(pa.BufferReader(data)).num_rows
        if not 0 <= stated <= MOST_ROWS_PER_BYTE * len(data):
            raise damaged(source, f"{stated:,} rows do not fit into {len(data):,} bytes")
        table = pq.read_table(pa.BufferReader(data), page_checksum_verification=True)
        header = {key.decode(): value.decode() for key, value in (table.schema.metadata or {}).items()}
        number = header.get("format", "")
        check_header(source, KIND, header.get("kind"), int(number) if number.isascii() and number.isdigit() else number)
        if header.get("trial_id") != trial_id:
            raise damaged(source, f"it belongs to trial {header.get('trial_id')!r}, not to {trial_id!r}")
        missing = [name for name in _COLUMNS if name not in table.column_names]
        if missing or any(table.column(name).null_count for name in _COLUMNS):
            raise damaged(source, f"columns missing: {', '.join(missing)}" if missing else "a column has empty cells")
        operations = msgspec.json.decode(header.get("operations", ""), type=list[str])
        instants = {name: table.column(name).cast(pa.int64()).to_numpy() for name in INSTANTS}
        return Samples(
            **instants,
            operation=_codes(table.column("operation"), operations, source).astype(np.int16),
            outcome=_codes(table.column("outcome"), _LABELS, source).astype(np.int8),
            worker=table.column("worker").cast(pa.int16()).to_numpy(),
        )
    except (pa.ArrowException, OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
        raise damaged(source, f"not readable as Parquet: {' '.join(str(error).split())}") from None


def load_samples(path: Path, trial_id: str) -> Samples:
    """Read ``samples.parquet``; raises ``StoreError``."""
    return decode_samples(read_file(path), path, trial_id)
