"""`bench tune` on real servers: planted faults found, fixed and proven without help; everything taken back."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from bench.environment import embedded, migrations
from bench.environment.binaries import embedded_bindir
from bench.environment.dataset import provide_dataset
from bench.environment.embedded import Where
from bench.environment.tuning.journal import FILE, Applied, Journal
from bench.environment.tuning.server_settings import ServerSettings
from bench.model.scenario import Dataset
from tests.conftest import make_open_folder
from tests.experiment.runs import read_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

INDEX = "ix_rate_tables_state_product_coverage_date"
SCENARIO = """
name = "lookup"
budgets = ["p95(response_time) < 10s"]
dataset = { scale = 0.01 }
load = { model = "closed", clients = 50 }
pool = { size = 16, reset = "none" }
run = { warmup = "50ms", window = "200ms" }
[[operation]]
name = "base_rate"
index = "ix_rate_tables_state_product_coverage_date"
sql = '''
SELECT id, base_rate FROM rate_tables
WHERE state = $1 AND product = $2 AND coverage = $3 AND effective_date <= $4
ORDER BY effective_date DESC LIMIT 1'''
[[operation.parameters]]
kind = "sample"
names = ["state", "product", "coverage"]
sql = "SELECT DISTINCT state, product, coverage FROM rate_tables"
[[operation.parameters]]
kind = "uniform"
name = "on"
low = 2020-01-01
high = 2025-12-31
[sweep]
"pool.size" = [16]
"""


class Tuner:
    """`bench tune` in a folder of its own, on servers that keep running beside it."""

    def __init__(self, folder: Path, where: Where) -> None:
        self.folder = folder
        self._where = where
        (folder / "lookup.toml").write_text(SCENARIO)
        environment = embedded.find_running(where)
        assert environment is not None
        self.admin = environment.admin

    @property
    def journal(self) -> Path:
        return self._where.state_root / FILE

    def _command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "bench", *arguments, "--state", str(self._where.state_root)]

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        command = self._command("tune", "lookup.toml", *arguments)
        return subprocess.Popen(
            command,
            cwd=self.folder,
            text=True,
            env={**os.environ, "NO_COLOR": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def tune(self, *arguments: str) -> dict[str, Any]:
        """Tune with time to spare: a candidate that is decided ends it, however fast this machine is."""
        process = self.start("--json", "--budget", "180s", *arguments)
        out, told = process.communicate(timeout=280)
        assert process.returncode == 0, told
        document: dict[str, Any] = json.loads(out)
        return document

    def clones(self) -> list[str]:
        with psycopg.connect(self.admin.dsn()) as connection:
            return [
                row[0] for row in connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'bench_t%'")
            ]

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.admin.dsn(), autocommit=True) as connection:
            connection.execute(statement.encode())

    def indexed(self) -> bool:
        with psycopg.connect(self.admin.dsn()) as connection:
            return connection.execute("SELECT to_regclass(%s) IS NOT NULL", [INDEX]).fetchone() == (True,)

    @contextlib.contextmanager
    def without_index(self) -> Iterator[None]:
        with psycopg.connect(self.admin.dsn()) as connection:
            [(definition,)] = connection.execute("SELECT pg_get_indexdef(%s::regclass)", [INDEX]).fetchall()
            [(name, rule)] = connection.execute(
                "SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint"
                " WHERE conrelid = 'rate_tables'::regclass AND contype = 'x'"
            ).fetchall()
        self.execute(f"DROP INDEX {INDEX}")
        self.execute(f"ALTER TABLE rate_tables DROP CONSTRAINT {name}")  # its index would serve, though not as well
        try:
            yield
        finally:
            self.execute(definition)
            self.execute(f"ALTER TABLE rate_tables ADD CONSTRAINT {name} {rule}")


@pytest.fixture(scope="module")
def servers(pgbouncer: Path | None) -> Iterator[Where]:
    folder = make_open_folder()
    where = Where(folder / ".bench", embedded_bindir(), pgbouncer)
    environment = embedded.up(where)
    try:
        migrations.upgrade(environment.admin.dsn())
        provide_dataset(environment.admin, Dataset(scale=0.01), lambda _: None)
        yield where
    finally:
        embedded.down(where)
        shutil.rmtree(folder)


@pytest.fixture
def tuner(tmp_path: Path, servers: Where) -> Tuner:
    return Tuner(tmp_path, servers)


def _proven(document: dict[str, Any], words: str) -> dict[str, Any]:
    found = [one for one in document["candidates"] if words in one["title"] and one["outcome"] == "proven"]
    assert found, [(one["title"], one["status"]) for one in document["candidates"]]
    best: dict[str, Any] = found[0]
    return best


@pytest.mark.pg
def test_a_dropped_index_is_found_built_in_a_clone_and_proven(tuner: Tuner) -> None:
    with tuner.without_index():
        document = tuner.tune("--only", INDEX)
        assert not tuner.indexed()  # the database itself is as it was
    best = _proven(document, INDEX)
    assert "interleaved pairs" in best["status"]
    assert best["effects"]["throughput"]["low"] > 1
    assert tuner.clones() == []
    assert not tuner.journal.exists()
    [cost] = document["write_costs"][best["id"]]
    assert cost["index"] == INDEX
    assert 0 < cost["wal_per_row"]["low"] < cost["wal_per_row"]["high"] < 1000
    run = tuner.folder / document["path"]
    migration = (run / "migration.sql").read_text()
    assert f"CREATE INDEX CONCURRENTLY {INDEX}" in migration
    assert f"DROP INDEX CONCURRENTLY {INDEX}" in migration
    statuses = [one["status"] for one in json.loads((run / "findings.json").read_text())["findings"]]
    assert any(status.startswith("proven: ") for status in statuses)


@pytest.mark.pg
def test_a_pool_of_two_for_fifty_clients_is_found_and_proven(tuner: Tuner) -> None:
    """Each lookup holds its connection for 5 ms, so the pool decides, whatever else this machine does."""
    text = SCENARIO.replace("size = 16", "size = 2").replace("= [16]", "= [2, 16]")
    text = text.replace("SELECT id, base_rate FROM", "SELECT id, base_rate, pg_sleep(0.005)::text FROM")
    (tuner.folder / "lookup.toml").write_text(text)
    document = tuner.tune("--only", "pool.size = 16")
    best = _proven(document, "pool.size")
    assert best["effects"]["throughput"]["point"] > 1
    kept = next(one for one in document["candidates"] if one["kept"] and one["title"].startswith("pool.size"))
    assert f"max_size={kept['title'].split()[-1]}," in (tuner.folder / document["path"] / "pool_asyncpg.py").read_text()


@pytest.mark.pg
@pytest.mark.parametrize("kind", ["interrupt", "kill"])
def test_nothing_stays_applied_however_a_tuning_ends(tuner: Tuner, kind: str) -> None:
    with tuner.without_index():
        process = tuner.start("--budget", "60s")
        read_until(process.stderr, r"change c01: ")
        assert tuner.clones()
        if kind == "kill":
            process.kill()
            process.communicate()
            assert tuner.clones()
            with embedded.session(tuner._where):  # the next command of any kind
                pass
        else:
            process.terminate()
            _, told = process.communicate()
            assert process.returncode == 130
            assert "nothing stays applied; a tuning starts anew: bench tune lookup.toml --budget 60s" in told
    assert tuner.clones() == []
    assert not tuner.journal.exists()


@pytest.mark.pg
def test_settings_that_need_a_restart_are_taken_back_by_the_next_command(servers: Where) -> None:
    environment = embedded.find_running(servers)
    assert environment is not None

    def in_force() -> tuple[str, ...] | None:
        with psycopg.connect(environment.admin.dsn()) as connection:
            query = "SELECT current_setting('max_wal_size'), current_setting('max_locks_per_transaction')"
            return connection.execute(query).fetchone()

    before = in_force()
    journal = Journal(servers.state_root / FILE)
    settings = ServerSettings(
        environment.admin, environment.postgres.data, journal, lambda: embedded.restart_server(environment, servers)
    )
    settings.bring({"max_wal_size": "2GB", "max_locks_per_transaction": "100"})
    assert in_force() == ("2GB", "100")
    with embedded.session(servers):  # as after a kill: nobody has taken anything back
        assert in_force() == before
    assert journal.read() == Applied()
