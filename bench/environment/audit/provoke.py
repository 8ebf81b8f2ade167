"""One violation of every rule the catalogue lists: generated, tried until that very rule answers, and undone."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from bench.environment.audit.candidates import variations
from bench.environment.audit.generate import Solver, differing
from bench.environment.audit.rows import refusal

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from bench.environment.audit.candidates import Row
    from bench.environment.audit.catalogue import Catalogue, Column, Constraint, Index
    from bench.environment.audit.rows import Connection, Refusal, Writer

ABSENT = {"N": "987654321", "S": "zz-nobody", "D": "1901-01-01"}
"""A key that no parent has, by the column's category."""
_PARTITION_INDEXES = """
SELECT child.relname::text, parent.relname::text
FROM pg_inherits AS h
JOIN pg_class AS child ON child.oid = h.inhrelid
JOIN pg_class AS parent ON parent.oid = h.inhparent
WHERE parent.relkind = 'I'
"""
_ABSENT_UUID = "ffffffff-ffff-4fff-8fff-ffffffffffff"


@dataclass(frozen=True, slots=True)
class Provocation:
    """What became of the attempt to break one rule. ``refused`` is None if every attempt was taken or met another rule.

    ``implied_by`` names the smaller unique key that always answers first, so that the rule can never be met by itself.
    """

    table: str
    rule: str
    kind: str
    how: str = ""
    refused: Refusal | None = None
    met_instead: str = ""
    implied_by: str = ""

    @property
    def provoked(self) -> bool:
        """Tell whether the rule itself refused."""
        return self.refused is not None


@dataclass(frozen=True, slots=True)
class _Try:
    """A row to be written, new or in the place of one that is there, and the columns that are wrong on purpose."""

    row: Row
    changed: Sequence[str]
    instead_of: Row | None = None

    def describe(self) -> str:
        """Say what was tried, short enough for a line."""
        shown = ", ".join(f"{name} = {_short(self.row[name])}" for name in self.changed if name in self.row)
        return f"{'INSERT with' if self.instead_of is None else 'UPDATE to'} {shown}"


