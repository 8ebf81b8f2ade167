"""The page of the trends: what is drawn, and what is only told."""

from __future__ import annotations

import msgspec

from bench.report.history_page import render_history
from tests.report.page import read_page
from tests.report.test_browser import SERIES


def test_a_series_of_one_run_is_told_and_not_drawn() -> None:
    """One point is no trend: a page of them looks like a page of empty charts."""
    (series,) = SERIES
    single = msgspec.structs.replace(series, moments=series.moments[:1], turns=())
    page = read_page(render_history([series, single, single], 8, []))
    assert len(page.all("figure")) == 1
    assert "2 series of one run are not drawn" in page.all("header")[0].text()


def test_where_nothing_ran_twice_the_page_says_what_a_trend_needs() -> None:
    (series,) = SERIES
    single = msgspec.structs.replace(series, moments=series.moments[:1], turns=())
    page = read_page(render_history([single], 1, []))
    assert not page.all("figure")
    assert "a trend needs two runs" in page.by_id("trends").text()
