"""A small database with an owner, an application and tenants, in which one thing at a time is wrong."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import psycopg
from psycopg import sql

from bench.analysis.findings.plans import find_in_plans
from bench.environment.populations import read_populations
from bench.experiment.explain import capture_plans
from bench.experiment.target import Target
from bench.model.scenario import ClosedLoop, Scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.measurement import Finding
    from bench.environment.embedded import Environment
    from bench.environment.plans import Captured
    from bench.model.scenario import Operation

DATABASE = "planted"
OWNER = "bench_owner"
TABLES = """
CREATE TABLE orders (
  id bigint PRIMARY KEY, customer bigint NOT NULL, kind text NOT NULL, amount integer NOT NULL,
  placed date NOT NULL, doc jsonb NOT NULL);
INSERT INTO orders
SELECT n, n % 2000, CASE WHEN n % 10 < 9 THEN 'common' ELSE 'rare' || n END, n * 7919 % 1000,
       date '2024-01-01' + n % 360, jsonb_build_object('tag', 'tag' || n % 500)
FROM generate_series(1, 20000) AS n ORDER BY n * 7919 % 20011;
CREATE INDEX ix_orders_customer ON orders (customer);
CREATE INDEX ix_orders_kind ON orders (kind);
CREATE INDEX ix_orders_doc ON orders USING gin (doc);
CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY, placed date NOT NULL, body text NOT NULL)
  PARTITION BY RANGE (placed);
CREATE TABLE events_1 PARTITION OF events FOR VALUES FROM ('2024-01-01') TO ('2024-04-01');
CREATE TABLE events_2 PARTITION OF events FOR VALUES FROM ('2024-04-01') TO ('2024-07-01');
CREATE TABLE events_3 PARTITION OF events FOR VALUES FROM ('2024-07-01') TO ('2024-10-01');
CREATE TABLE events_4 PARTITION OF events FOR VALUES FROM ('2024-10-01') TO ('2025-01-01');
INSERT INTO events (placed, body) SELECT date '2024-01-01' + n % 360, 'body ' || n FROM generate_series(1, 4000) AS n;
CREATE INDEX ix_events_placed ON events (placed);
CREATE INDEX ix_events_body ON events (body);
CREATE TABLE notes (id bigint PRIMARY KEY, tenant text NOT NULL, doc jsonb NOT NULL);
INSERT INTO notes SELECT n, 'tenant' || n % 4, jsonb_build_object('tag', 'tag' || n % 500)
FROM generate_series(1, 20000) AS n;
CREATE INDEX ix_notes_doc ON notes USING gin (doc);
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO bench_app;
ANALYZE;
"""
ROW_SECURITY = """
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY by_tenant ON notes TO bench_app USING (tenant = (SELECT current_setting('app.tenant', true)))
"""


@dataclass(frozen=True)
class Planted:
    """The database, and the two ways in."""

    environment: Environment

    def change(self, *statements: str) -> None:
        """Run statements as the owner of the tables."""
        with self._connected() as connection:
            connection.execute(f"SET ROLE {OWNER}")
            for statement in statements:
                connection.execute(statement.encode())

    def administer(self, *statements: str) -> None:
        """Run statements as the administrator."""
        with self._connected() as connection:
            for statement in statements:
                connection.execute(statement.encode())

    @contextlib.contextmanager
    def changed(self, change: str, back: str) -> Iterator[None]:
        """Plant something and take it out again."""
        self.administer(change)
        try:
            yield
        finally:
            self.administer(back)

    def explain(self, *operations: Operation) -> Captured:
        """Take the plans that a run takes."""
        app, admin = (
            msgspec.structs.replace(endpoint, dbname=DATABASE)
            for endpoint in (self.environment.app, self.environment.admin)
        )
        target = Target(admin, app, None, None, None, None, None)
        return capture_plans(target, scenario_of(*operations), read_populations(app, operations))

    def blame(self, *operations: Operation) -> list[Finding]:
        """Return what the rules find in these plans."""
        return find_in_plans(self.explain(*operations).facts, scenario_of(*operations))

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """Return what a query returns."""
        with self._connected() as connection:
            return connection.execute(query.encode()).fetchall()

    def _connected(self, dbname: str = DATABASE) -> psycopg.Connection[Any]:
        endpoint = msgspec.structs.replace(self.environment.admin, dbname=dbname)
        return psycopg.connect(endpoint.dsn(), autocommit=True)


def scenario_of(*operations: Operation) -> Scenario:
    """Return a scenario of these operations."""
    return Scenario(name="planted", operation=operations, load=ClosedLoop(clients=1))


@contextlib.contextmanager
def planted(environment: Environment) -> Iterator[Planted]:
    """Create the database and drop it."""
    name = sql.Identifier(DATABASE)
    with psycopg.connect(environment.admin.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, sql.Identifier(OWNER)))
        try:
            subject = Planted(environment)
            subject.change(TABLES)
            subject.administer("VACUUM ANALYZE")
            yield subject
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(name))
