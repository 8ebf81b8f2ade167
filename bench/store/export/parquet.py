"""Measurements as one flat table: a row per metric, a column per key of the treatment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pyarrow as pa
import pyarrow.parquet as pq

from bench.store.codec import FORMATS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.analysis.measurement import Measurement
    from bench.model.scenario import Level

KIND: Final = "measurements"
_FIXED: Final = {
    "operation": pa.string(),
    "metric": pa.string(),
    "point": pa.float64(),
    "low": pa.float64(),
    "high": pa.float64(),
    "level": pa.float64(),
    "n": pa.int64(),
    "unit": pa.string(),
    "valid": pa.bool_(),
}


def _column(levels: Sequence[Level | None]) -> pa.Array:
    """Give a key the narrowest type that holds all its levels; levels of mixed kinds become text."""
    kinds = {type(level) for level in levels if level is not None}
    if len(kinds) <= 1:
        return pa.array(levels)
    if kinds == {int, float}:
        return pa.array([None if level is None else float(level) for level in levels], type=pa.float64())
    return pa.array([None if level is None else str(level) for level in levels], type=pa.string())


def encode_measurements(run_id: str, measurements: Sequence[Measurement]) -> bytes:
    """Return the Parquet file; metrics that were refused have no row (they stand in ``measurements.json``)."""
    rows = [
        (measurement, metric, estimate)
        for measurement in measurements
        for metric, estimate in measurement.metrics.items()
    ]
    keys = dict.fromkeys(key for measurement in measurements for key in measurement.treatment)
    columns = {key: _column([measurement.treatment.get(key) for measurement, _, _ in rows]) for key in keys}
    fixed = [(m.operation, name, e.point, e.low, e.high, e.level, e.n, e.unit, m.valid) for m, name, e in rows]
    for place, (name, kind) in enumerate(_FIXED.items()):
        columns[name] = pa.array([row[place] for row in fixed], type=kind)
    header = {"format": str(FORMATS[KIND]), "kind": KIND, "run_id": run_id}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns).replace_schema_metadata(header), sink, compression="zstd")
    data: bytes = sink.getvalue().to_pybytes()
    return data
