"""One change to what is measured, as values: what a candidate of `bench tune` applies and what is taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.model.scenario import Level

if TYPE_CHECKING:
    from collections.abc import Iterable


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """Each part is empty where it changes nothing. An empty change is the start itself."""

    scenario: dict[str, Level] = {}
    """Dotted keys of the scenario: pool, pooler and driver options."""
    pooler: dict[str, str] = {}
    """Further settings of ``pgbouncer.ini`` by their own names."""
    server: dict[str, str] = {}
    """Settings of ``postgresql.conf``."""
    sql: tuple[str, ...] = ()
    """Statements for one database, in order: indexes, statistics, settings of the database."""

    @property
    def slots(self) -> frozenset[str]:
        """What the change decides; two changes of the same slot exclude each other."""
        named = (("scenario", self.scenario), ("pooler", self.pooler), ("server", self.server))
        return frozenset(f"{part} {key}" for part, keys in named for key in keys) | {f"sql {s}" for s in self.sql}


def join(changes: Iterable[Change]) -> Change:
    """Return one change that makes them all; where two decide the same, the later one wins."""
    scenario: dict[str, Level] = {}
    pooler: dict[str, str] = {}
    server: dict[str, str] = {}
    sql: list[str] = []
    for change in changes:
        scenario |= change.scenario
        pooler |= change.pooler
        server |= change.server
        sql += [statement for statement in change.sql if statement not in sql]
    return Change(scenario=scenario, pooler=pooler, server=server, sql=tuple(sql))
