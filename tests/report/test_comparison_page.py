from __future__ import annotations

import re

import msgspec
import pytest

from bench.analysis.gate.result import GateLine, GateResult
from bench.report.comparison_page import render_comparison
from bench.report.gate import lay_out_gate
from bench.report.sections.change_rows import lay_out_changes
from bench.stats.estimate import Estimate
from tests.report.page import read_page


def estimate(point: float, spread: float, unit: str) -> Estimate:
    return Estimate(point, point - spread, point + spread, level=0.95, n=5, unit=unit)


def line(name: str, ratio: float, change: str, verdict: str) -> GateLine:
    return GateLine(
        kind="comparison",
        name=name,
        operation="lookup",
        treatment={"pool.size": 4},
        verdict=verdict,  # type: ignore[arg-type]  # one of three words
        reason="it was measured",
        unit="s",
        observed=estimate(0.01 * ratio, 0.001, "s"),
        baseline=estimate(0.01, 0.001, "s"),
        ratio=estimate(ratio, 0.02, ""),
        margin=0.05,
        change=change,  # type: ignore[arg-type]  # one of a few words
    )


RESULT = GateResult(
    verdict="fail",
    scenario="lookups",
    run_id="run-4",
    baseline="run-3",
    lines=(
        line("response_time.p50", 1.01, "equivalent", "pass"),
        line("response_time.p90", 0.7, "improvement", "pass"),
        line("response_time.p95", 1.2, "regression", "fail"),
        line("response_time.p99", 1.6, "regression", "fail"),
        line("pool_wait.p95", 1.1, "inconclusive", "inconclusive"),
    ),
    notes=("the noise between runs is not known",),
)


def test_what_changed_stands_first_worse_before_better_and_the_largest_on_top() -> None:
    page = read_page(render_comparison(lay_out_gate(RESULT), "run-3", "run-4", {"run-3": "../r/index.html"}))
    rows = page.by_id("changes").all("tbody")[0].all("tr")
    assert [row.all("td")[0].text().strip() for row in rows] == [
        "Regression",
        "Regression",
        "Improvement",
        "Inconclusive",
        "Equivalent",
    ]
    assert [row.all("td")[3].text() for row in rows[:2]] == ["+60.0 % [+58.0, +62.0]", "+20.0 % [+18.0, +22.0]"]
    assert [link.attributes["href"] for link in page.by_id("runs").all("a")] == ["../r/index.html"]
    assert "bench compare run-3 run-4" in page.by_id("runs").text()


def test_a_line_that_fails_without_a_ratio_is_a_change_for_the_worse_and_stands_first() -> None:
    """As a plan that became another: with one failed line the page said "0 changes" and told of it last."""
    plan = GateLine(
        kind="plan",
        name="plan unchanged",
        operation="lookup",
        treatment={},
        verdict="fail",
        reason="it changed",
        unit="",
    )
    result = msgspec.structs.replace(RESULT, lines=(RESULT.lines[4], RESULT.lines[0], plan))
    page = read_page(render_comparison(lay_out_gate(result), "run-3", "run-4", {}))
    rows = page.by_id("changes").all("tbody")[0].all("tr")
    assert rows[0].all("td")[1].text() == "query plan"
    assert rows[0].all("td")[0].text().strip() == "Changed"
    assert "bad" in rows[0].all("td")[0].attributes["class"]
    assert page.all("h1")[0].text() == "lookups: 1 change"


def test_bars_mirror_halving_and_doubling_about_no_change() -> None:
    lines = (
        line("response_time.p50", 2.0, "regression", "fail"),
        line("response_time.p90", 0.5, "improvement", "pass"),
    )
    page = read_page(
        render_comparison(lay_out_gate(msgspec.structs.replace(RESULT, lines=lines)), "run-3", "run-4", {})
    )
    points = [
        float(re.findall(r"M([\d.]+) 2V10", path.attributes["d"])[0])
        for path in page.by_id("changes").all("path")
        if path.attributes.get("class") == "point"
    ]
    assert points[0] - 50 == pytest.approx(50 - points[1], abs=0.02)
    assert points[0] > 90


def test_numbers_of_a_comparison_are_sorted_as_numbers() -> None:
    """As text, "10.0 ms" comes before "9.00 ms", and "900 µs" after both."""
    page = read_page(render_comparison(lay_out_gate(RESULT), "run-3", "run-4", {}))
    keys = [
        [cell.attributes.get("data-key") for cell in row.all("td")]
        for row in page.by_id("changes").all("tbody")[0].all("tr")[:2]
    ]
    assert [row[0] for row in keys] == ["0", "0"]
    assert [row[3] for row in keys] == [row[4] for row in keys] == ["1.6", "1.2"]
    assert [row[5:7] for row in keys] == [["0.01", "0.016"], ["0.01", "0.012"]]


def test_an_interval_that_knows_nothing_leaves_the_bars_of_the_others_readable() -> None:
    vague = msgspec.structs.replace(
        line("pool_wait.p99", 1.3, "inconclusive", "inconclusive"),
        ratio=Estimate(1.3, 0.001, 1700.0, level=0.95, n=2, unit=""),
    )
    document = lay_out_gate(msgspec.structs.replace(RESULT, lines=(*RESULT.lines, vague)))
    rows = lay_out_changes(document.rows).rows
    bars = {row.size: row.bar for row in rows}
    clear = bars["+60.0 % [+58.0, +62.0]"]
    assert clear is not None
    assert clear.high - 50 > 10
    assert max(bar.high for bar in bars.values() if bar) == 100


def test_a_difference_of_shares_is_told_in_points() -> None:
    shares = msgspec.structs.replace(
        line("error_rate", 1.0, "regression", "fail"),
        ratio=None,
        difference=Estimate(0.012, 0.004, 0.02, level=0.95, n=5, unit="1"),
    )
    (row,) = lay_out_gate(msgspec.structs.replace(RESULT, lines=(shares,))).rows
    assert row.size == "1.20 points [0.40, 2.00]"


def test_the_command_to_repeat_a_comparison_can_be_pasted_whatever_the_runs_are_called() -> None:
    page = read_page(render_comparison(lay_out_gate(RESULT), "my run; x", "run-4", {}))
    assert "bench compare 'my run; x' run-4" in page.by_id("runs").text()
