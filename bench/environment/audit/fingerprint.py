"""What a database holds, as a set of facts that can be subtracted from each other."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING, NamedTuple

from psycopg import sql

from bench.environment.audit.session import opened

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.model.endpoint import Endpoint

ROW_LIMIT = 2000
"""Rows of a table that are facts; migrations write a few of their own, never more."""
_FILLED_TABLES = """
SELECT c.oid::regclass::text FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
  AND c.relname !~ '^alembic_version' AND pg_relation_size(c.oid) > 0
"""


class Fact(NamedTuple):
    """One thing a database holds. Facts of the same kind and name speak of the same object."""

    kind: str
    name: str
    text: str
    part_of: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Which object it speaks of."""
        return self.kind, self.name


Facts = frozenset[Fact]


def audit_sql(name: str) -> str:
    """Return one of the audit's own queries."""
    return (resources.files("bench.environment.audit") / "sql" / f"{name}.sql").read_text("utf-8")


def read_fingerprint(endpoint: Endpoint) -> Facts:
    """Read every fact of a database, the rows of its tables among them."""
    with opened(endpoint) as connection:
        facts = {Fact(*row) for row in connection.execute(audit_sql("fingerprint").encode())}
        for (table,) in connection.execute(_FILLED_TABLES.encode()).fetchall():
            query = sql.SQL("SELECT t::text FROM ONLY {} AS t LIMIT {}").format(sql.SQL(table), sql.Literal(ROW_LIMIT))
            facts |= {Fact("row of", table, row, table) for (row,) in connection.execute(query)}
    return frozenset(facts)


def objects(facts: Iterable[Fact]) -> list[str]:
    """Name the objects of some facts, each once; a part is named only where the whole of it is not."""
    found = list(facts)
    wholes = {fact.name for fact in found if fact.part_of != fact.name}
    return sorted({f"{fact.kind} {fact.name}" for fact in found if fact.part_of not in wholes})
