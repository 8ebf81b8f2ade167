"""The embedded environment: one PostgreSQL, one pgBouncer, their roles and database, attached to us or left running."""

from __future__ import annotations

import contextlib
import json
import signal
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from psycopg import sql

from bench.environment.connection import connected
from bench.environment.pgbouncer import CONSOLE_USER, PgBouncer, PoolerSettings, find_pgbouncer
from bench.environment.postgres import ADMIN, DATABASE, Postgres, embedded_bindir, major_version, reachable_install
from bench.environment.process import end_process, is_alive, let_go, make_folder, server_account
from bench.environment.state import (
    Detached,
    exclusive_use,
    make_state_folder,
    read_detached,
    read_secrets,
    server_place,
    write_detached,
)
from bench.model.endpoint import Endpoint
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator

APP = "bench_app_login"
GROUPS = ("bench_owner", "bench_app")
MARKER = "poolbench"
"""A database carries this in its comment when it is ours to migrate, seed and change."""


@dataclass(frozen=True, slots=True)
class Where:
    """Which embedded environment: its state folder, and binaries where not the default ones."""

    state_root: Path
    pg_bin: Path | None = None
    pgbouncer: Path | None = None


@dataclass(frozen=True, slots=True)
class Environment:
    """A running embedded environment."""

    postgres: Postgres
    pooler: PgBouncer
    app_password: str
    notes: tuple[str, ...]
    """Defaults taken because something was missing: printed and stored."""

    def _at(self, port: int, user: str, password: str) -> Endpoint:
        return Endpoint(host="127.0.0.1", port=port, dbname=DATABASE, user=user, password=password)

    @property
    def admin(self) -> Endpoint:
        """The database as superuser: for migrations, seeding and counters, never for load."""
        return self._at(self.postgres.port, ADMIN, self.postgres.admin.password)

    @property
    def app(self) -> Endpoint:
        """The database as the application's login, subject to row-level security."""
        return self._at(self.postgres.port, APP, self.app_password)

    @property
    def pooled(self) -> Endpoint:
        """The same through pgBouncer."""
        return self._at(self.pooler.port, APP, self.app_password)

    def exports(self) -> dict[str, str]:
        """Return the shell exports of `bench env`; they hold passwords."""
        return {
            "BENCH_DSN": self.admin.dsn(),
            "BENCH_APP_DSN": self.app.dsn(),
            "BENCH_POOLER_DSN": self.pooled.dsn(),
            "BENCH_POOLER_ADMIN_DSN": self.pooler.console.dsn(),
        }


def _prepare_database(postgres: Postgres, app_password: str) -> None:
    """Create the group roles, the application's login and the marked database, unless they are there."""
    with connected(postgres.admin) as connection:
        roles = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        for group in GROUPS:
            if group not in roles:
                connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(group)))
        verb = "ALTER" if APP in roles else "CREATE"
        login = sql.SQL(f"{verb} ROLE {{}} LOGIN PASSWORD {{}}")
        connection.execute(login.format(sql.Identifier(APP), sql.Literal(app_password)))
        connection.execute(sql.SQL("GRANT bench_app TO {}").format(sql.Identifier(APP)))
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
        if not known:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(DATABASE)))
            comment = sql.SQL("COMMENT ON DATABASE {} IS {}")
            marker = json.dumps({"marker": MARKER})
            connection.execute(comment.format(sql.Identifier(DATABASE), sql.Literal(marker)))
    with connected(msgspec.structs.replace(postgres.admin, dbname=DATABASE)) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")


def _assemble(where: Where) -> tuple[Postgres, PgBouncer, str, tuple[str, ...]]:
    root = make_state_folder(where.state_root)
    account = server_account()
    place = server_place(root, account)
    notes = []
    if account.switch:
        notes.append(f"running as root: the servers run as {account.name}")
    if place != root:
        notes.append(f"{account.name} cannot enter {root}: the servers keep their data in {place}")
    source = where.pg_bin or embedded_bindir()
    version = major_version(source)
    bindir = reachable_install(source, account, place)
    name = f"pg{version}"
    secrets = read_secrets(root, name)
    postgres = Postgres(bindir, make_folder(place / name, account), account, secrets.admin)
    binary = find_pgbouncer(where.pgbouncer, root)
    users = {APP: secrets.app, CONSOLE_USER: secrets.console}
    pooler = PgBouncer(binary, place / f"{name}-pgbouncer", account, users)
    notes.extend(caveat.text for caveat in pooler.caveats)
    return postgres, pooler, secrets.app, tuple(notes)


