from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec
import pytest

from bench.analysis.explain import parse_plan
from bench.analysis.measurement import Finding, Line, Verdict
from bench.analysis.summary import key_of
from bench.model.facts import Caveat
from bench.report.document import build_document
from bench.report.material import Material
from bench.report.sections.findings import evidence_text
from bench.report.sections.plan_nodes import lay_out_nodes
from bench.report.sections.plans import lay_out_plans
from bench.stats.estimate import Estimate, Refused
from tests.report import samples

if TYPE_CHECKING:
    from bench.report.document import Document
    from bench.report.sections.figure import Figure


def figure(document: Document, anchor: str) -> Figure:
    (found,) = (one for gallery in document.galleries for one in gallery.figures if one.anchor == anchor)
    return found


def anchors(document: Document) -> list[str]:
    return [one.anchor for gallery in document.galleries for one in gallery.figures]


def test_the_answer_comes_first_with_its_reasons_and_limits(document: Document) -> None:
    banner = document.banner
    assert banner.answer.startswith("Use pool size 8, because it is the smallest")
    assert any("100 clients" in reason for reason in banner.because)
    assert any("64 has no valid measurement" in text for text in banner.cannot)
    assert [tile.title for tile in banner.tiles][:2] == ["Throughput", "Response time p50"]
    assert "load.clients" not in " ".join((banner.answer, *banner.because, *banner.cannot))


def test_the_verdict_rests_on_the_lines_that_count(document: Document, sweep: Material) -> None:
    assert sweep.verdict is not None
    counted = [line for line in sweep.verdict.lines if line.counts]
    assert len(document.budgets.main) == len(counted)
    assert len(document.budgets.main) + len(document.budgets.others) == len(sweep.verdict.lines)
    assert document.budgets.others[0].verdict == "fail"


@pytest.mark.parametrize(
    ("low", "point", "high", "verdict", "headroom"),
    [
        (0.08, 0.09, 0.11, "inconclusive", "10.0 ms to spare"),
        (0.9, 0.989, 1.1, "fail", "889 ms beyond"),
        (0.05, 0.1, 0.12, "inconclusive", "none"),
    ],
)
def test_headroom_is_the_way_to_the_limit(low: float, point: float, high: float, verdict: str, headroom: str) -> None:
    line = msgspec.convert(
        {
            "budget": "p95(response_time) < 100ms",
            "operation": "*",
            "treatment": {"pool.size": 8},
            "observed": Estimate(point, low, high, 0.95, 5, "s"),
            "limit": 0.1,
            "unit": "s",
            "verdict": verdict,
        },
        Line,
    )
    document = build_document(Material(run=samples.RUN, verdict=Verdict(verdict=line.verdict, lines=(line,))))
    (row,) = document.budgets.main
    assert (row.headroom, row.limit, document.banner.state) == (headroom, "< 100 ms", verdict)


def test_a_budget_without_a_measurement_says_why() -> None:
    line = Line(
        budget="error_rate < 0.1%",
        operation="sign_in",
        treatment={},
        observed=None,
        limit=0.001,
        unit="1",
        verdict="inconclusive",
        reason="nothing was measured for operation 'sign_in'",
    )
    document = build_document(Material(run=samples.RUN, verdict=Verdict(verdict="inconclusive", lines=(line,))))
    (row,) = document.budgets.main
    assert (row.observed, row.headroom, row.scale, row.limit) == ("not measured", "", None, "< 0.1 %")
    assert "nothing was measured" in document.banner.sentence


def test_a_metric_with_too_few_samples_says_how_many_it_needs(sweep: Material) -> None:
    refused = Refused("p99 at level 0.95 needs 299 samples, there are 240", 240, 299)
    measurements = [
        msgspec.structs.replace(
            one,
            metrics={name: value for name, value in one.metrics.items() if name != "response_time.p99"},
            refused={**one.refused, "response_time.p99": refused},
        )
        for one in sweep.measurements
    ]
    table = build_document(dataclasses.replace(sweep, measurements=measurements)).measurements.table
    column = [column.title for column in table.columns].index("Response time p99")
    assert {row[column].note for row in table.rows} == {"needs n ≥ 299"}


def test_one_operation_is_not_listed_twice(document: Document) -> None:
    titles = [column.title for column in document.measurements.table.columns]
    assert "Operation" not in titles
    assert len(document.measurements.table.rows) == 18
    assert document.measurements.same == "asyncpg, through pgbouncer"


def test_what_nobody_can_measure_gets_no_column(document: Document) -> None:
    titles = [column.title for column in document.measurements.table.columns]
    assert "Offered rate" not in titles
    assert "Round trips per operation" in titles


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
    assert figure(document, "lines-throughput-load-rate").chart.model is not None  # type: ignore[union-attr]  # lines
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


