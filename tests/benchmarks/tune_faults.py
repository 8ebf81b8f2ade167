"""`python -m tests.benchmarks.tune_faults [FAULT…]`: faults planted one by one, each to be found and proven by tuning.

A long run on servers of its own, no part of the test suite: nobody says what is wrong, the only help is a budget of
time. Prints a row for each fault, what `bench tune` made of its cure, with effect and interval; exits with 1 where one
is not proven.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from bench.environment import embedded, migrations
from bench.environment.dataset import provide_dataset
from bench.environment.embedded import Where
from bench.model.scenario import Dataset
from tests.benchmarks.table import Row
from tests.conftest import CHECKOUT, make_open_folder, system_bindir

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bench.environment.embedded import Environment

BUDGET = "120s"
SCALE = 0.1
BIG = """CREATE TABLE fault_rows AS SELECT g AS id, g % 1000 AS kind, md5(g::text) AS word,
 jsonb_build_object('vin', md5((g * 7)::text), 'year', 1990 + g % 35) AS doc FROM generate_series(1, 60000) g;
 GRANT SELECT ON fault_rows TO bench_app; ANALYZE fault_rows"""
SCENARIO = """
name = "fault"
dataset = {{ scale = {scale} }}
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


RATE_INDEX = "ix_rate_tables_state_product_coverage_date"
VEHICLE_INDEX = "ix_quotes_vehicle_info_gin"
DEFINITION = """SELECT coalesce('ALTER TABLE ' || conrelid::regclass || ' DROP CONSTRAINT ' || conname,
 'DROP INDEX ' || i.oid::regclass), coalesce('ALTER TABLE ' || conrelid::regclass || ' ADD CONSTRAINT ' || conname ||
 ' ' || pg_get_constraintdef(c.oid), pg_get_indexdef(i.oid))
 FROM pg_class i LEFT JOIN pg_constraint c ON c.conindid = i.oid AND contype = 'x' WHERE i.oid = %s::regclass"""


@dataclass(frozen=True)
class Fault:
    """What is planted, what is run, and a word of the change that cures it."""

    plant: str
    cure: str
    sql: str = ""
    scenario: str = ""
    """A shipped scenario to run instead of a statement of its own."""
    dropped: tuple[str, ...] = ()
    """Indexes, or constraints whose index would serve instead."""
    settings: tuple[str, ...] = ()
    clients: int = 8
    budget: str = BUDGET
    system: bool = False
    """Needs the distribution's server: the embedded one is built without LLVM."""


FAULTS = {
    "rate lookup's index dropped": Fault(
        "SELECT 1", RATE_INDEX, scenario="rating_lookup", dropped=(RATE_INDEX, "ex_rate_tables_no_overlap")
    ),
    "pool of 2 for 50 clients": Fault(
        "SELECT 1", "pool.size", scenario="rating_lookup", settings=("pool.size=2", "load.clients=50")
    ),
    "no GIN for vehicle search": Fault("SELECT 1", "gin", scenario="vehicle_search", dropped=(VEHICLE_INDEX,)),
    "statement cache off": Fault(KEY, "statement_cache", LOOKUP, settings=("pool.statement_cache=0",)),
    "reset query per operation": Fault(KEY, "pool.reset", LOOKUP, settings=("pool.reset=default",)),
    "pool of 100 on these cores": Fault(
        # A rate lookup is held back by the load generator, and a scan of a whole table hardly minds being interrupted.
        "SELECT 1",
        "size",
        scenario="vehicle_search",
        settings=("pool.size=100", "load.clients=100"),
        budget="300s",  # eight sizes at full windows are looked at before any pair
    ),
    "hash join in batches": Fault(
        "ALTER DATABASE insurance SET work_mem = '64kB'; ALTER DATABASE insurance SET enable_mergejoin = off",
        "work_mem",
        "SELECT count(*) FROM fault_rows a JOIN fault_rows b USING (word) WHERE a.id > $1::int * 20",
    ),
    "hash aggregate in batches": Fault(
        "ALTER DATABASE insurance SET work_mem = '64kB'; ALTER DATABASE insurance SET enable_sort = off",
        "work_mem",
        "SELECT count(*) FROM (SELECT word, max(id) FROM fault_rows WHERE id > $1::int * 20 GROUP BY word) AS g",
    ),
    "missing GIN": Fault(
        "SELECT 1", "gin", "SELECT id FROM fault_rows WHERE doc @> jsonb_build_object('vin', md5(($1::int * 7)::text))"
    ),
    "missing partial index": Fault(
        TASKS, "WHERE status = 'open'", "SELECT id FROM fault_tasks WHERE status = 'open' AND kind = $1::int % 50"
    ),
    "range of a table in order": Fault(
        "SELECT 1", "brin", "SELECT count(*) FROM fault_rows WHERE id >= $1::int * 50 AND id < $1::int * 50 + 300"
    ),
    "rows fetched one by one": Fault(KEY, "INCLUDE", LOOKUP),
    "missing partition key": Fault(PARTITIONED, "fault_log", "SELECT count(*) FROM fault_log WHERE actor = $1::int"),
    "stale statistics": Fault(
        "ALTER TABLE fault_rows SET (autovacuum_enabled = off); UPDATE fault_rows SET kind = 7 WHERE id > 1000",
        "ANALYZE",
        "SELECT count(*) FROM fault_rows a JOIN fault_rows b ON b.id = a.id WHERE a.kind = 7 AND a.id > $1::int",
    ),
    "JIT for short queries": Fault(
        f"{KEY}; ALTER DATABASE insurance SET jit_above_cost = 0; ALTER DATABASE insurance SET jit = on",
        "jit",
        LOOKUP,
        system=True,
    ),
}
MEND = "ALTER DATABASE insurance RESET ALL; DROP TABLE IF EXISTS fault_rows, fault_log, fault_tasks"