def _start(where: Where, *, detached: bool) -> Environment:
    postgres, pooler, app_password, notes = _assemble(where)
    try:
        postgres.initialise()
        postgres.start(detached=detached)
        _prepare_database(postgres, app_password)
        pooler.start(postgres.port, detached=detached)
    except BaseException:
        pooler.stop()
        postgres.stop()
        raise
    return Environment(postgres, pooler, app_password, notes)


def find_running(where: Where) -> Environment | None:
    """Return the environment that `bench up` left running, None if there is none (or its processes are gone)."""
    root = make_state_folder(where.state_root)
    state = read_detached(root)
    if state is None or not (is_alive(state.pg_pid, "postgres") and is_alive(state.pooler_pid, "pgbouncer")):
        return None
    known = Where(where.state_root, Path(state.bindir), Path(state.pgbouncer))
    postgres, pooler, app_password, notes = _assemble(known)
    postgres.port = state.pg_port
    settings = PoolerSettings(state.mode, state.pool_size, state.max_prepared_statements)
    pooler.adopt(state.pooler_port, state.pg_port, settings)
    return Environment(postgres, pooler, app_password, notes)


def describe(environment: Environment | None) -> dict[str, Any]:
    """Return what may be shown of an environment: versions and ports, no secret."""
    if environment is None:
        return {"running": False}
    postgres, pooler = environment.postgres, environment.pooler
    return {
        "running": True,
        "postgresql": {"version": postgres.version, "port": postgres.port, "database": DATABASE},
        "pgbouncer": {"version": ".".join(map(str, pooler.version)), "port": pooler.port, "mode": pooler.settings.mode},
        "notes": list(environment.notes),
    }


def pids(environment: Environment, where: Where) -> tuple[int | None, int | None]:
    """Return the process ids of server and pooler."""
    if environment.pooler.process is not None and environment.postgres.process is not None:
        return environment.postgres.process.pid, environment.pooler.process.pid
    state = read_detached(where.state_root.resolve())
    return (state.pg_pid, state.pooler_pid) if state else (None, None)


def up(where: Where) -> Environment:
    """Start both servers and leave them running; what runs already is returned as it is."""
    with exclusive_use(where.state_root):
        running = find_running(where)
        if running is not None:
            _refuse_other_version(running, where)
            return running
        _clean_up(where)
        environment = _start(where, detached=True)
        postgres, pooler = environment.postgres, environment.pooler
        if postgres.process is None or pooler.process is None:
            raise RuntimeError("started servers have processes")
        state = Detached(
            pg_version=postgres.version,
            bindir=str(postgres.bindir),
            pg_port=postgres.port,
            pg_pid=let_go(postgres.process),
            pgbouncer=str(find_pgbouncer(where.pgbouncer, where.state_root.resolve())),
            pooler_port=pooler.port,
            pooler_pid=let_go(pooler.process),
            mode=pooler.settings.mode,
            pool_size=pooler.settings.pool_size,
            max_prepared_statements=pooler.settings.max_prepared_statements,
        )
        write_detached(where.state_root.resolve(), state)
        postgres.process = pooler.process = None
        return environment


def _refuse_other_version(running: Environment, where: Where) -> None:
    if where.pg_bin is not None and major_version(where.pg_bin) != running.postgres.version:
        raise SetupError(
            f"PostgreSQL {running.postgres.version} is running in {where.state_root}, another version was asked for",
            remedy="Run `bench down` first, or use another folder with `--state DIR`.",
        )


def _clean_up(where: Where) -> bool:
    """End what a crash left of a detached environment; tells whether anything was recorded."""
    root = where.state_root.resolve()
    state = read_detached(root)
    if state is None:
        return False
    if is_alive(state.pooler_pid, "pgbouncer"):
        end_process(state.pooler_pid, (signal.SIGQUIT,), patience_s=3)
    if is_alive(state.pg_pid, "postgres"):
        end_process(state.pg_pid, (signal.SIGINT, signal.SIGQUIT), patience_s=20)
    write_detached(root, None)
    return True


def down(where: Where) -> bool:
    """Stop what `bench up` started; tells whether anything ran. Safe to repeat."""
    if not where.state_root.is_dir():
        return False
    with exclusive_use(where.state_root):
        return _clean_up(where)


@contextlib.contextmanager
def session(where: Where) -> Iterator[Environment]:
    """Use the running environment, or start one that ends with this block, and with this process however it ends."""
    with exclusive_use(where.state_root):
        running = find_running(where)
        if running is not None:
            _refuse_other_version(running, where)
            yield running
            return
        _clean_up(where)
        environment = _start(where, detached=False)
        try:
            yield environment
        finally:
            environment.pooler.stop()
            environment.postgres.stop()
