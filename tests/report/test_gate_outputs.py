"""Every output of a gate: valid by its schema, within its limits, whatever names and reasons hold."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any, Literal

import jsonschema
import pytest
import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st

from bench.analysis.gate.result import GateLine, GateResult
from bench.report.annotations import MOST, render_annotations
from bench.report.gate import Origin, lay_out_gate
from bench.report.gate_markdown import render_comment, render_summary
from bench.report.junit import render_junit
from bench.report.sarif import render_sarif
from bench.report.scenario_lines import line_of
from bench.report.smaller_is_better import render_smaller_is_better
from bench.stats.estimate import Estimate

DATA = Path(__file__).parents[1] / "data"
JUNIT = xmlschema.XMLSchema(DATA / "junit.xsd")
SARIF = jsonschema.Draft202012Validator(json.loads((DATA / "sarif-2.1.0-used.json").read_text()))
TEXT = """\
# p95 < 9ms is the old budget
name = "rates"
budgets = [
  "p95 < 9ms",
]
[[operation]]
name = "lookup"
sql = "SELECT 1"
"""
NASTY = 'x|y <b>\x00\x1b[31m "&amp;" ]]> \n::error::@all `a` 100%, é\ud800'


def line(verdict: Literal["pass", "fail", "inconclusive"] = "pass", **changes: Any) -> GateLine:
    plain: dict[str, Any] = {
        "kind": "budget",
        "name": "p95 < 9ms",
        "operation": "*",
        "treatment": {"pool.size": 8},
        "verdict": verdict,
        "reason": "" if verdict == "pass" else "because",
        "unit": "s",
        "observed": Estimate(0.008, 0.007, 0.01, 0.95, 5, "s"),
        "limit": 0.009,
    }
    return GateLine(**{**plain, **changes})


def result(*lines: GateLine, scenario: str = "rates") -> GateResult:
    return GateResult(verdict="fail", scenario=scenario, run_id="r1", baseline="main", lines=lines, notes=("a note",))


COMPARED = line(
    "fail",
    kind="comparison",
    name="throughput",
    unit="1/s",
    observed=Estimate(400.0, 390.0, 410.0, 0.95, 5, "1/s"),
    baseline=Estimate(500.0, 490.0, 510.0, 0.95, 5, "1/s"),
    ratio=Estimate(0.8, 0.77, 0.83, 0.95, 5, "1"),
    change="regression",
    limit=None,
)
MIXED = result(
    line(),
    line("fail", operation="lookup"),
    line("inconclusive", observed=None),
    COMPARED,
    line("fail", kind="plan", name="plan unchanged", operation="lookup", treatment={}, observed=None, limit=None),
    line("fail", counts=False, treatment={"pool.size": 1}),
)
ORIGIN = Origin(source="scenarios/my rates.toml", text=TEXT, started_utc="2025-03-01T11:15:00.5+01:00", seconds=12.5)


def check_all(judged: GateResult) -> None:
    document = lay_out_gate(judged, ORIGIN)
    JUNIT.validate(render_junit(document))
    SARIF.validate(json.loads(render_sarif(document)))
    assert len(render_comment(document)) < 65_536
    assert len(render_summary(document).encode(errors="surrogatepass")) < 1024 * 1024
    json.loads(render_smaller_is_better(judged))
    assert all("\n" not in text for text in render_annotations(document))


def test_all_outputs_are_valid() -> None:
    check_all(MIXED)


@settings(max_examples=25, deadline=None)
@given(st.text(max_size=80), st.text(max_size=80))
def test_foreign_text_breaks_no_output(reason: str, name: str) -> None:
    one = line("fail", reason=reason, kind="comparison", name=name or "x", operation=name or "x")
    check_all(result(one, scenario=name or "x"))


def test_nasty_text_breaks_no_output() -> None:
    check_all(result(line("fail", reason=NASTY, kind="comparison", name=NASTY), scenario=NASTY))


@pytest.mark.parametrize("number", [1, 5000])
def test_long_judgements_are_cut_and_say_so(number: int) -> None:
    lines = [line("fail", kind="comparison", name=f"metric{n}", reason="why " * 200) for n in range(number)]
    judged = result(*lines)
    check_all(judged)
    comment = render_comment(lay_out_gate(judged, ORIGIN))
    assert ("more lines." in comment and "In `gate.json` of the run" in comment) == (number > 1)


def test_junit_counts_what_it_holds() -> None:
    suite = ET.fromstring(  # noqa: S314 - we wrote it ourselves
        render_junit(lay_out_gate(MIXED, ORIGIN))
    )[0]
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors"), suite.get("skipped")) == (
        "6",
        "3",
        "1",
        "1",
    )
    assert len(suite.findall("testcase/failure")) == 3
    assert len(suite.findall("testcase/error")) == 1
    assert len(suite.findall("testcase/skipped")) == 1
    assert suite.get("timestamp") == "2025-03-01T10:15:00"


def test_sarif_holds_what_did_not_pass_and_points_at_the_scenario() -> None:
    results = json.loads(render_sarif(lay_out_gate(MIXED, ORIGIN)))["runs"][0]["results"]
    assert [one["level"] for one in results] == ["error", "error", "error", "warning"]
    places = [one["locations"][0]["physicalLocation"] for one in results]
    assert {place["artifactLocation"]["uri"] for place in places} == {"scenarios/my%20rates.toml"}
    assert places[0]["region"]["startLine"] == 4
    assert len({one["partialFingerprints"]["poolbenchLine/v1"] for one in results}) == 4


@pytest.mark.parametrize(
    ("name", "operation", "expected"),
    [("p95 < 9ms", "*", 4), ("p99 < 1s", "lookup", 7), ("p99 < 1s", "*", 3), ("throughput", "other", 3)],
)
def test_a_line_points_where_its_budget_or_operation_is_stated(name: str, operation: str, expected: int) -> None:
    assert line_of(TEXT, name, operation) == expected
    assert line_of("", name, operation) == 1


def test_annotations_escape_what_ends_a_command_and_are_few() -> None:
    lines = [line("fail", reason="50 %\nand: more", name=f"p{n}", kind="comparison") for n in range(30)]
    written = render_annotations(lay_out_gate(result(*lines), ORIGIN))
    assert len(written) == MOST
    assert "50 %25%0Aand: more" in written[0]
    assert written[0].startswith("::error file=scenarios/my rates.toml,line=3,title=p0%2C all::")
    assert "21 more lines" in written[-1]


def test_smaller_is_better_turns_a_rate_into_time() -> None:
    entries = {one["name"]: one for one in json.loads(render_smaller_is_better(MIXED))}
    rate = entries["rates * time per operation (throughput) pool.size=8"]
    assert (rate["unit"], rate["value"]) == ("ms", 2.5)
    assert entries["rates * response_time.p95 pool.size=8"]["value"] == 8.0


def test_failures_come_first_and_one_treatment_is_told_once() -> None:
    document = lay_out_gate(result(line(), line("inconclusive"), COMPARED), ORIGIN)
    assert [row.verdict for row in document.rows] == ["fail", "inconclusive", "pass"]
    assert document.treatment == "pool size 8"
    assert document.rows[0].what == "throughput"
    assert document.rows[0].change == "regression -20.0 % [-23.0, -17.0]"


@pytest.mark.parametrize(
    ("reason", "confirmed", "told"),
    [
        ("", None, ""),
        ("why", None, "why"),
        ("", True, "a rerun confirmed it"),
        ("why", False, "why; a rerun did not confirm it"),
    ],
)
def test_a_reason_tells_what_the_rerun_showed(reason: str, confirmed: bool | None, told: str) -> None:  # noqa: FBT001 - pytest passes it by name
    (row,) = lay_out_gate(result(line("fail", reason=reason, confirmed=confirmed)), ORIGIN).rows
    assert row.reason == told
