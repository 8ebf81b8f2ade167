"""A database that is somebody else's, and everything that could have changed about it."""

from __future__ import annotations

import contextlib
import hashlib
import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click
import msgspec
from psycopg import sql

from bench.cli import COMMANDS, cli
from bench.environment.connection import connected
from tests.faults.bed import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.environment.embedded import Environment
    from bench.model.endpoint import Endpoint

OWNER = "somebody_else"
PASSWORD = "foreign canary"
CONTENT = """
CREATE SCHEMA app;
CREATE TABLE app.payments (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  amount numeric NOT NULL CHECK (amount > 0)
);
INSERT INTO app.payments (amount) SELECT g FROM generate_series(1, 500) AS g;
CREATE INDEX ON app.payments (amount);
CREATE VIEW app.large AS SELECT * FROM app.payments WHERE amount > 400;
CREATE SEQUENCE app.tickets;
CREATE FUNCTION app.ticket() RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('app.tickets') $$;
COMMENT ON TABLE app.payments IS 'ours';
"""
SCENARIO = """
name = "theirs"
budgets = ["p50(response_time) < 2s"]
load = { model = "closed", clients = 1 }
pooler = { kind = "none" }
pool = { size = 1, workers = 1 }
run = { warmup = "100ms", window = "500ms", replicates = 1 }
sweep = { "pool.size" = [1] }
[[operation]]
name = "read"
sql = "SELECT amount FROM app.payments WHERE id = $1::bigint"
parameters = [{ kind = "uniform", name = "n", low = 1, high = 500 }]
"""

INSERTED = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'payments'"

# What no dump shows: settings, other databases and roles, statistics, and whether somebody vacuumed or analysed.
STATE = {
    "settings": "SELECT name, setting, source, sourcefile FROM pg_settings ORDER BY name",
    "role settings": "SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting ORDER BY 1, 2",
    "databases": "SELECT datname, datdba, datconnlimit, datallowconn, datacl::text FROM pg_database ORDER BY 1",
    "roles": "SELECT * FROM pg_authid ORDER BY oid",
    "comments": "SELECT objoid, classoid, description FROM pg_shdescription ORDER BY 1, 2",
    "resets": "SELECT datname, stats_reset FROM pg_stat_database WHERE datname = current_database()",
    "statement resets": "SELECT stats_reset FROM pg_stat_statements_info",
    "maintenance": "SELECT relname, vacuum_count, analyze_count, n_tup_ins, n_tup_upd, n_tup_del"
    " FROM pg_stat_user_tables ORDER BY 1",
    "storage": "SELECT relname, relfilenode, reloptions FROM pg_class WHERE oid >= 16384 ORDER BY 1",
}


@dataclass(frozen=True, slots=True)
class Foreign:
    """The database, as its owner and as superuser, on a server of ours."""

    owner: Endpoint
    admin: Endpoint
    bindir: Path

    @property
    def dsn(self) -> str:
        """How a user names it: the password is in PGPASSWORD."""
        return f"host={self.owner.host} port={self.owner.port} dbname={self.owner.dbname} user={self.owner.user}"

    def digest(self) -> dict[str, str]:
        """Return a hash of every part that could change, by its name."""
        dump = subprocess.run(
            [self.bindir / "pg_dump", "--create", "--no-sync", "--restrict-key=same"],
            env={**os.environ, **_variables(self.admin)},
            capture_output=True,
            check=True,
        ).stdout
        with connected(self.admin) as connection:
            parts: dict[str, Any] = {
                name: connection.execute(query.encode()).fetchall() for name, query in STATE.items()
            }
        return {"dump": _hash(dump)} | {name: _hash(repr(rows).encode()) for name, rows in parts.items()}


def _hash(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _variables(endpoint: Endpoint) -> dict[str, str]:
    return {
        "PGHOST": endpoint.host,
        "PGPORT": str(endpoint.port),
        "PGUSER": endpoint.user,
        "PGPASSWORD": endpoint.password,
        "PGDATABASE": endpoint.dbname,
    }


@contextlib.contextmanager
def foreign_database(environment: Environment, name: str = "theirs") -> Iterator[Foreign]:
    """Make a database with content, settings and an owner of its own, for the length of a block."""
    server = msgspec.structs.replace(environment.admin, dbname="postgres")
    admin = msgspec.structs.replace(environment.admin, dbname=name)
    owner = msgspec.structs.replace(admin, user=OWNER, password=PASSWORD)
    database, role = sql.Identifier(name), sql.Identifier(OWNER)
    with connected(server) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, sql.Literal(PASSWORD)))
        connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(database, role))
        connection.execute(sql.SQL("ALTER DATABASE {} SET work_mem = '5MB'").format(database))
        connection.execute(sql.SQL("ALTER ROLE {} IN DATABASE {} SET jit = off").format(role, database))
        connection.execute(sql.SQL("COMMENT ON DATABASE {} IS 'hands off'").format(database))
    try:
        with connected(admin) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        with connected(owner) as connection:
            connection.execute(CONTENT.encode())
        with connected(admin) as connection:  # a session tells what it did when it ends, or a little later
            eventually(lambda: connection.execute(INSERTED.encode()).fetchone() == (500,), "the rows are counted")
        yield Foreign(owner, admin, environment.postgres.bindir)
    finally:
        with connected(server) as connection:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(database))
            connection.execute(sql.SQL("DROP ROLE {}").format(role))


def commands_with_dsn() -> set[str]:
    """Return every command that can be pointed at a database, by its words."""
    context = click.Context(cli)
    found: set[str] = set()
    for name in COMMANDS:
        command = cli.get_command(context, name)
        assert command is not None, name
        commands = {name: command}
        if isinstance(command, click.Group):
            commands = {f"{name} {sub}": each for sub, each in command.commands.items()}
        found |= {
            words for words, each in commands.items() if any(parameter.name == "dsn" for parameter in each.params)
        }
    return found
