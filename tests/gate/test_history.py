from __future__ import annotations

import json
from typing import TYPE_CHECKING

import msgspec

from tests.gate.stored import HOST, store_run, times

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.gate.conftest import Done

    Bench = Callable[..., Done]


def _store(bench: Bench, root: Path, day: int, mean_ms: float, **changes: object) -> str:
    run_id = f"day{day:02d}"
    facts = {"started_utc": f"2025-01-{day:02d}T00:00:00+00:00", "commit": f"c{day:02d}", **changes}
    host = facts.pop("host", HOST)
    assert isinstance(host, msgspec.Struct)
    store_run(root, run_id, times(mean_ms, seed=day, spread=0.01), facts=facts, host=host)  # type: ignore[arg-type]
    bench("analyse", run_id, "--warn-only", "--results", str(root))
    return run_id


def test_the_run_in_which_a_level_changed_is_named_with_what_else_changed(bench: Bench, tmp_path: Path) -> None:
    root = tmp_path / "results"
    for day in range(1, 5):
        _store(bench, root, day, 10, versions={"postgresql": "18.1"})
    for day in range(5, 8):
        _store(bench, root, day, 14, versions={"postgresql": "18.2"}, alembic_head="008")
    _store(bench, root, 8, 10, host=msgspec.structs.replace(HOST, machine="another"))
    done = bench("history", "lookups", "--metric", "response_time.p95", "--metric", "throughput", "--json")
    assert done.code == 0
    series = json.loads(done.out)["series"]
    changed = {one["metric"]: one["turns"] for one in series if one["turns"]}
    assert changed.keys() == {"response_time.p95", "throughput"}
    (turn,) = changed["response_time.p95"]
    assert (turn["run_id"], turn["before_run_id"], turn["direction"]) == ("day05", "day04", "worse")
    assert any("postgresql: 18.1, now 18.2" in text for text in turn["also"])
    assert any("revision 007, now revision 008" in text for text in turn["also"])
    assert sorted(len(one["moments"]) for one in series) == [1, 1, 7, 7]
    page = (tmp_path / "reports" / "history" / "lookups" / "index.html").read_text()
    assert page.count("<figure") == 2
    assert "2 series of one run are not drawn" in page
    assert "day05" in page


def test_a_damaged_run_is_named_and_left_out(bench: Bench, results: Path) -> None:
    bench("analyse", "before", "--warn-only", "--results", str(results))
    (results / "after" / "run.json").write_text("{")
    done = bench("history")
    assert done.code == 0
    assert "after cannot be read" in done.err
    assert "1 run; trends in" in done.out


def test_the_trends_of_a_scenario_take_nothing_from_those_of_all_runs(
    bench: Bench, results: Path, tmp_path: Path
) -> None:
    for run in ("before", "after"):
        bench("analyse", run, "--warn-only", "--results", str(results))
    assert bench("history").code == 0
    reports = tmp_path / "reports"
    whole = (reports / "history" / "index.html").read_bytes()
    assert bench("history", "lookups").code == 0
    assert (reports / "history" / "index.html").read_bytes() == whole
    assert (reports / "history" / "lookups" / "index.html").is_file()
    index = (reports / "index.html").read_text()
    assert "./history/index.html" in index
    assert "./history/lookups/index.html" in index


def test_nothing_to_show_is_refused_with_the_nearest_name(bench: Bench, results: Path) -> None:
    done = bench("history", "lookup", "--results", str(results))
    assert done.code == 2
    assert "Did you mean `lookups`" in done.err
