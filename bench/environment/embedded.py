"""The embedded environment: one PostgreSQL, one pgBouncer, their roles and database, attached to us or left running."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.environment.account import server_account
from bench.environment.binaries import embedded_bindir, major_version, missing_libraries, reachable_install
from bench.environment.leftovers import end_leftovers, remove_data
from bench.environment.pgbouncer import CONSOLE_USER, PgBouncer
from bench.environment.pooler_binary import find_pgbouncer
from bench.environment.postgres import Postgres
from bench.environment.process import let_go, runs_with
from bench.environment.roles import ADMIN, APP, DATABASE, prepare_database
from bench.environment.state import (
    Detached,
    exclusive_use,
    make_state_folder,
    read_detached,
    read_secrets,
    server_place,
    write_detached,
)
from bench.environment.tuning.journal import FILE as JOURNAL
from bench.environment.tuning.journal import Journal
from bench.environment.tuning.server_settings import restore_auto_conf
from bench.environment.tuning.take_back import take_back
from bench.model.endpoint import Endpoint
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    app_password: str = field(repr=False)
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
    bindir = reachable_install(source.resolve(), account, place)
    if bindir != source.resolve():
        notes.append(f"{account.name} cannot enter {source}: the servers run from a copy in {bindir}")
    name = f"pg{version}"
    secrets = read_secrets(place, name)
    postgres = Postgres(bindir, place / name, account, secrets.admin)
    notes.extend(f"PostgreSQL {version} lacks {library}: it is not loaded" for library in missing_libraries(bindir))
    binary = find_pgbouncer(where.pgbouncer, root)
    users = {APP: secrets.app, CONSOLE_USER: secrets.console}
    pooler = PgBouncer(binary, place / f"{name}-pgbouncer", account, users)
    notes.extend(f"{caveat.text} ({caveat.cure})" for caveat in pooler.caveats)
    return postgres, pooler, secrets.app, tuple(notes)


def _start(where: Where, *, detached: bool) -> Environment:
    postgres, pooler, app_password, notes = _assemble(where)
    try:
        postgres.initialise()
        journal = Journal(where.state_root / JOURNAL)
        restore_auto_conf(postgres.data, postgres.account, journal)  # what a killed tuning left
        postgres.start(detached=detached)
        prepare_database(postgres.admin, app_password)
        take_back(journal, postgres, lambda: None)
        pooler.start(postgres.port, detached=detached)
        environment = Environment(postgres, pooler, app_password, notes)
        if detached:
            _record(environment, where)
    except BaseException:
        pooler.stop()
        postgres.stop()
        raise
    return environment


def _record(environment: Environment, where: Where) -> None:
    postgres, pooler = environment.postgres, environment.pooler
    if postgres.process is None or pooler.process is None:
        raise RuntimeError("started servers have processes")
    root = where.state_root.resolve()
    state = Detached(
        pg_version=postgres.version,
        bindir=str(postgres.bindir),
        pg_port=postgres.port,
        pg_pid=postgres.process.pid,
        pgbouncer=str(find_pgbouncer(where.pgbouncer, root)),
        pooler_port=pooler.port,
        pooler_pid=pooler.process.pid,
    )
    write_detached(root, state)
    let_go(postgres.process)
    let_go(pooler.process)
    postgres.process = pooler.process = None


def restart_server(environment: Environment, where: Where) -> None:
    """Restart the server on its port, for settings that a reload does not change."""
    postgres, root = environment.postgres, where.state_root.resolve()
    detached = postgres.process is None
    postgres.stop()
    postgres.start(detached=detached, port=postgres.port)
    state = read_detached(root) if detached else None
    if state is not None and postgres.process is not None:
        write_detached(root, msgspec.structs.replace(state, pg_pid=postgres.process.pid))
        let_go(postgres.process)
        postgres.process = None


def find_running(where: Where) -> Environment | None:
    """Return the environment that `bench up` left running, None if there is none (or its processes are gone)."""
    state = read_detached(where.state_root) if where.state_root.is_dir() else None
    if state is None or not all(_alive(where.state_root.resolve(), state)):
        return None
    known = Where(where.state_root, Path(state.bindir), Path(state.pgbouncer))
    postgres, pooler, app_password, notes = _assemble(known)
    postgres.port = state.pg_port
    pooler.adopt(state.pooler_port, state.pg_port)
    return Environment(postgres, pooler, app_password, notes)


def _alive(root: Path, state: Detached) -> tuple[bool, bool]:
    """Tell whether server and pooler still run: processes with these ids, on the files of this state folder."""
    place, name = server_place(root, server_account()), f"pg{state.pg_version}"
    return (
        runs_with(state.pg_pid, place / name / "data"),
        runs_with(state.pooler_pid, place / f"{name}-pgbouncer" / "pgbouncer.ini"),
    )


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


def own_pids(environment: Environment) -> tuple[int | None, int | None]:
    """Return the process ids of server and pooler that this process has started."""
    server, pooler = environment.postgres.process, environment.pooler.process
    return (None if server is None else server.pid, None if pooler is None else pooler.pid)


def pids(environment: Environment, where: Where) -> tuple[int | None, int | None]:
    """Return the process ids of server and pooler, also of those that `bench up` left running."""
    own = own_pids(environment)
    if None not in own:
        return own
    state = read_detached(where.state_root.resolve())
    return (state.pg_pid, state.pooler_pid) if state else (None, None)


def up(where: Where) -> Environment:
    """Start both servers and leave them running; what runs already is returned as it is."""
    with exclusive_use(where.state_root):
        running = find_running(where)
        if running is not None:
            _refuse_others(running, where)
            return running
        end_leftovers(where.state_root)
        return _start(where, detached=True)


def _refuse_others(running: Environment, where: Where) -> None:
    """Refuse to pass off what runs as the binaries that were named."""
    root = where.state_root.resolve()
    account = server_account()
    asked: list[tuple[str, Path, Path]] = []
    if where.pg_bin is not None:
        bindir = reachable_install(where.pg_bin.resolve(), account, server_place(root, account))
        asked.append(("PostgreSQL", bindir, running.postgres.bindir))
    if where.pgbouncer is not None:
        asked.append(("pgBouncer", find_pgbouncer(where.pgbouncer, root), running.pooler.binary))
    for name, wanted, have in asked:
        if wanted != have:
            raise SetupError(
                f"another {name} is running in {where.state_root} than the one asked for",
                evidence=f"running: {have}; asked for: {wanted}",
                remedy="Run `bench down` first, or use another folder with `--state DIR`.",
            )


def down(where: Where) -> bool:
    """Stop what `bench up` started; tells whether anything ran. Safe to repeat."""
    if not where.state_root.is_dir():
        return False
    with exclusive_use(where.state_root):
        return end_leftovers(where.state_root)


def remove(where: Where) -> list[Path]:
    """Stop the servers and remove their data, copies and secrets; returns what was removed. A built pgBouncer stays."""
    if not where.state_root.is_dir():
        return []
    with exclusive_use(where.state_root):
        return remove_data(where.state_root)


@contextlib.contextmanager
def session(where: Where) -> Iterator[Environment]:
    """Use the running environment, or start one that ends with this block, and with this process however it ends."""
    with exclusive_use(where.state_root):
        running = find_running(where)
        if running is not None:
            _refuse_others(running, where)
            journal = Journal(where.state_root / JOURNAL)
            take_back(journal, running.postgres, lambda: restart_server(running, where))
            yield running
            return
        end_leftovers(where.state_root)
        environment = _start(where, detached=False)
        try:
            yield environment
        finally:
            environment.pooler.stop()
            environment.postgres.stop()