def test_doubts_are_gathered_with_their_reach(document: Document) -> None:
    first = document.doubts[0]
    assert (first.code, first.excludes, first.reach) == ("settings-changed", True, "1 of 18 treatments")
    assert first.places == (("pool size 64, 100 clients", ""),)
    assert document.doubts[-1].reach == "the whole run"


def test_a_doubt_of_every_operation_is_said_once(sweep: Material) -> None:
    caveat = Caveat(code="errors", text="0.2 % failed", cure="Look at the outcomes.")
    measurements = [
        msgspec.structs.replace(one, operation=name, caveats=(caveat,))
        for one in sweep.measurements[:2]
        for name in ("*", "a", "b")
    ]
    document = build_document(Material(run=msgspec.structs.replace(samples.RUN, caveats=()), measurements=measurements))
    (doubt,) = document.doubts
    assert len(doubt.places) == 1


def test_findings_come_by_severity_and_proven_ones_first() -> None:
    findings = [
        msgspec.convert(
            {
                "rule": rule,
                "severity": severity,
                "status": status,
                "summary": "s",
                "evidence": {},
                "remedy": "r",
                "source": "",
            },
            Finding,
        )
        for rule, severity, status in (
            ("a", "info", "measured"),
            ("b", "high", "rule of thumb"),
            ("c", "high", "proven: p95 -38 % [-44, -31], 6 interleaved pairs"),
        )
    ]
    document = build_document(Material(run=samples.RUN, findings=findings))
    assert [item.rule for item in document.recommendations] == ["c", "b", "a"]
    assert document.recommendations[0].proven


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("p95", Estimate(0.01, 0.009, 0.011, 0.95, 5, "s"), "10.0 ms [9.0, 11.0]"),
        (
            "p95",
            {"point": 0.0132, "low": 0.0127, "high": 0.0139, "level": 0.95, "n": 5, "unit": "s"},
            "13.2 ms [12.7, 13.9]",
        ),
        ("p99", {"reason": "too few", "n": 3, "needed": 299}, "needs n ≥ 299"),
        ("lag_ns", 1_500_000, "1.50 ms"),
        ("window_s", 5.0, "5.00 s"),
        ("rss_bytes", 2**21, "2.00 MiB"),
        ("sizes", [4, 8], "4, 8"),
        ("claims", ["One.", "Two."], "One.\nTwo."),
        ("split", {"pool_wait": 1, "server": None}, "pool wait: 1; server: none"),
        ("valid", True, "yes"),
        ("nothing", [], "none"),
    ],
)
def test_evidence_is_written_with_its_units(name: str, value: object, text: str) -> None:
    assert evidence_text(name, value) == text


def test_a_plan_is_a_tree_with_its_index_and_its_json() -> None:
    scenario = samples.reported().scenario
    plans = [samples.plan_fact(), msgspec.structs.replace(samples.plan_fact(), arguments=("TX",))]
    (card,) = lay_out_plans(plans, scenario).groups[0].cards
    assert ("Intended index", "ix_rate_tables_state_product_coverage_date: used") in card.facts
    assert "Index Scan using ix_rate_tables" in card.tree
    assert "the same for 2 sets of arguments, the slowest shown" in card.tags
    assert '"Node Type": "Index Scan"' in card.document


def test_plans_of_one_statement_that_differ_are_all_shown() -> None:
    other = {"Plan": {"Node Type": "Seq Scan", "Relation Name": "rate_tables", "Actual Loops": 1, "Actual Rows": 1}}
    cards = lay_out_plans([samples.plan_fact(), samples.plan_fact(document=other)], None).groups[0].cards
    assert len(cards) == 2
    assert ("Read from end to end", "rate_tables") in cards[1].facts
    assert "one of 2 different plans of this statement" in cards[1].tags


def test_a_plan_that_is_the_same_from_several_sides_is_shown_once_as_the_load_has_it() -> None:
    """Other sides are asked to be compared with; a page of equal trees compares nothing."""
    other = msgspec.structs.replace(samples.plan_fact(kind="generic"), load=False)
    chosen = msgspec.structs.replace(samples.plan_fact(kind="auto"), load=False)
    plans = [
        other,
        samples.plan_fact(),
        *(msgspec.structs.replace(chosen, execution=number) for number in (1, 6)),
    ]
    (card,) = lay_out_plans(plans, None).groups[0].cards
    assert card.tags == (
        "as the application role",
        "custom plan (values known)",
        "the same as the application role, generic plan (values unknown)",
        "the same as the application role, as the server chose, executions 1, 6",
    )


