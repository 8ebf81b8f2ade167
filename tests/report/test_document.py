"""The view model: what a report says, before anything is drawn."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec
import pytest

from bench.analysis.measurement import Finding, Line, Verdict
from bench.model.facts import Caveat
from bench.report.document import build_document
from bench.report.material import Material
from bench.report.sections.findings import evidence_text
from bench.stats.estimate import Estimate, Refused
from tests.report import recorded, samples

if TYPE_CHECKING:
    from bench.report.document import Document


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
    document = build_document(Material(run=recorded.RUN, verdict=Verdict(verdict=line.verdict, lines=(line,))))
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
    document = build_document(Material(run=recorded.RUN, verdict=Verdict(verdict="inconclusive", lines=(line,))))
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
    document = build_document(
        Material(run=msgspec.structs.replace(recorded.RUN, caveats=()), measurements=measurements)
    )
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
    document = build_document(Material(run=recorded.RUN, findings=findings))
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


def test_reported_figures_are_named_as_such() -> None:
    document = build_document(samples.reported())
    assert document.banner.state == "fail"
    assert any("stated by somebody else" in notice for notice in document.banner.notices)
    assert any("not possible under Little's law" in notice for notice in document.banner.notices)
    assert document.banner.tiles[0].note == "(one value, no interval)"


def test_an_interrupted_or_quick_run_says_so(sweep: Material) -> None:
    run = msgspec.structs.replace(recorded.RUN, status="interrupted", quick=True)
    notices = build_document(dataclasses.replace(sweep, run=run)).banner.notices
    assert any("interrupted after" in notice for notice in notices)
    assert any("Quick run" in notice for notice in notices)


def test_failed_operations_have_a_table_of_their_own(sweep: Material) -> None:
    first = msgspec.structs.replace(sweep.measurements[0], outcomes={"ok": 90, "pool_timeout": 10})
    tables = build_document(dataclasses.replace(sweep, measurements=[first, *sweep.measurements[1:]])).measurements
    assert tables.outcomes is not None
    assert [cell.text for cell in tables.outcomes.rows[0]][2:] == ["90", "10", "10.0 %"]


def test_the_command_that_repeats_the_run_can_be_pasted() -> None:
    run = msgspec.structs.replace(recorded.RUN, command=("bench", "run", "my scenario.toml", "--set", "pool.size=8"))
    environment = build_document(Material(run=run)).environment
    assert environment.command == "bench run 'my scenario.toml' --set pool.size=8"


def test_everything_known_of_the_environment_is_there(document: Document) -> None:
    rows = {name: value for group in document.environment.facts for name, value in group.rows}
    assert rows["Memory"] == "16.0 GiB"
    assert rows["Schema revision"] == "007"
    assert rows["Rows"] == "1,448,000 in 3 tables"
    assert ("audit_logs", "1,300,000") in document.environment.row_counts
    assert rows["Took"] == "15 min 46 s"
    assert ("jit", "off") in document.environment.settings
