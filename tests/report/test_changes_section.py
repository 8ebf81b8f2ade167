"""What changed against the baseline stands directly below the verdict, in every state."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import msgspec

from bench.analysis.gate.result import GateLine, GateResult
from bench.analysis.gate.standing import Compared, Incomparable, IsBaseline, Unset
from bench.report.document import build_document
from bench.report.html import render_report
from bench.report.markdown import render_markdown
from bench.report.material import Material
from bench.report.sections.changes import lay_out_standing
from tests.report import recorded
from tests.report.page import read_page
from tests.report.test_comparison_page import RESULT, line

if TYPE_CHECKING:
    from bench.analysis.gate.standing import Standing
    from tests.report.page import Element

PLAN = GateLine(
    kind="plan",
    name="plan unchanged",
    operation="lookup",
    treatment={},
    verdict="fail",
    reason="the plan changed: Index Scan on rates became Seq Scan on rates",
)
CHANGED = Compared("main", "run-3", msgspec.structs.replace(RESULT, lines=(*RESULT.lines, PLAN)), ("old",))
ALIKE = Compared(
    "main",
    "run-3",
    GateResult(
        verdict="pass",
        scenario="lookups",
        run_id="run-4",
        baseline="main",
        lines=tuple(line(f"response_time.p{n}", 1.0, "equivalent", "pass") for n in (50, 90, 95)),
    ),
)
REFUSED = Incomparable(
    "main",
    "run-3",
    "these runs cannot be compared",
    "machine: a, now b",
    "Run both sides alike, or name what may differ: `--allow-difference machine`.",
)


def _read(standing: Standing | None, **changes: str) -> Element:
    material = Material(run=recorded.RUN, standing=standing, **changes)  # type: ignore[arg-type]  # only addresses
    return read_page(render_report(build_document(material)))


def _sections(page: Element) -> list[str]:
    return [section.attributes["id"] for section in page.all("main")[0].all("section")]


def test_what_changed_follows_the_verdict_with_before_after_difference_and_interval() -> None:
    page = _read(CHANGED, baseline_page="../run-3/index.html")
    assert _sections(page)[:3] == ["verdict", "changes", "budgets"]
    assert page.all("nav")[0].all("a")[1].text() == "Changes 4"
    section = page.by_id("changes")
    assert section.all("h2")[0].text().strip() == "Changed against baseline main (run-3)"
    assert (
        "6 lines: 2 worse, 1 with another plan, 1 better, 1 inconclusive, 1 unchanged or not worse." in section.text()
    )
    rows = [[cell.text().strip() for cell in row.all("td")] for row in section.all("tbody")[0].all("tr")]
    assert [(row[0], row[1]) for row in rows] == [
        ("Regression", "response time p99"),
        ("Regression", "response time p95"),
        ("Changed", "query plan"),
        ("Improvement", "response time p90"),
    ]
    assert rows[0][3] == "+60.0 % [+58.0, +62.0]"
    assert (rows[0][5], rows[0][6]) == ("10.0 ms [9.0, 11.0]", "16.0 ms [15.0, 17.0]")
    assert "became Seq Scan on rates" in rows[2][7]
    assert "../run-3/index.html" in [link.attributes["href"] for link in section.all("a")]
    assert "The noise between runs is not known" in section.text()


def test_lines_without_a_change_are_folded_and_counted() -> None:
    folded = _read(CHANGED).by_id("changes").all("details")
    assert [fold.all("summary")[0].text() for fold in folded] == [
        "1 line inconclusive",
        "1 line unchanged or not worse",
    ]
    assert not any("open" in fold.attributes for fold in folded)


def test_a_run_that_did_not_change_says_so_in_a_line() -> None:
    section = _read(ALIKE).by_id("changes")
    assert "Nothing is evidently different. 3 lines: 3 unchanged or not worse." in section.text()
    assert len(section.all("details")) == len(section.all("table")) == 1


def test_a_baseline_that_cannot_be_compared_with_is_named_with_reason_and_remedy() -> None:
    section = _read(REFUSED).by_id("changes")
    assert section.all("h2")[0].text().strip() == "Not compared with baseline main (run-3)"
    for said in ("these runs cannot be compared.", "machine: a, now b", "--allow-difference machine"):
        assert said in section.text()
    assert f"bench compare main {recorded.RUN.run_id}" in section.text()


def test_without_a_baseline_one_quiet_line_tells_how_to_set_one() -> None:
    page = _read(Unset("main"))
    assert "changes" not in _sections(page)
    (aside,) = (one for one in page.all("p") if one.attributes.get("class") == "aside")
    assert f"bench baseline set main {recorded.RUN.run_id}" in aside.text()
    assert "Changes" not in page.all("nav")[0].text()


def test_the_baseline_itself_says_that_it_is_one_and_a_tuning_says_nothing() -> None:
    assert "This run is the baseline main" in _read(IsBaseline("main")).text()
    assert "baseline" not in _read(None).all("main")[0].text()


def test_an_older_run_is_not_read_as_what_came_after() -> None:
    section = lay_out_standing(dataclasses.replace(CHANGED, later=True), "run-2")
    assert section.notices[0].startswith("The baseline ran after this run")


def test_lines_of_several_treatments_are_told_apart_by_what_differs() -> None:
    lines = tuple(
        msgspec.structs.replace(RESULT.lines[2], treatment={"pool.size": size, "pool.driver": "asyncpg"})
        for size in (4, 8)
    )
    standing = Compared("main", "run-3", msgspec.structs.replace(RESULT, lines=lines))
    section = _read(standing).by_id("changes")
    assert "With asyncpg." in section.text()
    assert [row.all("td")[2].text() for row in section.all("tbody")[0].all("tr")] == ["pool size 4", "pool size 8"]


def test_a_large_comparison_leaves_the_report_small() -> None:
    lines = tuple(
        msgspec.structs.replace(RESULT.lines[number % 5], treatment={"pool.size": number}) for number in range(2_000)
    )
    standing = Compared("main", "run-3", msgspec.structs.replace(RESULT, lines=lines))
    page = render_report(build_document(Material(run=recorded.RUN, standing=standing)))
    assert len(page) < 1_000_000
    assert "1000 more lines are in the comparison" in page
    assert page.count("300 more lines are in the comparison") == 2


def test_the_markdown_says_it_in_a_line_and_lists_what_changed() -> None:
    text = render_markdown(build_document(Material(run=recorded.RUN, standing=CHANGED)))
    assert "Changed against baseline main (run-3): 6 lines: 2 worse" in text
    assert "- Regression: response time p99 of lookup: 10.0 ms [9.0, 11.0] before" in text
