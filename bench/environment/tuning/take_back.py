"""Takes back what the journal says is applied: at the end of a tuning, and at the next start after a crash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.environment.roles import DATABASE
from bench.environment.tuning.clones import drop_databases
from bench.environment.tuning.server_settings import load_settings, restore_auto_conf

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.environment.postgres import Postgres
    from bench.environment.tuning.journal import Journal


def take_back(journal: Journal, postgres: Postgres, restart: Callable[[], None]) -> bool:
    """Restore settings and drop clones of a running server; tells whether there was anything. Safe to repeat."""
    admin = msgspec.structs.replace(postgres.admin, dbname=DATABASE)
    found = restore_auto_conf(postgres.data, postgres.account, journal)
    if found:
        load_settings(admin, restart)
    names = journal.read().databases
    if names:
        drop_databases(admin, names, journal)
    return found or bool(names)
