"""Settings of the embedded server that hold for all of it: ALTER SYSTEM, with a reload or a restart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import psycopg
from psycopg import sql

from bench.environment.account import write_private
from bench.environment.connection import connected
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from bench.environment.account import Account
    from bench.environment.tuning.journal import Journal
    from bench.model.endpoint import Endpoint

AUTO_CONF = "postgresql.auto.conf"
OF_A_DATABASE = ("user", "superuser")
"""Contexts of settings that may be set for one database; all others are the whole server's."""


def contexts(admin: Endpoint, names: list[str]) -> dict[str, str]:
    """Return the context of each setting that the server knows."""
    with connected(admin) as connection:
        query = "SELECT name, context FROM pg_settings WHERE name = ANY(%s)"
        return dict(connection.execute(query, [names]).fetchall())


class ServerSettings:
    """What is set for the whole server at the moment. Nothing at the start."""

    def __init__(self, admin: Endpoint, data: Path, journal: Journal, restart: Callable[[], None]) -> None:
        self._admin = admin
        self._data = data
        self._journal = journal
        self._restart = restart
        self._in_force: dict[str, str] = {}

    def bring(self, wanted: Mapping[str, str]) -> None:
        """Bring exactly these settings into force beside the server's own; raises ``SetupError``."""
        if dict(wanted) == self._in_force:
            return
        applied = self._journal.read()
        if applied.auto_conf is None:
            text = (self._data / AUTO_CONF).read_text()
            self._journal.write(msgspec.structs.replace(applied, auto_conf=text))
        try:
            with connected(self._admin) as connection:
                for name in self._in_force.keys() - wanted.keys():
                    connection.execute(sql.SQL("ALTER SYSTEM RESET {}").format(sql.Identifier(*name.split("."))))
                for name, value in wanted.items():
                    change = sql.SQL("ALTER SYSTEM SET {} = {}")
                    connection.execute(change.format(sql.Identifier(*name.split(".")), sql.Literal(value)))
        except psycopg.Error as error:
            raise SetupError(
                "the server does not take a setting",
                evidence=" ".join(str(error).split()),
                remedy="Check the name and the value in PostgreSQL's documentation.",
            ) from None
        self._in_force = dict(wanted)
        load_settings(self._admin, self._restart)


def load_settings(admin: Endpoint, restart: Callable[[], None]) -> None:
    """Reload the configuration, and restart where that is not enough."""
    with connected(admin) as connection:
        before = connection.execute("SELECT pg_conf_load_time()").fetchone()
        connection.execute("SELECT pg_reload_conf()")
        while connection.execute("SELECT pg_conf_load_time()").fetchone() == before:
            connection.execute("SELECT pg_sleep(0.01)")
        waiting = connection.execute("SELECT count(*) FROM pg_settings WHERE pending_restart").fetchone()
    if waiting and waiting[0]:
        restart()


def restore_auto_conf(data: Path, account: Account, journal: Journal) -> bool:
    """Put the file back as it was before the first change; tells whether there was anything to put back."""
    applied = journal.read()
    if applied.auto_conf is None:
        return False
    write_private(data / AUTO_CONF, applied.auto_conf, account)
    journal.write(msgspec.structs.replace(applied, auto_conf=None))
    return True
