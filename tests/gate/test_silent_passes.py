"""A gate that had nothing to judge must not pass: each attempt ends with 2 or 3 and one sentence that says why."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import msgspec
import pytest

from bench.model.sample import Outcome, Samples
from tests.analysis.synthetic import closed_loop, with_outcomes
from tests.gate.stored import HOST, TEXT, store_run, times

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.gate.conftest import Done

    Bench = Callable[..., Done]


def _refused(done: Done, code: int, *words: str) -> None:
    assert done.code == code, done.out + done.err
    assert done.err.count("error:") == 1
    assert "remedy:" in done.err
    for word in words:
        assert word in done.err


def test_two_runs_alike_pass(bench: Bench, results: Path) -> None:
    """What every attempt below is a damaged copy of."""
    assert bench("baseline", "set", "main", "before", "--results", str(results)).code == 0
    done = bench("gate", "after", "--baseline", "main", "--relative", "20%")
    assert done.code == 0, done.out + done.err


def test_an_empty_run_is_refused(bench: Bench, results: Path) -> None:
    shutil.rmtree(results / "after" / "trials")
    (results / "after" / "trials").mkdir()
    _refused(bench("gate", "after"), 3, "no trial")


def test_a_missing_baseline_is_refused_with_the_nearest_name(bench: Bench, results: Path) -> None:
    bench("baseline", "set", "main", "before", "--results", str(results))
    _refused(bench("gate", "after", "--baseline", "mian"), 2, "'mian'", "Did you mean `main`")


def test_a_misspelt_baseline_is_refused_with_the_nearest_name_where_runs_are_compared(
    bench: Bench, results: Path
) -> None:
    bench("baseline", "set", "main", "before", "--results", str(results))
    _refused(bench("compare", "mian", "after"), 2, "'mian' is neither a baseline nor a run", "the baseline `main`")
    _refused(bench("compare", "nobody", "after"), 3, "no run 'nobody'")


def test_a_baseline_whose_run_is_gone_is_refused(bench: Bench, results: Path) -> None:
    bench("baseline", "set", "main", "before", "--results", str(results))
    shutil.rmtree(results / "before")
    _refused(bench("gate", "after", "--baseline", "main"), 3, "no run 'before'")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--budget", "p95(respons_time) < 1s"), ("respons_time", "did you mean 'response_time'")),
        (("--budget", "p59 < 1s"), ("p59", "did you mean 'p99'")),
        (("--budget", "p95 < 100"), ("no unit",)),
        (("--budget", "buffers(lokup) <= 8"), ("lokup", "did you mean 'lookup'")),
        (("--budget", "lokup: p95 < 1s"), ("lokup", "did you mean 'lookup'")),
        (("--metric", "response_time.p955"), ("response_time.p955", "Did you mean `response_time.p95`")),
        (("--allow-difference", "machin"), ("machin", "Did you mean `machine`")),
    ],
)
def test_misspelt_names_are_refused_with_the_nearest(
    bench: Bench, results: Path, arguments: tuple[str, ...], words: tuple[str, ...]
) -> None:
    _refused(bench("gate", "after", "--results", str(results), *arguments), 2, *words)


def test_a_run_of_another_machine_is_refused_unless_allowed(bench: Bench, results: Path, tmp_path: Path) -> None:
    store_run(tmp_path / "results", "elsewhere", times(10, seed=3), host=msgspec.structs.replace(HOST, machine="b2"))
    bench("baseline", "set", "main", "elsewhere", "--results", str(results))
    _refused(bench("gate", "after", "--baseline", "main"), 2, "machine: b2", "--allow-difference machine")
    allowed = bench("gate", "after", "--baseline", "main", "--allow-difference", "machine", "--relative", "20%")
    assert allowed.code == 0
    assert "allowed difference: machine: b2" in allowed.out


@pytest.mark.parametrize(
    ("facts", "text", "name"),
    [
        ({"versions": {"postgresql": "17.2"}}, TEXT, "postgresql"),
        ({"alembic_head": "006"}, TEXT, "schema"),
        ({"dataset": {"scale": 1.0}}, TEXT, "scale"),
        ({}, TEXT.replace("pool = { size = 4 }", 'pool = { size = 4, driver = "psycopg" }'), "driver"),
        ({}, TEXT.replace('kind = "none"', 'kind = "pgbouncer"'), "pool-mode"),
        ({}, TEXT.replace('"1s"', '"2s"'), "window"),
    ],
)
def test_runs_made_with_something_else_are_refused_by_its_name(
    bench: Bench, results: Path, facts: dict[str, object], text: str, name: str
) -> None:
    store_run(results, "other", times(10, seed=3), facts=facts, text=text)
    _refused(bench("compare", "before", "other"), 2, f"{name}: ", f"--allow-difference {name}")


def test_a_truncated_sample_file_is_refused(bench: Bench, results: Path) -> None:
    victim = next((results / "after" / "trials").glob("*/samples.parquet"))
    victim.write_bytes(victim.read_bytes()[:-100])
    _refused(bench("gate", "after"), 3, "samples.parquet is damaged")


def test_a_run_whose_trials_are_all_invalid_is_refused(bench: Bench, results: Path) -> None:
    """Half of the operations ended with an error of SQL: they did something else than they are named for."""
    store_run(results, "invalid", lambda scenario: with_outcomes(closed_loop(scenario), 2, Outcome.SQL_ERROR))
    _refused(bench("gate", "invalid"), 3, "no valid trial", "errors")


def test_a_run_without_an_operation_in_any_window_is_refused(bench: Bench, results: Path) -> None:
    store_run(results, "silent", lambda _: Samples.concatenate([]))
    _refused(bench("gate", "silent"), 3, "no operation inside any window")


@pytest.mark.parametrize("name", ["run.json", "plan.json"])
def test_a_newer_format_is_refused(bench: Bench, results: Path, name: str) -> None:
    path = results / "after" / name
    path.write_text(json.dumps({**json.loads(path.read_text()), "format": 99}))
    _refused(bench("gate", "after"), 3, "newer poolbench")


def test_newer_baselines_are_refused(bench: Bench, results: Path) -> None:
    (results / "baselines.toml").write_text('format = 99\nkind = "baselines"\n')
    _refused(bench("gate", "after", "--baseline", "main"), 3, "newer poolbench")


def test_an_unfinished_run_is_refused(bench: Bench, results: Path) -> None:
    (results / "after").rename(results / "after.partial")
    _refused(bench("gate", "after"), 3, "did not finish")


def test_a_run_with_neither_budget_nor_baseline_is_refused(bench: Bench, results: Path) -> None:
    store_run(results, "free", text=TEXT.replace('budgets = ["p95(response_time) < 100ms"]\n', ""))
    _refused(bench("gate", "free"), 2, "nothing to be judged by")


def test_runs_without_a_common_treatment_are_refused(bench: Bench, results: Path) -> None:
    store_run(results, "smaller", text=TEXT.replace("size = 4", "size = 2"))
    _refused(bench("compare", "before", "smaller"), 2, "no treatment in common")


def test_a_run_is_not_compared_with_itself(bench: Bench, results: Path) -> None:
    _refused(bench("compare", "before", "before", "--results", str(results)), 2, "both sides are the run")
