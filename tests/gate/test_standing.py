"""A run's report begins with what changed against the baseline of its scenario."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import msgspec
import pytest

from tests.gate.stored import HOST, TEXT, store_run, times
from tests.report.page import read_page

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.gate.conftest import Done

    Bench = Callable[..., Done]

SHORT = TEXT.replace("replicates = 5", "replicates = 3")


@pytest.fixture
def root(tmp_path: Path, bench: Bench) -> Path:
    """A results folder with the run `before`, which is the baseline `main`."""
    results = tmp_path / "results"
    store_run(results, "before", times(10, seed=1), text=SHORT)
    assert bench("baseline", "set", "main", "before", "--results", str(results)).code == 0
    return results


def _changes(bench: Bench, root: Path, run: str, *options: str) -> str:
    """Render a report and return what stands between the verdict and the budgets."""
    done = bench("report", run, "--results", str(root), *options)
    assert done.code == 0, done.err
    page = (root.parent / "reports" / run / "index.html").read_text()
    read_page(page)
    return re.sub(
        r"<[^>]*>", " ", page[page.index("</section>", page.index('id="verdict"')) : page.index('id="budgets"')]
    )


def test_what_is_slower_than_the_baseline_is_said_with_size_and_verdict(bench: Bench, root: Path) -> None:
    store_run(root, "after", times(20, seed=2), text=SHORT)
    said = _changes(bench, root, "after")
    assert "Changed against baseline main (before)" in said
    assert "Regression" in said
    assert "response time p95" in said
    assert "The noise between runs is not known" in said
    bench("compare", "main", "after")
    compared = (root.parent / "reports" / "compare" / "before" / "after" / "index.html").read_text()
    sizes = re.findall(r"[+-][\d.]+ % \[[^\]]*\]", said)
    assert sizes
    assert all(size in compared for size in sizes)
    first = (root.parent / "reports" / "after" / "index.html").read_bytes()
    bench("report", "after")
    assert (root.parent / "reports" / "after" / "index.html").read_bytes() == first


def test_the_last_screen_tells_it_in_a_line(bench: Bench, root: Path) -> None:
    store_run(root, "changed", times(10, seed=2), text=SHORT, index="ix_other")
    shown = bench("analyse", "changed", "--results", str(root)).out
    assert "Changed against baseline main (before): " in shown
    assert "  Changed: query plan of lookup: the plan changed: " in shown


def test_a_run_of_another_machine_is_not_compared_and_says_how_to(bench: Bench, root: Path) -> None:
    store_run(root, "after", text=SHORT, host=msgspec.structs.replace(HOST, machine="b2"))
    said = _changes(bench, root, "after")
    assert "Not compared with baseline main (before)" in said
    assert "machine: a1" in said
    assert "--allow-difference machine" in said


def test_a_baseline_that_is_gone_does_not_take_the_report_with_it(bench: Bench, root: Path) -> None:
    store_run(root, "after", text=SHORT)
    (root / "before").rename(root.parent / "elsewhere")
    assert "Not compared with baseline main (before)" in _changes(bench, root, "after")
    (root / "baselines.toml").write_text("nonsense = [")
    assert "Not compared with a baseline" in _changes(bench, root, "after")


def test_the_baseline_set_last_counts_unless_another_is_named(bench: Bench, root: Path) -> None:
    assert "This run is the baseline  main" in _changes(bench, root, "before")
    store_run(root, "other", times(10, seed=3), text=SHORT.replace('"lookups"', '"others"'))
    assert "bench baseline set main-2 other" in _changes(bench, root, "other")
    for run in ("middle", "after"):
        store_run(root, run, times(10, seed=4), text=SHORT)
    assert bench("baseline", "set", "release/1", "middle").code == 0
    said = _changes(bench, root, "after")
    assert "Changed against baseline release/1 (middle)" in said
    assert "Other baselines of this scenario: main" in said
    assert "Changed against baseline main (before)" in _changes(bench, root, "after", "--baseline", "main")
    refused = bench("report", "after", "--baseline", "mian")
    assert refused.code == 2
    assert "Did you mean `main`?" in refused.err


def test_an_operation_that_one_side_lacks_is_named(bench: Bench, root: Path) -> None:
    more = SHORT + '[[operation]]\nname = "second"\nsql = "SELECT 1"\n'
    store_run(root, "after", text=more)
    assert "Only after has second: not compared" in _changes(bench, root, "after")
