from __future__ import annotations

import base64
import hashlib
import os
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec
import pytest

from bench.report.document import build_document
from bench.report.html import render_report
from bench.report.material import Material
from bench.report.words import capital
from tests.report import recorded, samples
from tests.report.hostile import hostile_material
from tests.report.page import read_page

if TYPE_CHECKING:
    from bench.report.document import Document
    from tests.report.page import Element

SECTIONS = (
    "verdict",
    "budgets",
    "recommendations",
    "doubts",
    "sweep",
    "distribution",
    "split",
    "timeline",
    "memory",
    "measurements",
    "plans",
    "schema",
    "environment",
    "method",
    "files",
)


def test_the_sections_stand_in_the_order_a_reader_asks(page: Element) -> None:
    (main,) = page.all("main")
    assert tuple(section.attributes["id"] for section in main.all("section")) == SECTIONS


def test_every_link_inside_the_page_leads_somewhere(page: Element) -> None:
    ids = {element.attributes["id"] for element in page.all() if "id" in element.attributes}
    for element in page.all():
        target = element.attributes.get("href", "")
        assert not target.startswith("#") or target[1:] in ids, target
        labels = element.attributes.get("aria-labelledby", "").split()
        assert set(labels) <= ids


def test_the_contents_list_every_section(page: Element) -> None:
    (contents,) = page.all("nav")
    assert [link.attributes["href"] for link in contents.all("a")] == [f"#{name}" for name in SECTIONS]


def test_nothing_is_loaded_from_anywhere(page: Element, html: str) -> None:
    """No element fetches an address; links that a reader may follow are no fetches."""
    for element in page.all():
        for name, value in element.attributes.items():
            assert name not in ("src", "srcset", "poster", "data", "action", "style"), (element.tag, name)
            assert not name.startswith("on"), (element.tag, name)
            if name == "href" and element.tag != "a":
                assert value.startswith(("#", "data:,")), value
    assert "@import" not in html
    assert not re.search(r"url\((?!#)", html)


def test_the_policy_lets_in_only_the_page_s_own_script_and_styles(page: Element) -> None:
    (policy,) = (m.attributes["content"] for m in page.all("meta") if "http-equiv" in m.attributes)
    assert policy.startswith("default-src 'none'; ")
    for tag, directive in (("style", "style-src"), ("script", "script-src")):
        (element,) = page.all(tag)
        digest = base64.b64encode(hashlib.sha256(element.text().encode()).digest()).decode()
        assert f"{directive} 'sha256-{digest}';" in policy
    assert "unsafe" not in policy


def test_every_chart_has_a_name_a_caption_and_the_numbers_behind_it(page: Element, document: Document) -> None:
    figures = page.all("figure")
    assert len(figures) == sum(len(gallery.figures) for gallery in document.galleries) >= 12
    for figure in figures:
        (plot,) = (svg for svg in figure.all("svg") if svg.attributes.get("role") == "img")
        assert len(plot.attributes["aria-label"]) > 40
        assert figure.all("h3")[0].text()
        assert figure.all("figcaption")[0].text()
        assert len(figure.all("details")[0].all("table")[0].all("tr")) > 1


def test_every_table_has_a_caption_and_headed_columns(page: Element) -> None:
    for table in page.all("table"):
        assert table.all("caption")[0].text()
        width = len(table.all("th"))
        assert all(head.attributes["scope"] == "col" for head in table.all("th"))
        assert {len(row.all("td")) for row in table.all("tbody")[0].all("tr")} <= {width}


def test_the_verdict_is_a_word_and_a_sign_not_a_colour_alone(page: Element) -> None:
    banner = page.by_id("verdict")
    assert banner.all("h2")[0].text().strip() == "PASS"
    assert banner.all("h2")[0].all("svg")
    for cell in page.by_id("budgets").all("td"):
        if "verdict" in cell.attributes.get("class", ""):
            assert cell.text().strip() in ("Pass", "Fail", "Inconclusive")
            assert cell.all("svg")


def test_the_same_values_give_the_same_bytes(document: Document, html: str) -> None:
    assert render_report(document) == html


