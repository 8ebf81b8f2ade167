from __future__ import annotations

from typing import TYPE_CHECKING

from bench.report.index import IndexedComparison, IndexedRun, indexed, render_index
from tests.report.page import read_page

if TYPE_CHECKING:
    from bench.report.document import Document


def run(number: int, **changes: str) -> IndexedRun:
    values = {
        "folder": f"run-{number}",
        "run_id": f"run-{number}",
        "scenario": "rating_lookup",
        "started_utc": f"2030-01-0{number}T00:00:00+00:00",
        "state": "pass",
        "word": "Pass",
        "answer": "Use pool size 8.",
        **changes,
    }
    return IndexedRun(**values)  # type: ignore[arg-type]  # a table of keyword arguments


def test_runs_are_listed_newest_first_in_whatever_order_they_come() -> None:
    html = render_index([run(1), run(3), run(2)])
    assert html == render_index([run(2), run(1), run(3)])
    links = [link.attributes["href"] for link in read_page(html).all("main")[0].all("a")]
    assert links == ["./run-3/index.html", "./run-2/index.html", "./run-1/index.html"]


def test_the_index_leads_to_the_trends_or_says_how_to_get_them() -> None:
    whole, one, _ = read_page(render_index([run(1)], trends=["", "a b"])).all("main")[0].all("a")
    assert (whole.text(), whole.attributes["href"]) == ("all runs", "./history/index.html")
    assert (one.text(), one.attributes["href"]) == ("a b", "./history/a%20b/index.html")
    assert "bench history" in read_page(render_index([run(1)])).all("main")[0].text()


def test_an_index_without_runs_says_how_to_get_one() -> None:
    assert "bench run" in read_page(render_index([])).all("main")[0].text()


def test_hostile_names_stay_text_and_addresses_stay_here() -> None:
    page = read_page(render_index([run(1, folder="//x.org/<b>", scenario="<script>1</script>" + "W" * 10_000)]))
    assert page.all("main")[0].all("a")[0].attributes["href"] == "./x.org/%3Cb%3E/index.html"
    assert len(page.all("script")) == 1
    assert "<script>1</script>" in page.all("td")[1].text()


def test_a_document_gives_its_line(document: Document) -> None:
    line = indexed(document, "r1", "2030-01-02T03:04:05+00:00")
    assert (line.word, line.started, line.run_id) == ("Pass", "2030-01-02 03:04:05 UTC", document.run_id)


def test_a_comparison_of_hostile_names_leads_to_a_page_below_this_one() -> None:
    (link,) = (
        read_page(render_index([], [IndexedComparison("<script>", "..", "fail", "worse")])).all("main")[0].all("a")
    )
    assert link.attributes["href"] == "./compare/%3Cscript%3E/../index.html"
