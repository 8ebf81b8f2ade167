"""Generated configuration tried on scratch servers: started with the very file, read back from the server itself."""

from __future__ import annotations

import contextlib
import secrets
import shutil
from typing import TYPE_CHECKING

import msgspec
from psycopg.rows import dict_row

from bench.analysis.configuration.setting import same_value
from bench.environment.account import server_account, write_private
from bench.environment.binaries import embedded_bindir, major_version, reachable_install
from bench.environment.connection import connected
from bench.environment.pgbouncer import CONSOLE_USER, PgBouncer
from bench.environment.pooler_binary import find_pgbouncer
from bench.environment.postgres import Postgres
from bench.environment.roles import ADMIN
from bench.environment.state import exclusive_use, make_state_folder, server_place

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.analysis.configuration.setting import Setting
    from bench.environment.account import Account
    from bench.environment.embedded import Where

FILE = "poolbench.conf"
_READ = "SELECT name, setting, unit, pending_restart, sourcefile, current_setting(name) AS shown FROM pg_settings"
_PLACE = """%include {generated}
; The included file ended in its section [pgbouncer]; a second head would set that section back to its defaults.
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_file = {users}
admin_users = {console_user}
logfile = {log}
pidfile =
[databases]
* = host=127.0.0.1 port={server_port}
"""
"""What belongs to the trial, not to the file: where things are. A later line wins."""


class ReadBack(msgspec.Struct, frozen=True, kw_only=True):
    """One setting as it was written and as the running server has it. ``doubt`` is empty where they agree."""

    name: str
    wanted: str
    in_force: str
    doubt: str = ""


class ConfiguredPgBouncer(PgBouncer):
    """A pooler that runs a given file; only addresses, users and logs are ours."""

    def __init__(self, binary: Path, folder: Path, account: Account, users: dict[str, str], generated: str) -> None:
        super().__init__(binary, folder, account, users)
        self._generated = generated

    def _text(self, number: int) -> str:
        del number  # one process
        file = self._folder / "generated.ini"
        write_private(file, self._generated, self._account)
        return _PLACE.format(
            generated=file,
            server_port=self._server_port,
            port=self.port,
            users=self._folder / "userlist.txt",
            console_user=CONSOLE_USER,
            log=self.log,
        )


@contextlib.contextmanager
def scratch_server(where: Where, text: str) -> Iterator[Postgres]:
    """Run an empty server with the generated file included; it and its data are gone at the end.

    Holds the state folder, so that nothing is measured beside it, and the next command cleans up after a crash.
    """
    with exclusive_use(where.state_root):
        account = server_account()
        place = server_place(make_state_folder(where.state_root), account)
        bindir = reachable_install((where.pg_bin or embedded_bindir()).resolve(), account, place)
        folder = place / f"pg{major_version(bindir)}-scratch"
        shutil.rmtree(folder, ignore_errors=True)
        server = Postgres(bindir, folder, account, secrets.token_urlsafe(24))
        try:
            server.initialise()
            write_private(server.data / FILE, text, account)
            server.start(detached=False, settings={"include": FILE})
            yield server
        finally:
            server.stop()
            shutil.rmtree(folder, ignore_errors=True)


def read_back_server(server: Postgres, settings: tuple[Setting, ...]) -> tuple[ReadBack, ...]:
    """Compare what was written with ``pg_settings``: value by unit, origin, and nothing left for a restart."""
    with connected(server.admin, row_factory=dict_row) as connection:
        rows = {row["name"]: row for row in connection.execute(_READ)}
    found = []
    for setting in settings:
        row = rows.get(setting.name)
        doubt = ""
        if row is None:
            doubt = "the server has no such setting"
        elif row["pending_restart"]:
            doubt = "waits for a restart"
        elif not same_value(setting.value, row["setting"], row["unit"]):
            doubt = "another value is in force"
        elif not str(row["sourcefile"]).endswith(FILE):
            doubt = f"set by {row['sourcefile'] or 'nobody'}"
        shown = str(row["shown"]) if row else "none"
        found.append(ReadBack(name=setting.name, wanted=setting.value, in_force=shown, doubt=doubt))
    return tuple(found)


@contextlib.contextmanager
def scratch_pooler(where: Where, server: Postgres, text: str) -> Iterator[ConfiguredPgBouncer]:
    """Run pgBouncer with the generated file in front of a scratch server."""
    binary = find_pgbouncer(where.pgbouncer, where.state_root.resolve())
    users = {ADMIN: server.admin.password, CONSOLE_USER: secrets.token_urlsafe(24)}
    folder = server.data.parent.with_name(f"{server.data.parent.name}-pgbouncer")
    pooler = ConfiguredPgBouncer(binary, folder, server_account(), users, text)
    try:
        pooler.start(server.port, detached=False)
        yield pooler
    finally:
        pooler.stop()
        shutil.rmtree(folder, ignore_errors=True)


def read_back_pooler(pooler: ConfiguredPgBouncer, settings: tuple[Setting, ...]) -> tuple[ReadBack, ...]:
    """Compare what was written with SHOW CONFIG; what names a place is the trial's own and left out."""
    with connected(pooler.console, row_factory=dict_row) as connection:
        shown = {row["key"]: row["value"] for row in connection.execute("SHOW CONFIG")}
    found = []
    for setting in settings:
        if setting.place:
            continue
        value = shown.get(setting.name)
        doubt = ""
        if value is None:
            doubt = "the pooler has no such setting"
        elif not same_value(setting.value, value):
            doubt = "another value is in force"
        found.append(ReadBack(name=setting.name, wanted=setting.value, in_force=value or "none", doubt=doubt))
    return tuple(found)


def ask_through(pooler: ConfiguredPgBouncer, server: Postgres) -> str:
    """Send one query through the pooler; returns the server's version as it came back."""
    through = msgspec.structs.replace(server.admin, port=pooler.port)
    with connected(through) as connection:
        row = connection.execute("SHOW server_version").fetchone()
    return str(row[0]) if row else ""
