"""The shape of a table that is partitioned by month, and what can be wrong with it."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
from psycopg import sql
from psycopg.rows import tuple_row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import psycopg

_CHILDREN = """
SELECT c.relname::text, lower(b.span), upper(b.span), pg_get_expr(c.relpartbound, c.oid) = 'DEFAULT',
       c.relrowsecurity, p.relrowsecurity,
       ARRAY(SELECT g.grantee::regrole::text FROM aclexplode(c.relacl) AS g WHERE g.grantee <> c.relowner)
FROM pg_inherits AS i
JOIN pg_class AS c ON c.oid = i.inhrelid
JOIN pg_class AS p ON p.oid = i.inhparent
CROSS JOIN LATERAL (SELECT regexp_match(pg_get_expr(c.relpartbound, c.oid),
                                        'FROM \\(''([0-9][^'']*)''\\) TO \\(''([0-9][^'']*)''\\)') AS text) AS t
CROSS JOIN LATERAL (SELECT tstzrange(t.text[1]::timestamptz, t.text[2]::timestamptz) AS span) AS b
WHERE i.inhparent = %s::regclass
ORDER BY 2
"""
_KEY = """
SELECT a.attname::text FROM pg_partitioned_table AS p
JOIN pg_attribute AS a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
WHERE p.partrelid = %s::regclass
"""
_DETACHED = """
SELECT relname::text FROM pg_class
WHERE relnamespace = (SELECT relnamespace FROM pg_class WHERE oid = %(parent)s::regclass) AND relkind = 'r'
  AND NOT relispartition AND relname ~ ('^' || %(parent)s || '_[0-9]{4}_[0-9]{2}$')
"""
_BROKEN_INDEXES = """
SELECT parent.relname::text || CASE WHEN NOT i.indisvalid THEN ' is invalid' ELSE ' is missing on ' || child.relname END
FROM pg_index AS i
JOIN pg_class AS parent ON parent.oid = i.indexrelid
JOIN pg_inherits AS h ON h.inhparent = i.indrelid
JOIN pg_class AS child ON child.oid = h.inhrelid
WHERE i.indrelid = %s::regclass
  AND (NOT i.indisvalid
       OR NOT EXISTS (SELECT FROM pg_inherits AS x JOIN pg_index AS y ON y.indexrelid = x.inhrelid
                        WHERE x.inhparent = i.indexrelid AND y.indrelid = child.oid AND y.indisvalid))
"""
_LACKING_TRIGGERS = """
SELECT t.tgname::text || ' on ' || c.relname
FROM pg_trigger AS t
JOIN pg_inherits AS i ON i.inhparent = t.tgrelid
JOIN pg_class AS c ON c.oid = i.inhrelid
WHERE t.tgrelid = %s::regclass AND NOT t.tgisinternal AND t.tgtype & 1 = 0
  AND NOT EXISTS (SELECT FROM pg_trigger AS o WHERE o.tgrelid = c.oid AND o.tgname = t.tgname AND o.tgenabled = 'O')
"""


class Check(msgspec.Struct, frozen=True):
    """One thing looked at; the remedy is empty where it passed."""

    name: str
    verdict: Literal["pass", "fail"]
    evidence: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Child:
    """A partition. The default one has no bounds."""

    name: str
    lower: datetime | None
    upper: datetime | None
    is_default: bool
    row_security: bool
    parent_row_security: bool
    grantees: list[str]


@dataclass(frozen=True, slots=True)
class Shape:
    """A table and its months, oldest first. ``strays`` counts the rows of the default partition by month."""

    table: str
    month: datetime
    """First instant of the current month by the server's clock, UTC."""
    children: tuple[Child, ...]
    strays: dict[datetime, int]
    detached: tuple[str, ...]

    @property
    def bounded(self) -> list[Child]:
        """The partitions that are not the default one."""
        return [child for child in self.children if not child.is_default]

    @property
    def default(self) -> str | None:
        """The name of the default partition."""
        return next((child.name for child in self.children if child.is_default), None)

    def months_back(self, limit: int) -> int:
        """Return how many months back rows wait in the default partition, no further than the limit."""
        back = [_distance(month, self.month) for month in self.strays]
        return max([0, *(months for months in back if 0 < months <= limit)])

    def missing(self, ahead: int, back: int) -> list[str]:
        """Name the months between that have no partition."""
        there = {child.lower for child in self.bounded}
        wanted = [add_months(self.month, number) for number in range(-back, ahead + 1)]
        return [f"{self.table}_{month:%Y_%m}" for month in wanted if month not in there]

    def default_rows_in(self, names: Sequence[str]) -> int:
        """Count the rows of the default partition that belong to these months."""
        return sum(rows for month, rows in self.strays.items() if f"{self.table}_{month:%Y_%m}" in names)

    def past(self, keep: int | None) -> list[str]:
        """Name the partitions that ended ``keep`` whole months before the current one began."""
        if keep is None:
            return []
        end = add_months(self.month, -keep)
        return [child.name for child in self.bounded if child.upper is not None and child.upper <= end]


