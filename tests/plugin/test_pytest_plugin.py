"""The plugin inside test suites of its own, as its users have them: only what they name is loaded."""

from __future__ import annotations

import importlib
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = "pytester"

CHECKOUT = Path(__file__).parents[2]
PLUGINS = ("bench.pytest_plugin", "pytest_benchmark.plugin", "xdist.plugin")
ONLY_LOOPBACK = """
import sys

def watch(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in ("127.0.0.1", "::1"):
        raise AssertionError(f"a connection to {arguments[1]}")
    if event == "socket.getaddrinfo" and arguments[0] not in (None, "127.0.0.1", "localhost"):
        raise AssertionError(f"a look-up of {arguments[0]}")

sys.addaudithook(watch)
"""


@pytest.fixture
def run(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Callable[..., pytest.RunResult]:
    """Run a test file in a process of its own, with the plugins named by hand and no others."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTHONPATH", str(CHECKOUT))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)

    def start(text: str, *arguments: str) -> pytest.RunResult:
        pytester.makepyfile(test_it=text)
        named = [argument for plugin in PLUGINS for argument in ("-p", plugin)]
        return pytester.runpytest_subprocess(*named, *arguments)

    return start


def test_the_entry_point_names_the_plugin() -> None:
    declared = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert hasattr(importlib.import_module(declared["poolbench"]), "pytest_addoption")


def test_loading_the_plugin_imports_nothing_of_the_program() -> None:
    text = (
        "import sys, bench.pytest_plugin; "
        "heavy = {'numpy', 'scipy', 'asyncpg', 'psycopg', 'msgspec', 'bench.experiment', 'bench.model'}; "
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", text], cwd=CHECKOUT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.pg
@pytest.mark.slow
def test_fixtures_and_budgets_work_on_two_workers_without_a_network(
    run: Callable[..., pytest.RunResult], pytester: pytest.Pytester, pgbouncer: Path | None
) -> None:
    """Each worker has servers of its own; a budget that is kept passes, one that is missed fails with its figures."""
    pytester.makeconftest(ONLY_LOOPBACK)
    extra = ["--poolbench-pgbouncer", str(pgbouncer)] if pgbouncer else []
    result = run(
        """
        import psycopg
        import pytest

        SMALL = {
            "run.window": "300ms", "run.warmup": "100ms", "run.replicates": 2, "pooler.kind": "none",
            "pool.size": 2, "load.clients": 2, "run.expect": "transient",
        }

        def count(connection):
            return connection.execute("SELECT count(*) FROM rate_tables").fetchone()[0]

        def test_the_pool_reaches_seeded_data(poolbench_pool):
            with poolbench_pool.connection() as connection:
                assert count(connection) > 100

        def test_the_pooler_reaches_them_too(poolbench_database):
            with psycopg.connect(poolbench_database.pooler_dsn) as connection:
                assert count(connection) > 100
            assert "postgresql://" not in repr(poolbench_database)

        KEPT = ("p95 < 30s", "plan(base_rate) uses ix_rate*")

        @pytest.mark.latency_budget(*KEPT, scenario="rating_lookup", settings=SMALL)
        def test_a_budget_that_is_kept():
            pass

        @pytest.mark.latency_budget("p95 < 1ns", scenario="rating_lookup", settings=SMALL)
        def test_a_budget_that_is_missed():
            pass
        """,
        "-n2",
        *extra,
    )
    result.assert_outcomes(passed=3, failed=1)
    result.stdout.fnmatch_lines(["*latency budget missed: p95 < 1ns: * limit 1 ns*", "report: *index.html"])


def test_timings_of_a_benchmark_are_judged_with_their_interval(run: Callable[..., pytest.RunResult]) -> None:
    text = """
        import pytest

        def work(benchmark, rounds):
            benchmark.pedantic(sum, args=([1, 2, 3],), rounds=rounds, iterations=1)

        @pytest.mark.latency_budget("p95 < 30s", "mean < 30s")
        def test_kept(benchmark):
            work(benchmark, 100)

        @pytest.mark.latency_budget("p50 < 1ns")
        def test_missed(benchmark):
            work(benchmark, 100)

        @pytest.mark.latency_budget("p99 < 30s")
        def test_too_few(benchmark):
            work(benchmark, 100)

        @pytest.mark.latency_budget("p95 < 30s")
        def test_failing_anyway(benchmark):
            assert False
    """
    result = run(text)
    result.assert_outcomes(passed=1, failed=3)
    result.stdout.fnmatch_lines(
        ["*latency budget missed: p50 < 1ns: *", "*latency budget inconclusive, which is no pass: p99 < 30s: p99*299*"]
    )
    disabled = run(text, "--benchmark-disable")
    disabled.assert_outcomes(skipped=3, failed=1)


def test_a_slower_benchmark_fails_the_comparison_of_pytest_benchmark(run: Callable[..., pytest.RunResult]) -> None:
    """Budgets and `--benchmark-compare-fail` live side by side: the budget is kept, the comparison fails."""
    text = """
        import time
        import pytest

        @pytest.mark.latency_budget("p50 < 30s")
        def test_it(benchmark):
            benchmark.pedantic(time.sleep, args=(%s,), rounds=10, iterations=1)
    """
    run(text % "0.0001", "--benchmark-save=before").assert_outcomes(passed=1)
    slower = run(text % "0.01", "--benchmark-compare", "--benchmark-compare-fail=median:100%")
    assert slower.ret != 0
    assert "Performance has regressed" in slower.stdout.str() + slower.stderr.str()


def test_budgets_that_could_never_be_judged_stop_the_session(run: Callable[..., pytest.RunResult]) -> None:
    marks = {
        '"p95(respons_time) < 1s", scenario="rating_lookup"': "did you mean 'response_time'",
        '"p95 < 1s", scenario="rating_lokup"': "Did you mean `rating_lookup`",
        '"p95 < 1s", scenario="rating_lookup", settings={"pool.sise": 3}': "pool.sise",
        '"buffers(base_rat) <= 8", scenario="rating_lookup"': "did you mean 'base_rate'",
        '"p95 < 1s", scenarios="rating_lookup"': "does not know scenarios",
        "": "states no budget",
        '"p95 < 1s"': "needs a `scenario`",
        '"throughput > 5/s"': "cannot be judged by the timings of a test",
    }
    marked = "\n".join(
        f"@pytest.mark.latency_budget({mark})\ndef test_{number}():\n    pass\n" for number, mark in enumerate(marks)
    )
    result = run(f"import pytest\n\ndef test_first():\n    pass\n\n{marked}")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    for number, words in enumerate(marks.values()):
        assert words in result.stderr.str()
        assert f"::test_{number}:" in result.stderr.str()
    assert "passed" not in result.stdout.str()
