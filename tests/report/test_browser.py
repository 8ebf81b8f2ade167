"""The pages as a reader's browser shows them: opened from disk, in Debian's Chromium."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe

from bench.analysis.history import Moment, Series, Turn
from bench.report.audit_page import render_audit
from bench.report.comparison_page import render_comparison
from bench.report.document import build_document
from bench.report.gate import lay_out_gate
from bench.report.history_page import render_history
from bench.report.html import render_report
from bench.report.index import IndexedComparison, indexed, render_index
from bench.stats.estimate import Estimate
from tests.report import samples
from tests.report.test_audit_page import LEDGER
from tests.report.test_changes_section import CHANGED
from tests.report.test_comparison_page import RESULT
from tests.report.test_index import run

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

PAGES = ("r1/index.html", "index.html", "history/index.html", "audit/index.html", "compare/run-3/run-4/index.html")
SERIOUS = ("serious", "critical")

SERIES = (
    Series(
        scenario="rating_lookup",
        metric="response_time.p95",
        operation="*",
        treatment={"pool.size": 8},
        made_with={"host": "a machine", "scenario": "rating_lookup"},
        moments=tuple(
            Moment(
                run_id=f"run-{number}",
                started_utc=f"2030-01-0{number}T00:00:00+00:00",
                commit=f"c{number}",
                value=Estimate(0.01 * (1 + (number > 4)), 0.009, 0.021, level=0.95, n=5, unit="s"),
            )
            for number in range(1, 9)
        ),
        turns=(
            Turn(
                run_id="run-5",
                before_run_id="run-4",
                commit="c5",
                before_commit="c4",
                ratio=2.0,
                direction="worse",
                also=("schema",),
            ),
        ),
    ),
)


@dataclasses.dataclass
class Visit:
    """A page in the browser, and everything that went wrong or out while it was open."""

    page: Page
    said: list[str]
    asked: list[str]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A reports folder as runs leave it."""
    root = tmp_path_factory.mktemp("reports")
    started = "2030-01-02T03:04:05+00:00"
    material = samples.material(samples.ONE_FACTOR.replace("replicates = 5", "replicates = 2"), standing=CHANGED)
    document = build_document(material)
    pages = {
        "r1/index.html": render_report(document),
        "index.html": render_index(
            [indexed(document, "r1", started), *(run(number) for number in range(1, 10))],
            [IndexedComparison("run-3", "run-4", "fail", "one line, 1 failed")],
        ),
        "compare/run-3/run-4/index.html": render_comparison(lay_out_gate(RESULT), "run-3", "run-4", {}),
        "history/index.html": render_history(SERIES, 8, ["run <x> is left out"]),
        "audit/index.html": render_audit(LEDGER, "audit-1", "audit.json"),
    }
    for name, text in pages.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def visit(browser: Browser, path: Path, **context: object) -> Visit:
    """Open a page from disk in a context of its own."""
    page = browser.new_context(**context).new_page()  # type: ignore[arg-type]  # options of a context by name
    found = Visit(page, [], [])
    page.on("console", lambda message: found.said.append(message.text))
    page.on("pageerror", lambda error: found.said.append(str(error)))
    page.on("request", lambda request: found.asked.append(request.url))
    page.goto(path.as_uri())
    return found


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_a_page_opens_without_errors_or_network_and_axe_finds_nothing_serious(
    browser: Browser, site: Path, name: str, scheme: str
) -> None:
    """What is folded is opened first, so that it is judged too; dark pages differ in colours only.

    A chart is judged by its name; its shapes are no text that axe could read.
    """
    seen = visit(browser, site / name, color_scheme=scheme, reduced_motion="reduce")
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if scheme == "dark":
        options["runOnly"] = ["color-contrast"]
    else:
        seen.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")
    found = Axe().run(seen.page, context={"exclude": [[".plot > g"]]}, options=options).response["violations"]
    assert [
        (one["id"], one["help"], [node["html"][:200] for node in one["nodes"]][:3])
        for one in found
        if one["impact"] in SERIOUS
    ] == []
    assert seen.said == []
    assert [url for url in seen.asked if not url.startswith(("file:", "data:,"))] == []
    seen.page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_every_anchor_leads_somewhere_and_no_page_is_wider_than_its_window(
    browser: Browser, site: Path, name: str
) -> None:
    """What is wide scrolls inside its own frame."""
    page = visit(browser, site / name).page
    lost = page.evaluate(
        "[...document.querySelectorAll('a[href^=\"#\"]')].map((a) => a.hash.slice(1))"
        ".filter((id) => document.querySelectorAll('#' + CSS.escape(id)).length !== 1)"
    )
    assert lost == []
    for width in (1400, 800, 400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


@pytest.mark.parametrize("name", PAGES)
def test_on_paper_no_table_is_cut_off(browser: Browser, site: Path, name: str) -> None:
    """Paper does not scroll: A4 between margins of 12 mm."""
    page = visit(browser, site / name, viewport={"width": 703, "height": 1000}).page
    page.emulate_media(media="print")
    cut = page.evaluate(
        "[...document.querySelectorAll('.scroll')].filter((one) => one.scrollWidth > one.clientWidth + 1)"
        ".map((one) => [one.getAttribute('aria-label'), one.scrollWidth, one.clientWidth])"
    )
    assert cut == []
    page.context.close()


def test_a_table_sorts_by_number_both_ways_and_back(browser: Browser, site: Path) -> None:
    page = visit(browser, site / "r1/index.html").page
    table = page.locator("#measurement-table")
    keys = (
        "(table, column) => [...table.tBodies[0].rows].map((row) => row.cells[column].dataset.key)"
        ".filter((key) => key !== undefined).map(Number)"
    )

    def numbers(column: int) -> list[float]:
        read: list[float] = table.evaluate(f"(table) => ({keys})(table, {column})")
        return read

    column = int(table.evaluate("(t) => [...t.tHead.rows[0].cells].findIndex((c) => c.textContent === 'Throughput')"))
    head = table.locator("th").nth(column)
    written = numbers(column)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") == "ascending"
    assert numbers(column) == sorted(written) != written
    head.get_by_role("button").press("Enter")
    assert head.get_attribute("aria-sort") == "descending"
    assert numbers(column) == sorted(written, reverse=True)
    head.get_by_role("button").click()
    assert head.get_attribute("aria-sort") is None
    assert numbers(column) == written
    page.context.close()


def test_the_index_filters_by_words_and_tells_how_many_are_left(browser: Browser, site: Path) -> None:
    page = visit(browser, site / "index.html").page
    runs = page.locator("#runs tbody tr:visible")
    assert runs.count() == 10
    page.get_by_label("Show rows with").fill("PASS run-3")
    assert runs.count() == 1
    assert page.get_by_text("1 of 10 rows").is_visible()
    page.get_by_label("Show rows with").fill("")
    assert runs.count() == 10
    page.context.close()


def test_two_runs_chosen_lead_to_their_comparison_or_to_the_command_that_makes_it(browser: Browser, site: Path) -> None:
    """The older one is the baseline, in whatever order they were chosen and the table is sorted."""
    page = visit(browser, site / "index.html").page
    told = page.locator(".chosen")
    page.get_by_label("Compare run-4").check()
    assert told.inner_text() == "1 chosen: choose two runs to compare them."
    page.get_by_role("button", name="Started").click()
    page.get_by_label("Compare run-3").check()
    told.get_by_role("link", name="Compare run-4 with run-3").click()
    assert page.url == (site / "compare/run-3/run-4/index.html").as_uri()
    page.goto((site / "index.html").as_uri())
    for name in ("Compare run-2", "Compare run-9"):
        page.get_by_label(name).check()
    assert told.locator("pre").inner_text() == "bench compare run-2 run-9"
    page.context.close()


def test_a_link_into_something_folded_opens_it(browser: Browser, site: Path) -> None:
    page = visit(browser, site / "r1/index.html").page
    page.evaluate("document.querySelector('details table').id = 'inside'; location.hash = '#inside'")
    page.wait_for_function("document.querySelector('#inside').closest('details').open")
    page.context.close()
