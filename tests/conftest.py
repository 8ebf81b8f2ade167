"""Real servers for the tests: started once a session, gone with it."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from bench.environment.binaries import embedded_bindir
from bench.environment.embedded import Where, session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.embedded import Environment

CHECKOUT = Path(__file__).resolve().parents[1]

# An example may take long on a machine that does other work: how long it takes is no property of the code.
settings.register_profile("poolbench", deadline=None, derandomize=True, database=None)
settings.load_profile("poolbench")


def system_bindir() -> Path:
    """Return the distribution's own PostgreSQL, the second version that everything is tried on."""
    if shutil.which("pg_config"):
        folder = Path(
            subprocess.run(["pg_config", "--bindir"], capture_output=True, text=True, check=True).stdout.strip()
        )
        if (folder / "initdb").is_file():
            return folder
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        pytest.fail("the distribution's PostgreSQL server is not installed: run `make test`, which installs it")
    return found[-1].parent


LONGEST = (
    "experiment/test_tune.py",
    "experiment/test_capacity.py",
    "gate/test_against.py",
    "environment/audit/test_mutations.py",
    "plugin/test_pytest_plugin.py",
    "experiment/test_resume.py",
    "experiment/test_swarm.py",
    "environment/audit/test_shipped.py",
    "environment/test_seeding.py",
    "environment/test_recovery.py",
    "experiment/test_workloads.py",
    "cli/test_schema.py",
    "load/swarm/test_swarm.py",
    "load/test_workers_end.py",
    "experiment/test_adaptive.py",
    "experiment/test_swarm_hosts.py",
    "test_wheel.py",
)
"""The files that take longest. They come first, so that no worker is left with one while the others are done."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files; with xdist this needs `--no-loadscope-reorder`, which keeps the order."""
    rank = {CHECKOUT / "tests" / name: place for place, name in enumerate(LONGEST)}
    gone = [str(path) for path in rank if not path.is_file()]
    if gone:
        raise pytest.UsageError(f"tests/conftest.py begins with files that are no longer there: {', '.join(gone)}")
    items.sort(key=lambda item: rank.get(item.path, len(rank)))


BINDIRS = {"embedded": embedded_bindir, "system": system_bindir}


@pytest.fixture(scope="session", params=list(BINDIRS))
def bindir(request: pytest.FixtureRequest) -> Path:
    """Each PostgreSQL that the tests run on."""
    return BINDIRS[request.param]()


@pytest.fixture(scope="session")
def pgbouncer() -> Path | None:
    """The pgBouncer that `make setup` built, None where the system's own is good enough."""
    built = CHECKOUT / ".bench" / "pgbouncer" / "bin" / "pgbouncer"
    return built if built.is_file() else None


def make_open_folder() -> Path:
    """Return a new folder that another account may pass through, as a checkout is; pytest's own are closed."""
    folder = Path(tempfile.mkdtemp(prefix="poolbench-test-"))
    folder.chmod(0o711)
    return folder


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder for one test that the servers' account can enter."""
    folder = make_open_folder()
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def where(pgbouncer: Path | None) -> Iterator[Where]:
    """A state folder of the test session's own."""
    folder = make_open_folder()
    yield Where(folder / ".bench", embedded_bindir(), pgbouncer)
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def environment(where: Where) -> Iterator[Environment]:
    """The embedded environment, empty, shared by the session."""
    with session(where) as running:
        yield running
