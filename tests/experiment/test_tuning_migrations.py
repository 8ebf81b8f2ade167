"""The migrations that a tuning hands out can be run as they are, and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import psycopg
import pytest

from bench.analysis.tuning.indexes import from_plans
from bench.environment.plans import Viewpoint, explain
from bench.environment.tuning.relations import read_relations
from bench.environment.tuning.write_cost import measure_write_costs
from bench.model.sql_script import split_statements
from tests.analysis.synthetic import scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.tuning.propose import Idea
    from bench.environment.embedded import Environment
    from bench.model.endpoint import Endpoint

pytestmark = pytest.mark.pg

PLANT = """
CREATE TABLE planted_log (id int GENERATED ALWAYS AS IDENTITY, actor int, happened date, twice int GENERATED ALWAYS AS
  (actor * 2) STORED) PARTITION BY RANGE (happened);
CREATE TABLE planted_log_1 PARTITION OF planted_log FOR VALUES FROM ('2025-01-01') TO ('2025-02-01');
CREATE TABLE planted_log_2 PARTITION OF planted_log FOR VALUES FROM ('2025-02-01') TO ('2025-03-01');
INSERT INTO planted_log (actor, happened) SELECT g % 700, date '2025-01-01' + g % 59 FROM generate_series(1, 9000) g;
ANALYZE planted_log;
"""
QUERY = "SELECT id, happened FROM planted_log WHERE actor = $1::int"
INDEXES = (
    "SELECT indexrelid::regclass::text FROM pg_index WHERE indrelid::regclass::text LIKE 'planted%' AND indisvalid"
)


@pytest.fixture
def planted(environment: Environment) -> Iterator[Endpoint]:
    admin = environment.admin
    with psycopg.connect(admin.dsn(), autocommit=True) as connection:
        connection.execute(PLANT.encode())
    yield admin
    with psycopg.connect(admin.dsn(), autocommit=True) as connection:
        connection.execute("DROP TABLE planted_log")


def _ideas(admin: Endpoint) -> list[Idea]:
    numbers = {"kind": "uniform", "name": "n", "low": 1, "high": 9}
    what = scenario(operations=[{"name": "by_actor", "sql": QUERY, "parameters": [numbers]}])
    plans = explain(admin, what.operation[0], [(7,)], Viewpoint("app", load=True)).facts
    return [one for one in from_plans(what, plans, read_relations(admin)) if "INDEX" in one.candidate.title]


def _run(admin: Endpoint, script: str) -> None:
    with psycopg.connect(admin.dsn(), autocommit=True) as connection:
        for statement in split_statements(script):
            connection.execute(statement.encode())


def _indexes(admin: Endpoint) -> set[str]:
    with psycopg.connect(admin.dsn()) as connection:
        return {row[0] for row in connection.execute(INDEXES.encode())}


def test_an_index_of_a_partitioned_table_is_built_part_by_part_and_taken_back(planted: Endpoint) -> None:
    patch = _ideas(planted)[0].candidate.patch
    assert patch.text.count("CONCURRENTLY") == 2, "never a lock on all partitions"
    _run(planted, patch.text)
    built = _indexes(planted)
    assert len(built) == 3, "the parent's became valid when both parts were attached"
    assert _ideas(planted) == [], "the scan that asked for it is gone"
    _run(planted, patch.rollback)
    assert _indexes(planted) == set()


def test_what_an_index_costs_is_measured_and_leaves_the_rows_as_they_were(planted: Endpoint) -> None:
    rows = "SELECT count(*), sum(hashtext(l::text)) FROM planted_log AS l"
    with psycopg.connect(planted.dsn(), autocommit=True) as connection:
        before = connection.execute(rows.encode()).fetchone()
        connection.execute("CREATE INDEX planted_actor ON planted_log (actor)")
        [cost] = [
            one
            for one in measure_write_costs(planted, msgspec.structs.replace(planted, dbname="postgres"))
            if one.index == "planted_actor"
        ]
        assert connection.execute(rows.encode()).fetchone() == before
    assert (cost.index, cost.table, cost.rows) == ("planted_actor", "planted_log", 2000)
    assert cost.size_bytes > 0
    assert 20 < cost.wal_per_row.low <= cost.wal_per_row.high < 500, "an entry of a btree takes some 70 bytes of WAL"
    assert "a row written to planted_log" in cost.words