def add_months(month: datetime, number: int) -> datetime:
    """Return the first of another month."""
    year, place = divmod(month.year * 12 + month.month - 1 + number, 12)
    return month.replace(year=year, month=place + 1)


def _distance(earlier: datetime, later: datetime) -> int:
    return (later.year - earlier.year) * 12 + later.month - earlier.month


def months_ahead(children: Sequence[Child], now: datetime) -> int | None:
    """Count the whole months after the one of ``now`` that are covered without a gap; -1 where it is not itself.

    None where a partition is open at one end, or not by time alone.
    """
    spans = [(one.lower, one.upper) for one in children if not one.is_default]
    reach = now
    for lower, upper in sorted((lower, upper) for lower, upper in spans if lower is not None and upper is not None):
        if lower <= reach < upper:
            reach = upper
    return None if any(None in span for span in spans) else _distance(now, reach) - 1


def read_children(connection: psycopg.Connection[Any], table: str) -> tuple[Child, ...]:
    """Read the partitions of a table, oldest first, from the catalog alone. The connection's time zone is UTC."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        return tuple(Child(*row) for row in cursor.execute(_CHILDREN.encode(), [table]))


def read_now(connection: psycopg.Connection[Any]) -> datetime:
    """Return the server's time. The connection's time zone is UTC."""
    with connection.cursor(row_factory=tuple_row) as cursor:
        row = cursor.execute("SELECT now()").fetchone()
    return row[0] if row else datetime.now(UTC)


def read_shape(connection: psycopg.Connection[Any], table: str) -> Shape:
    """Read what a table consists of now. The connection's time zone is UTC."""
    children = read_children(connection, table)
    key = connection.execute(_KEY.encode(), [table]).fetchone()
    default = next((child.name for child in children if child.is_default), None)
    strays: dict[datetime, int] = {}
    if default and key:
        query = sql.SQL("SELECT date_trunc('month', {}), count(*) FROM {} GROUP BY 1")
        strays = dict(connection.execute(query.format(sql.Identifier(key[0]), sql.Identifier(default))).fetchall())
    detached = tuple(name for (name,) in connection.execute(_DETACHED.encode(), {"parent": table}))
    month = read_now(connection).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return Shape(table, month, children, strays, detached)


def check(connection: psycopg.Connection[Any], shape: Shape, ahead: int, keep: int | None) -> Iterator[Check]:
    """Look at everything that is known to go wrong with partitions."""
    missing = shape.missing(ahead, 0)
    yield _judge(
        "months ahead", missing, f"{ahead} months ahead are there", "Run `bench schema partitions`.", "missing: "
    )
    strays = [f"{rows} of {month:%Y-%m}" for month, rows in sorted(shape.strays.items())]
    remedy = "Run this with --ahead and --keep that reach these months; later runs may keep less."
    yield _judge("default partition", strays, "it is empty", remedy, f"rows in {shape.default}: ")
    yield _judge("gaps", list(_gaps(shape)), "every month follows the one before", "Run with a larger --keep.")
    crooked = [child.name for child in shape.bounded if not _is_month(child)]
    yield _judge("bounds", crooked, "each is one month in UTC", "Detach it and attach it with UTC bounds.")
    if keep is not None:
        yield _judge(
            "retention", shape.past(keep), f"nothing is older than {keep} months", "Run `bench schema partitions`."
        )
    broken = [str(row[0]) for row in connection.execute(_BROKEN_INDEXES.encode(), [shape.table])]
    yield _judge("indexes", broken, "every index is valid and on every partition", "REINDEX, or create and attach it.")
    triggers = [str(row[0]) for row in connection.execute(_LACKING_TRIGGERS.encode(), [shape.table])]
    yield _judge("triggers", triggers, "statement triggers stand on every partition", "Create it there.", "lacking: ")
    granted = [f"{child.name} to {', '.join(child.grantees)}" for child in shape.children if child.grantees]
    yield _judge("grants", granted, "partitions are reached through the parent only", "REVOKE ALL on the partition.")
    open_ones = [child.name for child in shape.children if child.parent_row_security and not child.row_security]
    remedy = "ENABLE and FORCE ROW LEVEL SECURITY on the partition."
    yield _judge("row-level security", open_ones, "partitions are no way around the parent's policies", remedy)


def _judge(name: str, wrong: Sequence[str], good: str, remedy: str, lead: str = "") -> Check:
    if not wrong:
        return Check(name, "pass", good)
    return Check(name, "fail", lead + ", ".join(wrong), remedy)


def _gaps(shape: Shape) -> Iterator[str]:
    for earlier, later in itertools.pairwise(shape.bounded):
        if earlier.upper != later.lower:
            yield f"between {earlier.name} and {later.name}"


def _is_month(child: Child) -> bool:
    if child.lower is None or child.upper is None:
        return False
    first = child.lower.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    return child.lower == first and child.upper == add_months(first, 1)
