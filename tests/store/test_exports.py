"""Files for other tools: the HdrHistogram log and the table of measurements."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import unquote

import msgspec
import numpy as np
import pandas as pd
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from bench.analysis.window import select
from bench.model.scenario import OpenLoop
from bench.model.units import Rate
from bench.stats.histogram import HIGHEST_NS, LOWEST_NS, SIGNIFICANT_DIGITS
from bench.store.export.hlog import render_log, tag
from bench.store.export.parquet import encode_measurements
from tests.store import examples

if TYPE_CHECKING:
    from pathlib import Path

    from bench.model.sample import Samples
    from bench.model.scenario import Load

FACTS = examples.facts_of(examples.PLAN.trials[0])


def _read(path: Path, log: bytes) -> list[HdrHistogram]:
    path.write_bytes(log)
    reader = HistogramLogReader(str(path), HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS))
    histograms = []
    while histogram := reader.get_next_interval_histogram():
        histograms.append(histogram)
    reader.close()
    return histograms


@pytest.mark.parametrize("load", [examples.CLOSED, OpenLoop(rate=Rate(200))], ids=["closed", "open"])
def test_the_log_holds_what_the_library_itself_would_record(tmp_path: Path, load: Load) -> None:
    """One interval an operation, read back by HdrHistogram's own reader, count by count."""
    samples = examples.samples_of(500)
    histograms = _read(tmp_path / "h.hlog", render_log(FACTS, samples, load))
    assert [unquote(histogram.get_tag()) for histogram in histograms] == list(examples.OPERATIONS)
    good = samples.where(select(samples, FACTS, load).good)
    for index, histogram in enumerate(histograms):
        expected = HdrHistogram(LOWEST_NS, HIGHEST_NS, SIGNIFICANT_DIGITS)
        for value in good.where(good.operation == index).duration("response_time"):
            assert expected.record_value(int(value))
        assert histogram.get_total_count() == expected.get_total_count() > 0
        assert [histogram.get_count_at_index(i) for i in range(expected.counts_len)] == list(expected.counts)
        percentiles = [50, 95, 99, 100]
        assert histogram.get_percentile_to_value_dict(percentiles) == expected.get_percentile_to_value_dict(percentiles)
    assert histograms[0].get_start_time_stamp() == pytest.approx(1740824102.250 * 1000 + 100)
    assert histograms[0].get_end_time_stamp() == pytest.approx(1740824102.250 * 1000 + 900)


def test_an_operation_that_never_succeeded_has_an_empty_interval(tmp_path: Path) -> None:
    samples: Samples = examples.samples_of().where(np.arange(200) % 2 == 0)
    histograms = _read(tmp_path / "h.hlog", render_log(FACTS, samples, examples.CLOSED))
    assert histograms[0].get_total_count() > 0
    assert histograms[1].get_total_count() == 0


def test_a_tag_holds_nothing_that_ends_it_and_loses_nothing() -> None:
    for name in ("a,b", "a b", "a\nb\r", "a_b", "naïve", "50%"):
        assert not set(tag(name)) & set(", \r\n\t")
        assert unquote(tag(name)) == name
    assert tag("rating_lookup") == "rating_lookup"


def test_the_log_is_the_same_for_the_same_samples() -> None:
    first, second = (render_log(FACTS, examples.samples_of(), examples.CLOSED) for _ in range(2))
    assert first == second


def test_the_table_has_a_row_per_metric_and_a_column_per_key(tmp_path: Path) -> None:
    other = msgspec.structs.replace(
        examples.MEASUREMENT,
        treatment={"pool.size": 10, "pool.workers": "auto"},
        operation="rating_lookup",
        valid=False,
    )
    third = msgspec.structs.replace(other, treatment={"pool.size": 2.5, "pool.workers": 2})
    (tmp_path / "m.parquet").write_bytes(encode_measurements("r", (examples.MEASUREMENT, other, third)))
    frame = pd.read_parquet(tmp_path / "m.parquet")
    assert list(frame.columns) == [
        *("pool.driver", "pool.size", "load.clients", "pooler.kind", "pool.workers"),
        *("operation", "metric", "point", "low", "high", "level", "n", "unit", "valid"),
    ]
    assert len(frame) == 6
    row = frame[(frame["pool.size"] == 30) & (frame["metric"] == "response_time.p95")].iloc[0]
    assert (row["operation"], row["point"], row["low"], row["high"]) == ("*", 0.0132, 0.0127, 0.0139)
    assert (row["level"], row["n"], row["unit"], bool(row["valid"])) == (0.95, 5, "s", True)
    assert frame["pool.size"].tolist() == [30, 30, 10, 10, 2.5, 2.5]
    assert frame["pool.workers"].tolist()[2:] == ["auto", "auto", "2", "2"]
    assert frame["pool.driver"].isna().tolist() == [False, False, True, True, True, True]


def test_the_table_of_no_measurement_has_its_columns_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "m.parquet").write_bytes(encode_measurements("r", ()))
    frame = pd.read_parquet(tmp_path / "m.parquet")
    assert len(frame) == 0
    assert "metric" in frame.columns
