"""No page runs, loads or becomes what foreign text says, in a real browser, whatever the width."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.report.hostile import hostile_pages
from tests.report.page import read_page

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Dialog

OURS = {
    "svg", "g", "path", "defs", "clippath", "use", "rect", "text", "pattern", "circle",
    "html", "head", "meta", "title", "link", "style", "body", "a", "header", "footer", "nav", "main", "section",
    "article", "figure", "figcaption", "h1", "h2", "h3", "h4", "p", "ul", "li", "span", "strong", "small", "code",
    "pre", "div", "table", "caption", "thead", "tbody", "tr", "th", "td", "details", "summary", "dl", "dt", "dd",
    "script", "button", "label", "input", "wbr",
}  # fmt: skip
"""Every element a page of ours is made of."""


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("hostile")
    found = {}
    for name, text in hostile_pages().items():
        found[name] = root / f"{name}.html"
        found[name].write_text(text)
    return found


@pytest.mark.parametrize("name", ["report", "index", "comparison", "audit", "history"])
def test_hostile_text_stays_text_in_the_browser_and_the_layout_holds(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    page = browser.new_context().new_page()
    wrong: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        wrong.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", dismiss)
    page.on("console", lambda message: wrong.append(message.text))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on(
        "request",
        lambda request: wrong.append(request.url) if not request.url.startswith(("file:", "data:,")) else None,
    )
    page.goto(pages[name].as_uri())
    for control in page.locator("th button, .choice").all()[:12]:
        control.dispatch_event("click")
    for summary in page.locator("summary").all():
        summary.dispatch_event("click")
    assert wrong == []
    elements = page.evaluate("[...document.querySelectorAll('*')].map((one) => one.localName.toLowerCase())")
    assert set(elements) <= OURS
    assert elements.count("script") == 1
    attributes = page.evaluate(
        "[...new Set([...document.querySelectorAll('*')].flatMap((one) => one.getAttributeNames()))]"
    )
    assert not [attribute for attribute in attributes if attribute.startswith("on") or attribute in ("src", "style")]
    assert "<script>alert('1')</script>" in page.inner_text("main")
    for width in (1400, 800, 400):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.context.close()


def test_no_page_hides_a_character_that_turns_or_moves_text(pages: dict[str, Path]) -> None:
    for path in pages.values():
        text = path.read_text()
        assert not [c for c in text if (ord(c) < 32 and c not in "\n\t") or c in "\u202a\u202b\u202c\u202d\u202e\x7f"]
        assert "⟨U+202E⟩gnp.exe⟨U+202C⟩" in read_page(text).all("main")[0].text()


@pytest.mark.parametrize("name", ["report", "index", "comparison", "audit", "history"])
def test_endless_names_do_not_push_everything_else_out_of_sight(
    browser: Browser, pages: dict[str, Path], name: str
) -> None:
    page = browser.new_context(viewport={"width": 800, "height": 900}).new_page()
    page.goto(pages[name].as_uri())
    heights = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, p, tr, li, dl > div')]"
        ".map((one) => [one.getBoundingClientRect().height, one.localName, one.textContent.slice(0, 60)])"
    )
    assert [one for one in heights if one[0] > 1200] == []
    page.context.close()
