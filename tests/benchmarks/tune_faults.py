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
from tests.conftest import CHECKOUT, make_open_folder

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


@dataclass(frozen=True)
class Fault:
    """What is planted, what is run, and a word of the change that cures it."""

    plant: str
    sql: str
    cure: str
    settings: tuple[str, ...] = ()
    clients: int = 8


FAULTS = {
    "statement cache off": Fault(KEY, LOOKUP, "statement_cache", ("pool.statement_cache=0",)),
    "reset query per operation": Fault(KEY, LOOKUP, "pool.reset", ("pool.reset=default",)),
    "pool of 100": Fault(KEY, LOOKUP, "size", ("pool.size=100",), 100),
    "work_mem spill": Fault(
        "ALTER DATABASE insurance SET work_mem = '64kB'",
        "SELECT word FROM fault_rows WHERE id > $1::int ORDER BY word OFFSET 20000 LIMIT 1",
        "work_mem",
    ),
    "missing GIN": Fault(
        "SELECT 1", "SELECT id FROM fault_rows WHERE doc @> jsonb_build_object('vin', md5(($1::int * 7)::text))", "gin"
    ),
    "stale statistics": Fault(
        "ALTER TABLE fault_rows SET (autovacuum_enabled = off); UPDATE fault_rows SET kind = 7 WHERE id > 1000",
        "SELECT count(*) FROM fault_rows a JOIN fault_rows b ON b.id = a.id WHERE a.kind = 7 AND a.id > $1::int",
        "ANALYZE",
    ),
    "JIT for short queries": Fault(
        f"{KEY}; ALTER DATABASE insurance SET jit_above_cost = 0; ALTER DATABASE insurance SET jit = on", LOOKUP, "jit"
    ),
}
MEND = "ALTER DATABASE insurance RESET ALL; DROP TABLE IF EXISTS fault_rows"


def _tune(folder: Path, where: Where, fault: Fault) -> str:
    (folder / "fault.toml").write_text(SCENARIO.format(sql=fault.sql, clients=fault.clients))
    command = [sys.executable, "-m", "bench", "tune", "fault.toml", "--json", "--warn-only", "--budget", "60s"]
    command += ["--state", str(where.state_root), *(part for text in fault.settings for part in ("--set", text))]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr[-600:]
    document = json.loads(done.stdout)
    found = [one for one in document["candidates"] if fault.cure in one["title"]]
    cured = [f"{one['title']}: {one['status']}" for one in found] or ["not found"]
    together = document["combination"]["status"] if document["combination"] else "none"
    return f"{'; '.join(cured)} | together {together} | {sum(document['spent_s'].values()):.0f} s"


def main(wanted: list[str]) -> None:
    """Plant, tune and mend the faults that are named, or all."""
    state, folder = make_open_folder(), Path(tempfile.mkdtemp())
    built = CHECKOUT / ".bench" / "pgbouncer" / "bin" / "pgbouncer"
    where = Where(state / ".bench", pgbouncer=built if built.is_file() else None)
    environment = embedded.up(where)
    try:
        migrations.upgrade(environment.admin.dsn())
        provide_dataset(environment.admin, Dataset(scale=0.01), lambda _: None)
        for name in wanted or FAULTS:
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


if __name__ == "__main__":
    main(sys.argv[1:])