class Provoker:
    """Breaks the rules of one database, which holds valid rows."""

    def __init__(
        self, connection: Connection, catalogue: Catalogue, writer: Writer, rows: Mapping[str, Sequence[Row]]
    ) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._writer = writer
        self._rows = rows
        self._solver = Solver(connection, catalogue, writer)
        # A partition has its own name for each unique index of its parent.
        self._of_partitions = dict(connection.execute(_PARTITION_INDEXES.encode()).fetchall())
        self._columns = {table: {each.name: each for each in writer.columns(table)} for table in catalogue.tables}

    def all(self) -> Iterator[Provocation]:
        """Break every NOT NULL, CHECK, key, exclusion and foreign key once."""
        for table in self._catalogue.tables:
            yield from (self._not_null(table, column) for column in self._columns[table].values() if column.not_null)
            for constraint in self._catalogue.constraints_of(table, "c"):
                yield self._check(table, constraint)
            for index in self._catalogue.indexes_of(table):
                exclusion = self._named(index.constraint_name, table, "x")
                if index.is_unique or exclusion is not None:
                    yield self._duplicate(table, index, "exclusion" if exclusion else "unique")
            for constraint in self._catalogue.constraints_of(table, "f"):
                yield self._foreign_key(table, constraint)

    def _named(self, name: str | None, table: str, kinds: str) -> Constraint | None:
        return next((each for each in self._catalogue.constraints_of(table, kinds) if each.name == name), None)

    def _first(self, table: str, rule: str, kind: str, sqlstate: str, tries: Iterable[_Try]) -> Provocation:
        """Try one way after the other until the rule answers."""
        met = ""
        for way in tries:
            refused = self._refused(table, way)
            if refused and refused.sqlstate == sqlstate and refused.rule == rule:
                return Provocation(table, rule, kind, way.describe(), refused)
            met = str(refused) if refused else "nothing: a row that breaks it was taken"
        return Provocation(table, rule, kind, met_instead=met or "no row to start from")

    def _refused(self, table: str, way: _Try) -> Refusal | None:
        def put() -> None:
            if way.instead_of is None:
                self._writer.insert(self._connection, table, way.row)
                return
            old = way.instead_of
            changes = {name: value for name, value in way.row.items() if value != old[name]}
            key = self._writer.key(old, self._catalogue.primary_key(table))
            self._writer.update(self._connection, table, changes, key)

        refused = refusal(put, self._connection)
        if refused and refused.rule in self._of_partitions:
            return replace(refused, rule=self._of_partitions[refused.rule])
        return refused

    def _not_null(self, table: str, column: Column) -> Provocation:
        tries = (_Try({**row, column.name: None}, [column.name]) for row in self._rows.get(table, []))
        return self._first(table, column.name, "not null", "23502", tries)

    def _check(self, table: str, check: Constraint) -> Provocation:
        columns = [self._columns[table][name] for name in check.columns if name in self._columns[table]]
        constants = self._solver.constants(table)
        rows = self._rows.get(table, [])[:3]

        def tries() -> Iterator[_Try]:
            singles = [
                _Try(changed, names)
                for row in rows
                for changed, names in variations(row, columns, constants, pairs=False)
            ]
            yield from singles
            # What breaks this rule may break an older one first: mend that one and look again.
            for way in singles:
                mended, _ = self._solver.solve(table, way.row, way.changed, target=check.name)
                if mended:
                    yield _Try(mended, [name for name in mended if mended[name] != rows[0].get(name)])
            for row in rows:
                for changed, names in variations(row, columns, constants):
                    yield _Try(changed, names)

        return self._first(table, check.name, "check", "23514", tries())

    def _duplicate(self, table: str, index: Index, kind: str) -> Provocation:
        rule = index.constraint_name or index.name
        smaller = self._smaller_key(table, index)
        if smaller:
            return Provocation(table, rule, kind, implied_by=smaller)
        keys = {
            each.name: self._reads(each)
            for each in self._catalogue.indexes_of(table)
            if each.is_unique and not self._smaller_key(table, each)
        }
        own = self._reads(index)
        others = [columns - own for name, columns in keys.items() if name != index.name]
        every = set().union(*others) if others else set()

        def tries() -> Iterator[_Try]:
            for row in self._rows.get(table, [])[:3]:
                # The other keys must not answer first: all of them changed, some of them, or none.
                for names in (every, *others, set()):
                    yield _Try(self._unlike(table, row, names), sorted(own))
                    yield _Try({**row, **dict.fromkeys(self._nullable(table, names))}, sorted(own))

        return self._first(table, rule, kind, "23P01" if kind == "exclusion" else "23505", tries())

    def _reads(self, index: Index) -> set[str]:
        """Name the columns an index reads. One that backs a constraint leaves them to the constraint."""
        constraint = self._named(index.constraint_name, index.table, "pux")
        return set(index.depends_on) | set(constraint.columns if constraint else ())

    def _smaller_key(self, table: str, index: Index) -> str:
        """Name an older unique key whose columns are all among this one's: whatever breaks this breaks that first."""
        for other in self._catalogue.indexes_of(table):
            if other.name == index.name or not other.is_unique or other.has_expression or other.predicate:
                continue
            if set(other.keys) < set(index.keys) and not index.has_expression:
                return other.constraint_name or other.name
        return ""

    def _foreign_key(self, table: str, key: Constraint) -> Provocation:
        columns = [self._columns[table][name] for name in key.columns]
        unique = {name for each in self._catalogue.constraints_of(table, "pu") for name in each.columns}
        others = unique - set(key.columns)
        primary = set(self._catalogue.primary_key(table)) - set(key.columns)

        def tries() -> Iterator[_Try]:
            for row, column in itertools.product(self._rows.get(table, [])[:3], reversed(columns)):
                whole = {name: row[name] or "1" for name in key.columns}
                changed: Row = {**row, **whole, column.name: _absent(column)}
                yield _Try(changed, [column.name], instead_of=row)
                for names in (set[str](), primary, others):
                    yield _Try(self._unlike(table, changed, names), [column.name])

        return self._first(table, key.name, "foreign key", "23503", tries())

    def _unlike(self, table: str, row: Row, names: Iterable[str]) -> Row:
        return differing(row, set(names), self._columns[table])

    def _nullable(self, table: str, names: Iterable[str]) -> list[str]:
        return [name for name in names if not self._columns[table][name].not_null]


def _absent(column: Column) -> str:
    small = {"smallint": "32000", "uuid": _ABSENT_UUID}
    return small.get(column.type) or ABSENT.get(column.category, "zz")


def _short(value: str | None) -> str:
    if value is None:
        return "NULL"
    return f"'{value}'" if len(value) <= 40 else f"'{value[:37]}…'"
