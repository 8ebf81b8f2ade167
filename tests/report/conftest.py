from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import sync_playwright

from bench.report.document import build_document
from bench.report.html import render_report
from tests.report import samples
from tests.report.page import read_page

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

    from bench.report.document import Document
    from bench.report.material import Material
    from tests.report.page import Element


@pytest.fixture(scope="session")
def sweep() -> Material:
    """Six pool sizes under three loads, one treatment spoiled."""
    return samples.material(samples.SCENARIO.replace("replicates = 5", "replicates = 3"))


@pytest.fixture(scope="session")
def document(sweep: Material) -> Document:
    return build_document(sweep)


@pytest.fixture(scope="session")
def html(document: Document) -> str:
    return render_report(document)


@pytest.fixture(scope="session")
def page(html: str) -> Element:
    return read_page(html)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start Chromium for one module: while it is open, an event loop counts as running in this thread."""
    binary = shutil.which("chromium")
    assert binary, "Chromium is missing: `make test` installs it, or run `apt-get install chromium`"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=binary, args=["--no-sandbox"])
        yield browser
        browser.close()