def _tune(folder: Path, where: Where, fault: Fault) -> dict[str, Any]:
    name = fault.scenario or "fault.toml"
    command = [sys.executable, "-m", "bench", "tune", name, "--json", "--warn-only", "--budget", fault.budget]
    command += ["--state", str(where.state_root)]
    command += ["--pg-bin", str(where.pg_bin)] if where.pg_bin else []
    settings = (*fault.settings, *([f"dataset.scale={SCALE}"] if fault.scenario else []))
    if not fault.scenario:
        (folder / name).write_text(SCENARIO.format(sql=fault.sql, clients=fault.clients, scale=SCALE))
    command += [part for text in settings for part in ("--set", text)]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(done.stderr[-600:])
    document: dict[str, Any] = json.loads(done.stdout)
    return document


def judge(name: str, cure: str, document: dict[str, Any]) -> Row:
    """Return the row of a fault: met where a change that cures it is proven."""
    found = [one for one in document["candidates"] if cure in one["title"]]
    proven = [one for one in found if one["outcome"] == "proven"]
    others = [one for one in document["candidates"] if one not in found and one["outcome"] == "proven"]
    best = (proven or found)[:1]
    together = document["combination"]
    details = [f"{one['title']}: {one['status']}" for one in (*found, *others) if one not in best]
    details += [f"together: {together['status']}"] if together else []
    details += [f"time {sum(document['spent_s'].values()):.0f} s: {document['work_s']}"]
    said = f"{best[0]['title']}: {best[0]['status']}" if best else "its cure was not among the candidates"
    return Row(name, said, "the cure is proven", met=bool(proven), details=details)


def _execute(environment: Environment, scripts: Iterable[str]) -> None:
    for script in scripts:
        with psycopg.connect(environment.admin.dsn(), autocommit=True) as connection:
            connection.execute(script.encode())


@contextlib.contextmanager
def _planted(environment: Environment, fault: Fault) -> Iterator[None]:
    """Plant a fault and mend it afterwards, from the catalogue's own words."""
    with psycopg.connect(environment.admin.dsn()) as connection:
        known: dict[str, str] = dict(
            row for name in fault.dropped for row in connection.execute(DEFINITION.encode(), [name]).fetchall()
        )
    _execute(environment, [BIG, fault.plant, *known])
    try:
        yield
    finally:
        _execute(environment, [MEND, *known.values()])


def _on(wanted: list[str], *, system: bool) -> Iterator[Row]:
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
        provide_dataset(environment.admin, Dataset(scale=SCALE), lambda _: None)
        for name in wanted:
            with _planted(environment, FAULTS[name]):
                yield judge(name, FAULTS[name].cure, _tune(folder, where, FAULTS[name]))
    finally:
        embedded.down(where)
        shutil.rmtree(state)
        shutil.rmtree(folder)


def main(wanted: list[str]) -> None:
    """Run the faults that are named, or all: first those of the embedded server."""
    names = wanted or list(FAULTS)
    rows = []
    for system in (False, True):
        own = [name for name in names if FAULTS[name].system is system]
        for row in _on(own, system=system) if own else ():
            rows.append(row)
            sys.stdout.write("\n".join(row.lines()) + "\n")
            sys.stdout.flush()
    missed = [row.what for row in rows if not row.met]
    sys.stdout.write(f"{len(rows) - len(missed)} of {len(rows)} faults found, cured and proven\n")
    raise SystemExit(1 if missed else 0)


if __name__ == "__main__":
    main(sys.argv[1:])
