"""What the server did while trials ran, drawn and told."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from bench.report.document import build_document
from tests.report.figures import anchors, figure

if TYPE_CHECKING:
    from bench.report.document import Document
    from bench.report.material import Material


def test_the_timeline_shows_waits_and_cores_with_their_words_and_numbers(document: Document) -> None:
    waits = figure(document, "timeline-waits")
    assert next(name for name, _ in waits.chart.parts) == "on CPU (active, no wait)"  # type: ignore[union-attr]  # areas
    assert "waiting: Lock" in waits.alt
    assert len(waits.table.columns) == 1 + len(waits.chart.parts)  # type: ignore[union-attr]  # areas
    cores = figure(document, "timeline-cpu")
    assert "server connections 0.75" in cores.alt
    assert "the machine has 4" in cores.alt
    (lead,) = (gallery.lead for gallery in document.galleries if gallery.anchor == "timeline")
    assert "autovacuum worked (autovacuum: ANALYZE public.base_rates)" in lead


def test_cached_blocks_are_told_by_table(document: Document) -> None:
    blocks = figure(document, "timeline-blocks")
    assert [row[0].text for row in blocks.table.rows] == ["base_rates", "zip_territories"]
    assert "99.7 % of" in blocks.alt
    column = [column.title for column in document.measurements.table.columns].index("Cache hit ratio")
    assert document.measurements.table.rows[0][column].text.startswith("99.7")


def test_memory_is_told_by_pool_size_and_for_one_more_connection(document: Document) -> None:
    memory = figure(document, "memory-by-pool-size")
    own = next(one for one in memory.chart.curves if one.label == "server connections, own memory")  # type: ignore[union-attr]  # lines
    assert [point.x for point in own.points] == sorted({point.x for point in own.points})
    assert own.points[0].y < own.points[-1].y
    (gallery,) = (one for one in document.galleries if one.anchor == "memory")
    assert "One server connection holds" in gallery.lead
    assert memory.table.rows[0][5].text == "64.0 MiB"


def test_a_run_without_a_collector_says_what_is_not_known(sweep: Material) -> None:
    """As runs before there was one, and trials whose collector was lost."""
    bare = [
        dataclasses.replace(trial, facts=msgspec.structs.replace(trial.facts, timeline=None)) for trial in sweep.trials
    ]
    document = build_document(dataclasses.replace(sweep, trials=bare))
    assert not {"timeline-waits", "timeline-cpu", "timeline-blocks"} & set(anchors(document))
    (gallery,) = (one for one in document.galleries if one.anchor == "memory")
    assert not gallery.figures
    assert "no collector ran" in gallery.absent
