"""Which charts a sweep gets, and what they mark."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.analysis.summary import key_of
from bench.report.document import build_document
from tests.report import samples
from tests.report.figures import anchors, figure

if TYPE_CHECKING:
    from bench.report.document import Document
    from bench.report.material import Material


def test_excluded_treatments_are_hatched_and_not_on_the_lines(document: Document) -> None:
    cells = figure(document, "heat-throughput").chart.cells  # type: ignore[union-attr]  # a heat map
    assert [(r, c) for r, row in enumerate(cells) for c, cell in enumerate(row) if cell and cell.invalid] == [(5, 2)]
    (curve,) = (one for one in figure(document, "lines-throughput-load-clients").chart.curves if one.label == "64")  # type: ignore[union-attr]  # lines
    assert len(curve.points) == 2
    assert "1 excluded treatment is not drawn" in figure(document, "lines-throughput-load-clients").caption


def test_one_cell_is_the_best_and_the_advised_row_is_framed(document: Document) -> None:
    for anchor in ("heat-throughput", "heat-response-time-p95"):
        chart = figure(document, anchor).chart
        marks = [cell.mark for row in chart.cells for cell in row]  # type: ignore[union-attr]  # a heat map
        assert marks.count("best") == 1
        assert chart.chosen_row == 2  # type: ignore[union-attr]  # a heat map


def test_a_cell_that_misses_the_budget_is_marked(document: Document) -> None:
    cells = figure(document, "heat-response-time-p95").chart.cells  # type: ignore[union-attr]  # a heat map
    assert cells[0][2] is not None
    assert cells[0][2].mark == "over"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (samples.ONE_FACTOR, ["costs", "lines-throughput-pool-size", "lines-response-time-p95-pool-size"]),
        (samples.ONE_TREATMENT, []),
        (samples.WORDS, ["lines-throughput-pool-driver", "lines-response-time-p95-pool-driver"]),
    ],
    ids=["pool size only", "nothing", "words"],
)
def test_the_charts_follow_what_was_varied(text: str, expected: list[str]) -> None:
    material = samples.material(text.replace("replicates = 5", "replicates = 2"), spoiled=None)
    assert [one.anchor for one in build_document(material).galleries[0].figures] == expected


def test_response_time_stands_against_the_offered_rate_when_the_load_is_open() -> None:
    document = build_document(samples.material(samples.OPEN.replace("replicates = 5", "replicates = 2"), spoiled=None))
    chart = figure(document, "lines-response-time-p95-load-rate").chart
    assert chart.x_title == "Offered rate (per second)"  # type: ignore[union-attr]  # lines
    throughput = figure(document, "lines-throughput-load-rate").chart
    assert throughput.model is not None  # type: ignore[union-attr]  # lines
    assert throughput.even, "achieved = offered is a straight line"  # type: ignore[union-attr]  # lines
    assert "Offered rate" in [column.title for column in document.measurements.table.columns]


def test_a_third_factor_gets_charts_of_its_own() -> None:
    text = samples.THREE_FACTORS.replace("replicates = 5", "replicates = 2")
    document = build_document(samples.material(text, spoiled=None))
    heat_maps = [anchor for anchor in anchors(document) if anchor.startswith("heat-throughput")]
    assert len(heat_maps) == 2
    assert all(figure(document, anchor).chart.chosen_row is not None for anchor in heat_maps)  # type: ignore[union-attr]  # a heat map
    assert len(set(anchors(document))) == len(anchors(document))


def test_the_spectrum_ends_where_the_samples_end(document: Document) -> None:
    """No point is drawn for a share that the operations cannot bound: p99.9 needs 2,995 of them."""
    spectrum = figure(document, "spectrum")
    columns = [column.title for column in spectrum.table.columns]
    for curve, row in zip(spectrum.chart.curves, spectrum.table.rows, strict=True):  # type: ignore[union-attr]  # lines
        n = int(row[columns.index("Operations")].text.replace(",", ""))
        assert curve.points[-1].x <= n / 2.9
        assert all(point.low <= point.y <= point.high for point in curve.points)
        assert [p.y for p in curve.points] == sorted(p.y for p in curve.points)
    assert spectrum.table.rows[0][columns.index("p99.99")].note.startswith("needs n ≥ 29,9")


def test_each_operation_has_its_line() -> None:
    document = build_document(samples.large(treatments=4, operations=8))
    spectra = [figure(document, anchor) for anchor in anchors(document) if anchor.startswith("spectrum-operations")]
    labels = [curve.label for one in spectra for curve in one.chart.curves]  # type: ignore[union-attr]  # lines
    assert len(labels) == 8
    assert all(len(one.chart.curves) <= 7 for one in spectra)  # type: ignore[union-attr]  # lines


def test_the_split_shows_the_stages_of_the_advised_load(document: Document) -> None:
    chart = figure(document, "latency-split").chart
    assert next(name for name, _ in chart.parts) == "schedule lag"  # type: ignore[union-attr]  # bars
    assert all("clients" not in row for row in chart.rows)  # type: ignore[union-attr]  # bars


def test_the_treatments_of_tiles_and_heat_map_agree(document: Document, sweep: Material) -> None:
    assert sweep.answer is not None
    advised = {key_of(treatment) for treatment in sweep.answer.recommended}
    measured = [one for one in sweep.measurements if key_of(one.treatment) in advised and one.operation == "*"]
    assert document.banner.tiles_title.startswith("Measured with pool size 8, 100 clients")
    assert any(f"{one.metrics['throughput'].point:,.0f}/s" == document.banner.tiles[0].value for one in measured)