def test_the_same_values_give_the_same_bytes_in_another_process() -> None:
    """Whatever the seed of string hashing; and nothing on the way draws through pyplot's global state."""
    program = (
        "import hashlib, sys; from tests.report import samples; from bench.report.document import build_document;"
        "from bench.report.html import render_report;"
        "text = samples.ONE_FACTOR.replace('replicates = 5', 'replicates = 2').replace('4, 8, 16, 32, 64', '8');"
        "page = render_report(build_document(samples.material(text)));"
        "assert 'matplotlib.pyplot' not in sys.modules;"
        "print(hashlib.sha256(page.encode()).hexdigest())"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            stdout=subprocess.PIPE,
            text=True,
        )
        for seed in ("1", "2")
    ]
    printed = [process.communicate()[0] for process in running]
    assert [process.returncode for process in running] == [0, 0]
    assert printed[0] == printed[1]
    assert len(printed[0]) == 65


def test_a_wide_sweep_of_many_operations_stays_below_three_megabytes() -> None:
    html = render_report(build_document(samples.large(treatments=64, operations=12)))
    assert len(html.encode()) < 3_000_000
    table = read_page(html).by_id("measurement-table")
    assert len(table.all("tbody")[0].all("tr")) == 64 * 13


@pytest.fixture(scope="module")
def hostile() -> Element:
    html = render_report(build_document(hostile_material()))
    html.encode()
    return read_page(html)


def test_hostile_text_is_shown_as_text(hostile: Element) -> None:
    """Markup, quotes, template syntax and turned letters of foreign text stay letters, wherever they come from."""
    assert len(hostile.all("script")) == 1
    assert not [name for element in hostile.all() for name in element.attributes if name.startswith("on")]
    for section in ("recommendations", "doubts", "measurements", "plans", "environment", "files"):
        text = hostile.by_id(section).text()
        assert "<script>alert('1')</script>" in text, section
        assert "⟨U+202E⟩gnp.exe⟨U+202C⟩" in text, section
        assert "{{ 7 * 7 }}" in text, section


def test_long_names_are_whole_in_the_text_and_cut_in_headings(hostile: Element) -> None:
    assert "W" * 10_000 in hostile.by_id("environment").text()
    for level in ("title", "h1", "h2"):
        assert all(len(heading.text()) < 200 for heading in hostile.all(level))


def test_a_file_s_name_never_becomes_another_address(hostile: Element) -> None:
    links = [link.attributes["href"] for link in hostile.by_id("files").all("a")]
    assert links[0].startswith("./javascript%3A")
    assert links[1:] == ["./example.org/x", "../../a%20b%3F.json"]


@pytest.mark.parametrize(
    "material",
    [
        Material(run=recorded.RUN),
        Material(
            run=msgspec.structs.replace(recorded.RUN, status="failed", finished_utc=None, command=(), versions={})
        ),
        samples.reported(),
    ],
    ids=["nothing", "failed", "reported"],
)
def test_what_is_missing_is_said_instead_of_drawn(material: Material) -> None:
    page = read_page(render_report(build_document(material)))
    assert not page.all("figure")
    for section in ("sweep", "distribution", "split", "timeline"):
        (said,) = (p for p in page.by_id(section).all("p") if p.attributes.get("class") == "absent")
        assert said.text()


def test_the_page_without_scripts_holds_every_row(page: Element, document: Document) -> None:
    rows = page.by_id("measurement-table").all("tbody")[0].all("tr")
    assert len(rows) == len(document.measurements.table.rows)
    assert not [element for element in page.all() if "hidden" in element.attributes]


def test_a_remark_is_set_as_a_sentence_and_a_name_keeps_its_small_letter() -> None:
    assert capital("one trial only: wide") == "One trial only: wide"
    for name in ("rating_lookup is slow", "p95 was missed", "`shared_buffers` is small", "work_mem"):
        assert capital(name) == name


def test_long_names_break_behind_their_underscores() -> None:
    assert "rate_<wbr>tables" in render_report(build_document(Material(run=recorded.RUN)))
