"""A private server of each tested version, and an empty database on it for every test that asks."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import errors, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from bench.environment import migrations
from bench.environment.account import make_folder, server_account, write_private
from bench.environment.binaries import reachable_install
from bench.environment.process import free_port, run_as
from tests.conftest import BINDIRS, make_open_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True)
class Server:
    """A running server: where it listens, and its superuser's password."""

    version: str
    port: int
    password: str

    def dsn(self, database: str, user: str = "postgres", password: str | None = None) -> str:
        """Return the conninfo text of one database."""
        return make_conninfo(
            host="127.0.0.1", port=self.port, user=user, password=password or self.password, dbname=database
        )


VERSIONS = {"18": "embedded", "15": "system"}


@pytest.fixture(scope="session", params=list(VERSIONS))
def pg_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """Start a server of this version in a private folder, and stop it at the end."""
    root, account = make_open_folder(), server_account()
    binaries = reachable_install(BINDIRS[VERSIONS[request.param]](), account, root)
    folder = make_folder(root / "server", account)
    data = folder / "data"
    server = Server(version=request.param, port=free_port(), password=secrets.token_urlsafe(16))
    secret = folder / "password"
    write_private(secret, server.password, account)
    run_as(
        account,
        [binaries / "initdb", "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8",
         "--locale", "C", "--no-sync"],
    )  # fmt: skip
    secret.unlink()
    settings = (
        f"-p {server.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c fsync=off"
        " -c shared_buffers=64MB -c max_connections=40 -c timezone=UTC"
    )
    log = folder / "log"
    pg_ctl: list[str | Path] = [binaries / "pg_ctl", "-D", data, "-w", "-t", "60"]
    try:
        # Output goes to a file: a server that inherited our pipe would keep it open.
        run_as(account, [*pg_ctl, "-l", log, "-o", settings, "start"])
        yield server
    finally:
        run_as(account, [*pg_ctl, "-m", "immediate", "stop"])
        shutil.rmtree(root)


@contextlib.contextmanager
def _empty_database(server: Server) -> Iterator[str]:
    name = f"t_{secrets.token_hex(6)}"
    with psycopg.connect(server.dsn("postgres"), autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        yield server.dsn(name)
        admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
        # Roles belong to the server: the next test must find it as this one did.
        with contextlib.suppress(errors.DependentObjectsStillExist):
            admin.execute("DROP ROLE IF EXISTS bench_app, bench_owner")


@pytest.fixture
def database(pg_server: Server) -> Iterator[str]:
    """Create an empty database, give the superuser's DSN of it, and drop it."""
    with _empty_database(pg_server) as dsn:
        yield dsn


@pytest.fixture
def other_database(pg_server: Server) -> Iterator[str]:
    """Create a second empty database on the same server."""
    with _empty_database(pg_server) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def fingerprint() -> Callable[[str], set[tuple[str, str, str]]]:
    """Give a function that lists what a database holds, as facts, the state machines' steps among them."""
    query = (Path(__file__).parent / "fingerprint.sql").read_bytes()

    def facts(dsn: str) -> set[tuple[str, str, str]]:
        with psycopg.connect(dsn) as connection:
            found = {(str(kind), str(name), str(fact)) for kind, name, fact in connection.execute(query)}
            if ("type", "state_transitions", "c bench_owner") in found:
                steps = connection.execute(
                    "SELECT machine, from_state || ' > ' || to_state, reason FROM state_transitions"
                )
                found |= {(f"step of {machine}", step, reason) for machine, step, reason in steps}
        return found

    return facts


@pytest.fixture
def owner_login(pg_server: Server, database: str) -> Iterator[str]:
    """Give the database to a login that may create roles and nothing more, and its DSN."""
    name, password = f"owner_{secrets.token_hex(4)}", secrets.token_urlsafe(8)
    role, dbname = sql.Identifier(name), str(conninfo_to_dict(database)["dbname"])
    with psycopg.connect(database, autocommit=True) as admin:
        admin.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEROLE PASSWORD {}").format(role, sql.Literal(password)))
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO {}").format(sql.Identifier(dbname), role))
        if pg_server.version < "15":  # from 15 on the schema belongs to the database's owner
            admin.execute(sql.SQL("ALTER SCHEMA public OWNER TO {}").format(role))
        yield pg_server.dsn(dbname, name, password)
        admin.execute(sql.SQL("ALTER DATABASE {} OWNER TO postgres").format(sql.Identifier(dbname)))
        admin.execute(sql.SQL("DROP OWNED BY {} CASCADE").format(role))
        admin.execute(sql.SQL("DROP ROLE {}").format(role))


@pytest.fixture
def at_003(database: str) -> str:
    """Give the DSN of a database at revision 003, without data."""
    migrations.upgrade(database, "003")
    return database
