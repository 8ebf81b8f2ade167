"""The pytest plugin: an embedded database for tests, and latency budgets that tests must keep.

    def test_a_rate_is_found(poolbench_pool): ...

    @pytest.mark.latency_budget("p95 < 50ms", scenario="rating_lookup", settings={"pool.size": 8, "load.clients": 8})
    def test_lookups_are_quick(): ...

    @pytest.mark.latency_budget("p95 < 5ms")
    def test_one_lookup_is_quick(benchmark, poolbench_pool): ...

The servers start when the first test asks for them, one pair for each pytest-xdist worker, and end with the session.
Nothing of the program is imported before: loading the plugin costs a test suite nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping

    from psycopg_pool import ConnectionPool

    from bench.environment.embedded import Environment
    from bench.experiment.budget_check import Checked

MARK = "latency_budget"
_ENVIRONMENT = "poolbench_environment"


@dataclass(frozen=True, slots=True)
class Database:
    """Connection strings of the embedded database. They hold passwords: give them to connect calls only."""

    dsn: str = field(repr=False)
    """The application's login, subject to row-level security."""
    pooler_dsn: str = field(repr=False)
    """The same through pgBouncer."""
    owner_dsn: str = field(repr=False)
    """Superuser, for what a test must prepare."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the embedded servers."""
    group = parser.getgroup("poolbench", "embedded database and latency budgets")
    group.addoption("--poolbench-scale", type=float, default=0.01, help="Scale of the data (1 is about 1 GB).")
    group.addoption("--poolbench-pg-bin", type=Path, help="Folder of another PostgreSQL's binaries (14 to 18).")
    group.addoption("--poolbench-pgbouncer", type=Path, help="Another pgBouncer binary.")


