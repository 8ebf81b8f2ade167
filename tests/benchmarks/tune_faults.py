"""`python -m tests.benchmarks.tune_faults [FAULT…]`: faults planted one by one, each to be found and proven by tuning.

A long run on servers of its own, no part of the test suite. Prints a row for each fault: what `bench tune` proved.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import psycopg

from bench.environment import embedded, migrations
from bench.environment.dataset import provide_dataset
from bench.environment.embedded import Where
from bench.model.scenario import Dataset
from tests.conftest import CHECKOUT, make_open_folder, system_bindir

BIG = """CREATE TABLE fault_rows AS SELECT g AS id, g % 1000 AS kind, md5(g::text) AS word,
 jsonb_build_object('vin', md5((g * 7)::text), 'year', 1990 + g % 35) AS doc FROM generate_series(1, 60000) g;
 GRANT SELECT ON fault_rows TO bench_app; ANALYZE fault_rows"""
SCENARIO = """
name = "fault"
dataset = {{ scale = 0.01 }}
load = {{ model = "closed", clients = {clients} }}
pool = {{ size = 4, reset = "none" }}
run = {{ warmup = "200ms", window = "500ms" }}
sweep = {{ "pool.size" = [4] }}
[[operation]]
name = "op"
sql = '''{sql}'''
parameters = [{{ kind = "uniform", name = "n", low = 1, high = 999 }}]
"""
LOOKUP = "SELECT id, word FROM fault_rows WHERE kind = $1::int"
KEY = "CREATE INDEX fault_kind ON fault_rows (kind)"


PARTITIONED = """CREATE TABLE fault_log (day date NOT NULL, actor int NOT NULL, note text) PARTITION BY RANGE (day);
 DO $$ BEGIN FOR m IN 0..23 LOOP EXECUTE format('CREATE TABLE fault_log_%s PARTITION OF fault_log FOR VALUES FROM (%L)
 TO (%L)', m, date '2024-01-01' + m * interval '1 month', date '2024-01-01' + (m + 1) * interval '1 month');
 END LOOP; END $$; INSERT INTO fault_log SELECT date '2024-01-01' + g % 720, g % 1000, md5(g::text)
 FROM generate_series(1, 120000) g; GRANT SELECT ON fault_log TO bench_app; ANALYZE fault_log"""
TASKS = """CREATE TABLE fault_tasks AS SELECT g AS id, g % 50 AS kind, CASE WHEN g % 199 = 0 THEN 'open' ELSE 'done' END
 AS status, md5(g::text) AS word FROM generate_series(1, 60000) g;
 GRANT SELECT ON fault_tasks TO bench_app; ANALYZE fault_tasks"""


@dataclass(frozen=True)
class Fault:
    """What is planted, what is run, and a word of the change that cures it."""

    plant: str
    sql: str
    cure: str
    settings: tuple[str, ...] = ()
    clients: int = 8
    system: bool = False
    """Needs the distribution's server: the embedded one is built without LLVM."""


FAULTS = {
    "statement cache off": Fault(KEY, LOOKUP, "statement_cache", ("pool.statement_cache=0",)),
    "reset query per operation": Fault(KEY, LOOKUP, "pool.reset", ("pool.reset=default",)),
    "pool of 100 on these cores": Fault(KEY, LOOKUP, "size", ("pool.size=100",), 100),
    "sort on disk": Fault(
        "ALTER DATABASE insurance SET work_mem = '64kB'",
        "SELECT word FROM fault_rows WHERE id > $1::int ORDER BY word OFFSET 20000 LIMIT 1",
        "work_mem",
    ),
    "hash join in batches": Fault(
        "ALTER DATABASE insurance SET work_mem = '64kB'; ALTER DATABASE insurance SET enable_mergejoin = off",
        "SELECT count(*) FROM fault_rows a JOIN fault_rows b USING (word) WHERE a.id > $1::int * 20",
        "work_mem",
    ),
    "hash aggregate in batches": Fault(
        "ALTER DATABASE insurance SET work_mem = '64kB'; ALTER DATABASE insurance SET enable_sort = off",
        "SELECT count(*) FROM (SELECT word, max(id) FROM fault_rows WHERE id > $1::int * 20 GROUP BY word) AS g",
        "work_mem",
    ),
    "missing GIN": Fault(
        "SELECT 1", "SELECT id FROM fault_rows WHERE doc @> jsonb_build_object('vin', md5(($1::int * 7)::text))", "gin"
    ),
    "missing partial index": Fault(
        TASKS, "SELECT id FROM fault_tasks WHERE status = 'open' AND kind = $1::int % 50", "WHERE status = 'open'"
    ),
    "range of a table in order": Fault(
        "SELECT 1", "SELECT count(*) FROM fault_rows WHERE id >= $1::int * 50 AND id < $1::int * 50 + 300", "brin"
    ),
    "rows fetched one by one": Fault(KEY, "SELECT id, word FROM fault_rows WHERE kind = $1::int", "INCLUDE"),
    "missing partition key": Fault(PARTITIONED, "SELECT count(*) FROM fault_log WHERE actor = $1::int", "fault_log"),
    "stale statistics": Fault(
        "ALTER TABLE fault_rows SET (autovacuum_enabled = off); UPDATE fault_rows SET kind = 7 WHERE id > 1000",
        "SELECT count(*) FROM fault_rows a JOIN fault_rows b ON b.id = a.id WHERE a.kind = 7 AND a.id > $1::int",
        "ANALYZE",
    ),
    "JIT for short queries": Fault(
        f"{KEY}; ALTER DATABASE insurance SET jit_above_cost = 0; ALTER DATABASE insurance SET jit = on",
        LOOKUP,
        "jit",
        system=True,
    ),
}
MEND = "ALTER DATABASE insurance RESET ALL; DROP TABLE IF EXISTS fault_rows, fault_log, fault_tasks"


def _tune(folder: Path, where: Where, fault: Fault) -> str:
    (folder / "fault.toml").write_text(SCENARIO.format(sql=fault.sql, clients=fault.clients))
    command = [sys.executable, "-m", "bench", "tune", "fault.toml", "--json", "--warn-only", "--budget", "60s"]
    command += ["--state", str(where.state_root)]
    command += [
        *(["--pg-bin", str(where.pg_bin)] if where.pg_bin else []),
        *(part for text in fault.settings for part in ("--set", text)),
    ]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr[-600:]
    document = json.loads(done.stdout)
    found = [one for one in document["candidates"] if fault.cure in one["title"]]
    cured = [f"{one['title']}: {one['status']}" for one in found] or ["not found"]
    together = document["combination"]["status"] if document["combination"] else "none"
    return f"{'; '.join(cured)} | together {together} | {sum(document['spent_s'].values()):.0f} s"


def _on(wanted: list[str], *, system: bool) -> None:
    """Plant, tune and mend faults on one server."""
    state, folder = make_open_folder(), Path(tempfile.mkdtemp())
    built = CHECKOUT / ".bench" / "pgbouncer" / "bin" / "pgbouncer"
    where = Where(
        state / ".bench",
        pg_bin=system_bindir() if system else None,
        pgbouncer=built if built.is_file() else None,
    )
    environment = embedded.up(where)
    try:
        migrations.upgrade(environment.admin.dsn())
        provide_dataset(environment.admin, Dataset(scale=0.01), lambda _: None)
        for name in wanted:
            for script in (BIG, FAULTS[name].plant):
                with psycopg.connect(environment.admin.dsn(), autocommit=True) as connection:
                    connection.execute(script.encode())
            sys.stdout.write(f"{name} | {_tune(folder, where, FAULTS[name])}\n")
            sys.stdout.flush()
            with psycopg.connect(environment.admin.dsn(), autocommit=True) as connection:
                connection.execute(MEND.encode())
    finally:
        embedded.down(where)
        shutil.rmtree(state)
        shutil.rmtree(folder)


def main(wanted: list[str]) -> None:
    """Run the faults that are named, or all: first those of the embedded server."""
    names = wanted or list(FAULTS)
    for system in (False, True):
        own = [name for name in names if FAULTS[name].system is system]
        if own:
            _on(own, system=system)


if __name__ == "__main__":
    main(sys.argv[1:])
