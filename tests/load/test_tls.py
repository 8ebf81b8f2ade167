"""TLS as a connection string asks for it holds for every connection of every driver, to server and pooler."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psycopg
import pytest
from psycopg.rows import dict_row

from bench.environment.account import server_account
from bench.environment.attached import Attachment, attach
from bench.environment.connection import connected
from bench.environment.pgbouncer import CONSOLE_USER, PgBouncer
from bench.environment.pooler_ini import PoolerSettings
from bench.environment.postgres import Postgres
from bench.environment.roles import ADMIN
from bench.load.pgbench import Pgbench
from bench.load.workers import Workers
from bench.model.errors import SetupError
from tests.conftest import BINDIRS, make_open_folder
from tests.load.pools import eventually
from tests.load.trials import scenario

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.model.endpoint import Endpoint
    from bench.model.scenario import Scenario

pytestmark = pytest.mark.pg

PASSWORD = "of everybody here"
KEY = ("-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1")
DRIVERS = ("asyncpg", "asyncpg-queue", "psycopg", "pgbench")
SECURED = """
SELECT coalesce(bool_and(ssl), false), count(*) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
WHERE application_name <> 'poolbench' AND client_port > 0
"""


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


def _make_certificates(folder: Path) -> None:
    """Make two authorities, and a certificate for 127.0.0.1 that the first one has signed."""
    for name in ("authority", "stranger"):
        uses = ("-addext", "keyUsage=critical,keyCertSign,cRLSign")
        files = ("-keyout", f"{name}.key", "-out", f"{name}.crt")
        _openssl(folder, "req", "-x509", "-days", "2", *KEY, "-subj", f"/CN={name}", *uses, *files)
    _openssl(folder, "req", *KEY, "-subj", "/CN=server", "-keyout", "server.key", "-out", "server.csr")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1\n")
    signer = ("-CA", "authority.crt", "-CAkey", "authority.key", "-days", "2", "-extfile", "names")
    _openssl(folder, "x509", "-req", "-in", "server.csr", *signer, "-out", "server.crt")
    for path in folder.glob("*.crt"):
        path.chmod(0o644)
    account = server_account()
    os.chown(folder / "server.key", account.uid, account.gid)
    (folder / "server.key").chmod(0o600)


@dataclass(frozen=True)
class Secured:
    """Server and pooler with certificates of an authority of our own, as a connection string reaches them."""

    folder: Path
    direct: Endpoint
    pooled: Endpoint
    bindir: Path

    def load(self, endpoint: Endpoint, what: Scenario) -> Workers | Pgbench:
        """Return the load generator of the scenario's driver."""
        if what.pool.driver == "pgbench":
            return Pgbench(self.bindir / "pgbench", endpoint, what, {}, 1, 2)
        return Workers(endpoint, what, {}, 1, 2)


@pytest.fixture(scope="module")
def secured(pgbouncer: Path | None) -> Iterator[Secured]:
    folder, account, bindir = make_open_folder(), server_account(), BINDIRS["system"]()
    _make_certificates(folder)
    certificate, key = str(folder / "server.crt"), str(folder / "server.key")
    postgres = Postgres(bindir, folder / "pg", account, PASSWORD)
    users = {ADMIN: PASSWORD, CONSOLE_USER: PASSWORD}
    pooler = PgBouncer(pgbouncer or Path("/usr/sbin/pgbouncer"), folder / "pooler", account, users)
    pooler.settings = PoolerSettings(
        pool_size=4,
        extra=(
            ("client_tls_sslmode", "require"),
            ("client_tls_cert_file", certificate),
            ("client_tls_key_file", key),
            ("server_tls_sslmode", "verify-full"),
            ("server_tls_ca_file", str(folder / "authority.crt")),
        ),
    )
    try:
        postgres.initialise()
        postgres.start(detached=False, settings={"ssl": "on", "ssl_cert_file": certificate, "ssl_key_file": key})
        with contextlib.suppress(SetupError):  # its console refuses whoever comes without TLS, as we wait for it
            pooler.start(postgres.port, detached=False)
        wanted = f"?sslmode=verify-full&sslrootcert={folder}/authority.crt"
        behind = msgspec.structs.replace(postgres.admin, port=pooler.port)
        with attach(Attachment(postgres.admin.dsn() + wanted, behind.dsn() + wanted)) as reached:
            assert reached.pooled is not None
            yield Secured(folder, reached.direct, reached.pooled, bindir)
    finally:
        pooler.stop()
        postgres.stop()
        shutil.rmtree(folder)


def _what(driver: str) -> Scenario:
    return scenario(pool__driver=driver, pool__size=2, pool__workers=1, load__clients=2, run__window="30s")


@pytest.mark.parametrize("driver", DRIVERS)
def test_every_driver_verifies_the_server_it_connects_to(secured: Secured, driver: str) -> None:
    with secured.load(secured.direct, _what(driver)) as load, connected(secured.direct) as connection:
        load.start()
        eventually(lambda: (connection.execute(SECURED.encode()).fetchone() or (False, 0))[1] >= 2)
        row = connection.execute(SECURED.encode()).fetchone()
    assert row is not None
    assert row[0], "every connection is encrypted"


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_every_driver_verifies_the_pooler_it_connects_to(secured: Secured, driver: str) -> None:
    console = msgspec.structs.replace(secured.pooled, dbname="pgbouncer", user=CONSOLE_USER)
    with (
        secured.load(secured.pooled, _what(driver)) as load,
        psycopg.connect(**console.libpq(), autocommit=True, row_factory=dict_row) as connection,
    ):
        load.start()
        eventually(lambda: len(connection.execute("SHOW CLIENTS").fetchall()) >= 3)
        clients = connection.execute("SHOW CLIENTS").fetchall()
    assert all(row["tls"] for row in clients)


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_no_driver_connects_to_a_server_that_a_stranger_vouches_for(secured: Secured, driver: str) -> None:
    tls = (("sslmode", "verify-full"), ("sslrootcert", f"{secured.folder}/stranger.crt"))
    deceived = msgspec.structs.replace(secured.direct, tls=tls)

    def begin() -> None:
        with secured.load(deceived, _what(driver)) as load:
            load.start()

    with pytest.raises(SetupError, match=r"certificate"):
        begin()