def pytest_configure(config: pytest.Config) -> None:
    """Describe the mark."""
    config.addinivalue_line(
        "markers",
        f"{MARK}(*budgets, scenario=None, settings=None, quick=True): fail unless the budgets are kept, by the "
        "scenario or by the test's own `benchmark`",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Refuse budgets that could never be judged, all of them at once and before any test runs."""
    problems = []
    for item in items:
        for mark in item.iter_markers(MARK):
            problem = _problem(item, mark)
            if problem:
                problems.append(f"{item.nodeid}: {problem}")
            names: list[str] = getattr(item, "fixturenames", [])
            if mark.kwargs.get("scenario") and _ENVIRONMENT not in names:
                names.append(_ENVIRONMENT)
    if problems:
        raise pytest.UsageError("\n".join(problems))


def _problem(item: pytest.Item, mark: pytest.Mark) -> str:
    from bench.experiment.budget_check import plan_check, require_response_times
    from bench.model.errors import BenchError

    if unknown := mark.kwargs.keys() - {"scenario", "settings", "quick"}:
        return f"`{MARK}` does not know {', '.join(sorted(unknown))}"
    if not mark.args:
        return f"`{MARK}` states no budget"
    try:
        if mark.kwargs.get("scenario"):
            plan_check(_scenario(item, mark), mark.args, _settings(item, mark), quick=mark.kwargs.get("quick", True))
            return ""
        require_response_times(mark.args)
    except BenchError as error:
        return str(error)
    if "benchmark" not in getattr(item, "fixturenames", ()):
        return f"`{MARK}` needs a `scenario`, or a test that times itself with the `benchmark` fixture"
    return ""


def _scenario(item: pytest.Item, mark: pytest.Mark) -> str:
    name = str(mark.kwargs["scenario"])
    beside = item.config.rootpath / name
    return str(beside) if beside.is_file() else name


def _settings(item: pytest.Item, mark: pytest.Mark) -> Mapping[str, Any]:
    return {"dataset.scale": item.config.getoption("--poolbench-scale"), **(mark.kwargs.get("settings") or {})}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Judge the budgets of a test once it has passed."""
    result = yield
    for mark in item.iter_markers(MARK):
        if mark.kwargs.get("scenario"):
            _judge_scenario(item, mark)
        else:
            _judge_benchmark(item, mark)
    return result


def _judge_scenario(item: pytest.Item, mark: pytest.Mark) -> None:
    from bench.experiment.budget_check import check_scenario, plan_check
    from bench.model.errors import BenchError

    planned = plan_check(_scenario(item, mark), mark.args, _settings(item, mark), quick=mark.kwargs.get("quick", True))
    environment: Environment = item.funcargs[_ENVIRONMENT]  # type: ignore[attr-defined] # test functions have them
    factory: pytest.TempPathFactory = item.session.config._tmp_path_factory  # type: ignore[attr-defined]  # noqa: SLF001 - a hook has no fixture
    folder = factory.mktemp("poolbench")
    try:
        with _alone(factory.getbasetemp().parent):
            checked, report = check_scenario(planned, environment, folder)
    except BenchError as error:
        pytest.fail(f"the scenario could not be measured: {error}", pytrace=False)
    item.user_properties.append(("poolbench_report", str(report)))
    _conclude(checked, f"report: {report}")


def _judge_benchmark(item: pytest.Item, mark: pytest.Mark) -> None:
    from bench.experiment.budget_check import check_timings

    benchmark = item.funcargs["benchmark"]  # type: ignore[attr-defined] # test functions have them
    if not getattr(benchmark, "enabled", True):
        pytest.skip("the latency budget was not judged: benchmarks are disabled")
    stats = getattr(benchmark, "stats", None)
    if stats is None:
        pytest.fail("the latency budget cannot be judged: the test never used its `benchmark`", pytrace=False)
    _conclude(check_timings(stats.stats.data, mark.args), "")


def _conclude(checked: list[Checked], more: str) -> None:
    doubtful = [one for one in checked if one.verdict != "pass"]
    if doubtful:
        words = {"fail": "missed", "inconclusive": "inconclusive, which is no pass"}
        lines = [f"latency budget {words[one.verdict]}: {one.text}" for one in doubtful]
        pytest.fail("\n".join([*lines, *([more] if more else [])]), pytrace=False)


@contextlib.contextmanager
def _alone(shared: Path) -> Iterator[None]:
    """Let one pytest-xdist worker measure at a time; what other workers' tests do beside cannot be helped."""
    with (shared / "poolbench.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture(scope="session", name=_ENVIRONMENT)
def poolbench_environment(pytestconfig: pytest.Config) -> Iterator[Environment]:
    """Start the embedded PostgreSQL and pgBouncer, migrated and seeded: one pair a worker, gone with the session."""
    from bench.environment import migrations
    from bench.environment.dataset import provide_dataset
    from bench.environment.embedded import Where, session
    from bench.model.errors import BenchError
    from bench.model.scenario import Dataset

    built = pytestconfig.rootpath / ".bench" / "pgbouncer" / "bin" / "pgbouncer"
    pgbouncer = pytestconfig.getoption("--poolbench-pgbouncer") or (built if built.is_file() else None)
    folder = Path(tempfile.mkdtemp(prefix="poolbench-pytest-"))
    folder.chmod(0o711)  # the servers' account passes through
    try:
        with session(Where(folder / ".bench", pytestconfig.getoption("--poolbench-pg-bin"), pgbouncer)) as environment:
            migrations.upgrade(environment.admin.dsn())
            dataset = Dataset(scale=pytestconfig.getoption("--poolbench-scale"))
            provide_dataset(environment.admin, dataset, lambda _: None)
            yield environment
    except BenchError as error:
        pytest.fail(f"the embedded database is not available: {error}", pytrace=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def poolbench_database(poolbench_environment: Environment) -> Database:
    """Return connection strings of the migrated, seeded database."""
    return Database(
        dsn=poolbench_environment.app.dsn(),
        pooler_dsn=poolbench_environment.pooled.dsn(),
        owner_dsn=poolbench_environment.admin.dsn(),
    )


@pytest.fixture
def poolbench_pool(poolbench_database: Database) -> Iterator[ConnectionPool]:
    """Open a psycopg pool on the database, as the application's login; closed after the test."""
    from psycopg_pool import ConnectionPool

    with ConnectionPool(poolbench_database.dsn, min_size=1, max_size=4, open=True) as pool:
        yield pool
