"""The fingerprint sees every kind of thing a migration can leave behind."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from bench.environment.audit.fingerprint import objects, read_fingerprint
from bench.environment.audit.scratch import scratch

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.embedded import Environment
    from bench.model.endpoint import Endpoint

pytestmark = pytest.mark.pg

BASIS = """
CREATE TABLE t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, a text);
CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
INSERT INTO t (a) VALUES ('x');
"""
CHANGES = {
    "table": ("CREATE TABLE other (x int)", ["table other"]),
    "column": ("ALTER TABLE t ADD COLUMN b int", ["column t.b"]),
    "type of a column": ("ALTER TABLE t ALTER COLUMN a TYPE varchar(9)", ["column t.a"]),
    "default": ("ALTER TABLE t ALTER COLUMN a SET DEFAULT 'x'", ["column t.a"]),
    "not null": ("ALTER TABLE t ALTER COLUMN a SET NOT NULL", ["column t.a"]),
    "constraint": ("ALTER TABLE t ADD CONSTRAINT k CHECK (a <> '')", ["constraint t.k"]),
    "index": ("CREATE INDEX i ON t (a)", ["index i"]),
    "view": ("CREATE VIEW v AS SELECT a FROM t", ["view v"]),
    "sequence": ("CREATE SEQUENCE s", ["sequence s"]),
    "enum": ("CREATE TYPE mood AS ENUM ('sad')", ["type mood"]),
    "domain": ("CREATE DOMAIN d AS text CHECK (VALUE <> '')", ["type d"]),
    "function": ("CREATE FUNCTION g() RETURNS int LANGUAGE sql AS 'SELECT 1'", ["function g()"]),
    "body of a function": (
        "CREATE OR REPLACE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'", ["function f()"],
    ),
    "trigger": ("CREATE TRIGGER tr BEFORE INSERT ON t FOR EACH ROW EXECUTE FUNCTION f()", ["trigger t.tr"]),
    "policy": ("CREATE POLICY p ON t USING (true)", ["policy t.p"]),
    "row-level security": ("ALTER TABLE t FORCE ROW LEVEL SECURITY", ["table t"]),
    "grant": ("GRANT SELECT ON t TO pg_monitor", ["grants on t"]),
    "grant of a column": ("GRANT SELECT (a) ON t TO pg_monitor", ["column t.a"]),
    "default privileges": (
        "ALTER DEFAULT PRIVILEGES GRANT SELECT ON TABLES TO pg_monitor", ["default privileges bench_admin - r"],
    ),
    "comment": ("COMMENT ON COLUMN t.a IS 'Why.'", ["comment on column a of table t"]),
    "schema": ("CREATE SCHEMA elsewhere", ["schema elsewhere"]),
    "extension": ("CREATE EXTENSION btree_gist", ["extension btree_gist"]),
    "statistics": ("CREATE STATISTICS st ON id, a FROM t", ["statistics st"]),
    "rule": ("CREATE RULE r AS ON DELETE TO t DO INSTEAD NOTHING", ["rule t.r"]),
    "partition": (
        "CREATE TABLE m (d date) PARTITION BY RANGE (d); CREATE TABLE m1 PARTITION OF m DEFAULT", ["table m"],
    ),
    "row": ("INSERT INTO t (a) VALUES ('y')", ["row of t"]),
}  # fmt: skip


@pytest.fixture(scope="module")
def template(environment: Environment) -> Iterator[Endpoint]:
    with scratch(environment.admin) as databases:
        made = databases.create()
        with psycopg.connect(made.dsn(), autocommit=True) as connection:
            connection.execute(BASIS.encode())
        yield made


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen_and_named(change: str, template: Endpoint, environment: Environment) -> None:
    statement, named = CHANGES[change]
    before = read_fingerprint(template)
    with scratch(environment.admin) as databases:
        copy = databases.create(template)
        assert read_fingerprint(copy) == before
        with psycopg.connect(copy.dsn(), autocommit=True) as connection:
            connection.execute(statement.encode())
        after = read_fingerprint(copy)
    found = objects(fact for fact in after - before if fact.kind != "row of" or change == "row")
    assert found == named