def test_very_many_plans_are_folded_by_operation_and_leave_their_json_in_the_raw_files() -> None:
    long = {"Plan": {"Node Type": "Seq Scan", "Relation Name": "rate_tables", "Filter": "x" * 50_000}}
    section = lay_out_plans([samples.plan_fact(f"operation {number}", document=long) for number in range(30)], None)
    assert section.folded
    assert section.number == 30
    assert section.groups[0].note == "1 statement, 1 plan; read from end to end: rate_tables"
    documents = [card.document for group in section.groups for card in group.cards]
    assert documents[0]
    assert not documents[-1]
    assert sum(map(len, documents)) <= 600_000


def test_a_document_that_is_no_plan_says_so() -> None:
    (card,) = lay_out_plans([samples.plan_fact(document={"Utility": "x"})], None).groups[0].cards
    assert card.tree.startswith("No plan: ")


def test_reported_figures_are_named_as_such() -> None:
    document = build_document(samples.reported())
    assert document.banner.state == "fail"
    assert any("stated by somebody else" in notice for notice in document.banner.notices)
    assert any("not possible under Little's law" in notice for notice in document.banner.notices)
    assert document.banner.tiles[0].note == "(one value, no interval)"


def test_an_interrupted_or_quick_run_says_so(sweep: Material) -> None:
    run = msgspec.structs.replace(samples.RUN, status="interrupted", quick=True)
    notices = build_document(dataclasses.replace(sweep, run=run)).banner.notices
    assert any("interrupted after" in notice for notice in notices)
    assert any("Quick run" in notice for notice in notices)


def test_failed_operations_have_a_table_of_their_own(sweep: Material) -> None:
    first = msgspec.structs.replace(sweep.measurements[0], outcomes={"ok": 90, "pool_timeout": 10})
    tables = build_document(dataclasses.replace(sweep, measurements=[first, *sweep.measurements[1:]])).measurements
    assert tables.outcomes is not None
    assert [cell.text for cell in tables.outcomes.rows[0]][2:] == ["90", "10", "10.0 %"]


def test_the_command_that_repeats_the_run_can_be_pasted() -> None:
    run = msgspec.structs.replace(samples.RUN, command=("bench", "run", "my scenario.toml", "--set", "pool.size=8"))
    environment = build_document(Material(run=run)).environment
    assert environment.command == "bench run 'my scenario.toml' --set pool.size=8"


def test_everything_known_of_the_environment_is_there(document: Document) -> None:
    rows = {name: value for group in document.environment.facts for name, value in group.rows}
    assert rows["Memory"] == "16.0 GiB"
    assert rows["Schema revision"] == "007"
    assert rows["Rows of audit_logs"] == "1,300,000"
    assert rows["Took"] == "15 min 46 s"
    assert ("jit", "off") in document.environment.settings


def test_the_treatments_of_tiles_and_heat_map_agree(document: Document, sweep: Material) -> None:
    assert sweep.answer is not None
    advised = {key_of(treatment) for treatment in sweep.answer.recommended}
    measured = [one for one in sweep.measurements if key_of(one.treatment) in advised and one.operation == "*"]
    assert document.banner.tiles_title.startswith("Measured with pool size 8, 100 clients")
    assert any(f"{one.metrics['throughput'].point:,.0f}/s" == document.banner.tiles[0].value for one in measured)


def test_a_plan_is_shown_node_by_node_with_what_each_took_itself() -> None:
    scan = {
        "Node Type": "Seq Scan", "Relation Name": "t", "Plan Rows": 5, "Actual Rows": 500, "Actual Loops": 1,
        "Actual Total Time": 6.0, "Shared Hit Blocks": 30, "Rows Removed by Filter": 9500,
    }  # fmt: skip
    sort = {
        "Node Type": "Sort", "Plan Rows": 5, "Actual Rows": 500, "Actual Loops": 1, "Actual Total Time": 8.0,
        "Shared Hit Blocks": 40, "Sort Space Type": "Disk", "Sort Space Used": 99, "Plans": [scan],
    }  # fmt: skip
    outer, inner = lay_out_nodes(parse_plan({"Plan": sort}))
    assert (outer.depth, outer.title, outer.time_share, outer.buffer_share) == (0, "Sort", 25, 25)
    assert (inner.depth, inner.title, inner.time_share, inner.buffer_share) == (1, "Seq Scan on t", 75, 75)
    assert outer.smells == ("estimate 100 times off", "sorts on disk")
    assert inner.smells == ("estimate 100 times off", "throws 9,500 rows away")
    (untimed,) = lay_out_nodes(parse_plan({"Plan": {"Node Type": "Result", "Actual Loops": 0}}))
    assert (untimed.rows, untimed.time_share, untimed.buffer_share) == ("never executed", None, None)


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
