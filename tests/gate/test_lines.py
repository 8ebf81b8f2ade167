"""What is worse fails its own line and no other."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.gate.stored import INDEX, store_run, times

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.gate.conftest import Done

    Bench = Callable[..., Done]


def failing(done: Done) -> list[tuple[str, str]]:
    """Return kind and name of the failed lines."""
    return [(line["kind"], line["name"]) for line in _lines(done) if line["verdict"] == "fail"]


def _lines(done: Done) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = json.loads(done.out)["lines"]
    return lines


def test_a_dropped_index_fails_the_budget_on_the_plan(bench: Bench, results: Path) -> None:
    store_run(results, "dropped", times(10, seed=5), index=None)
    budget = f"plan(lookup) uses {INDEX}"
    assert bench("gate", "after", "--budget", budget).code == 0
    done = bench("gate", "dropped", "--budget", budget, "--json")
    assert done.code == 1
    assert failing(done) == [("budget", budget)]
    (line,) = (line for line in _lines(done) if line["verdict"] == "fail")
    assert "Seq Scan on rate_tables" in line["reason"]


def test_a_changed_plan_with_unchanged_latency_fails_the_plan_line(bench: Bench, results: Path) -> None:
    store_run(results, "changed", times(10, seed=5), index="ix_other")
    done = bench("compare", "before", "changed", "--relative", "20%", "--json")
    assert done.code == 1
    assert failing(done) == [("plan", "plan unchanged")]
    assert "ix_other" in done.out
    allowed = bench("compare", "before", "changed", "--relative", "20%", "--allow-difference", "plan")
    assert allowed.code == 0


def test_doubled_buffers_fail_the_budget_and_the_comparison_on_buffers(bench: Bench, results: Path) -> None:
    store_run(results, "doubled", times(10, seed=5), blocks=6)
    done = bench("gate", "doubled", "--budget", "buffers(lookup) <= 4", "--json")
    assert failing(done) == [("budget", "buffers(lookup) <= 4")]
    assert done.code == 1
    compared = bench("compare", "before", "doubled", "--relative", "20%", "--json")
    assert failing(compared) == [("comparison", "buffers")]


def test_slower_answers_fail_latency_and_throughput(bench: Bench, results: Path) -> None:
    store_run(results, "slower", times(13, seed=5))
    done = bench("compare", "before", "slower", "--json")
    assert done.code == 1
    assert failing(done) == [("comparison", "throughput"), ("comparison", "response_time.p95")]


def test_faster_answers_pass_as_an_improvement(bench: Bench, results: Path) -> None:
    store_run(results, "faster", times(7, seed=5))
    done = bench("compare", "before", "faster", "--json")
    assert done.code == 0
    assert {line["change"] for line in _lines(done) if line["name"] == "response_time.p95"} == {"improvement"}


def test_noise_that_hides_the_answer_is_inconclusive(bench: Bench, results: Path) -> None:
    store_run(results, "noisy", times(11, seed=5, spread=0.3))
    done = bench("compare", "before", "noisy", "--json")
    assert done.code == 4
    doubtful = [line for line in _lines(done) if line["verdict"] == "inconclusive"]
    assert any("only changes above" in line["reason"] for line in doubtful)
    assert bench("compare", "before", "noisy", "--warn-only").code == 0


def test_earlier_runs_tell_the_noise_between_runs(bench: Bench, results: Path) -> None:
    """Runs of the same thing that differ by half show that a run slower by a third may be chance."""
    for number, mean in enumerate((8, 10, 12, 15)):
        store_run(results, f"earlier{number}", times(mean, seed=number))
        bench("analyse", f"earlier{number}", "--warn-only")
    store_run(results, "slower", times(13, seed=5))
    done = bench("compare", "before", "slower", "--json")
    assert done.code == 4
    assert "within the noise floor" in done.out
    assert "noise between runs is not known" not in done.out


def test_the_judgement_is_kept_beside_the_run(bench: Bench, results: Path) -> None:
    bench("gate", "after", "--results", str(results))
    kept = json.loads((results / "after" / "gate.json").read_text())
    assert (kept["kind"], kept["verdict"], kept["run_id"]) == ("gate", "pass", "after")


def test_figures_that_somebody_reported_can_fail_but_are_not_compared(bench: Bench, results: Path) -> None:
    shutil.copytree(Path(__file__).parents[2] / "results" / "audit-headline", results / "reported")
    assert bench("gate", "reported").code == 1
    refused = bench("compare", "before", "reported")
    assert refused.code == 2
    assert "these runs cannot be compared" in refused.err


def test_a_comparison_is_a_page_too_and_the_index_lists_it(
    bench: Callable[..., Done], results: Path, tmp_path: Path
) -> None:
    """It links to the reports that are there, and a second comparison replaces the first."""
    assert results.is_dir()
    assert bench("report", "before").code == 0
    for _ in range(2):
        done = bench("compare", "before", "after", "--json")
    assert json.loads(done.out)["report"] == "reports/compare/before/after/index.html"
    page = (tmp_path / "reports/compare/before/after/index.html").read_text()
    assert 'href="../../../before/index.html"' in page
    assert 'href="../../../after/index.html"' not in page
    assert (tmp_path / "reports/index.html").read_text().count("./compare/before/after/index.html") == 1
