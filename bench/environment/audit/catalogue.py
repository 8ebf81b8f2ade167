"""The schema as the server's catalogue tells it. Names of tables are as SQL writes them: quoted where need be."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, TypeVar

from psycopg.rows import dict_row

from bench.environment.audit.fingerprint import audit_sql
from bench.environment.audit.session import opened

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.model.endpoint import Endpoint


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is no partition."""

    oid: int
    name: str
    kind: str
    row_security: bool
    forced: bool
    comment: str | None
    owner: str


@dataclass(frozen=True, slots=True)
class Column:
    """``category`` is the letter of pg_type.typcategory, that of a domain's base type."""

    table: str
    name: str
    number: int
    type: str
    category: str
    not_null: bool
    identity: bool
    generated: bool
    default: str | None
    comment: str | None
    labels: list[str]


@dataclass(frozen=True, slots=True)
class Constraint:
    """``kind`` is c (check), u (unique), p (primary key), f (foreign key) or x (exclude)."""

    table: str
    name: str
    kind: str
    definition: str
    columns: list[str]
    target: str | None
    target_columns: list[str]
    on_delete: str
    valid: bool
    index_oid: int | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class Index:
    """``keys`` are columns or expressions in order; ``depends_on`` every column it reads, its predicate's too."""

    table: str
    name: str
    oid: int
    definition: str
    method: str
    is_unique: bool
    valid: bool
    predicate: str | None
    keys: list[str]
    included: list[str]
    has_expression: bool
    depends_on: list[str]
    constraint_name: str | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class Trigger:
    """A trigger of a person's, not of a foreign key's."""

    table: str
    name: str
    function: str
    arguments: list[str]
    definition: str
    enabled: str
    comment: str | None


@dataclass(frozen=True, slots=True)
class Function:
    """``source`` is empty for a SQL-standard body."""

    signature: str
    name: str
    language: str
    source: str
    for_trigger: bool
    comment: str | None


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy of row-level security."""

    table: str
    name: str
    command: str
    roles: list[str]
    visible: str | None
    writable: str | None
    comment: str | None


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Everything the claims ask about, in the order of names; columns in their own order."""

    server_version: int
    tables: Mapping[str, Table]
    columns: tuple[Column, ...]
    constraints: tuple[Constraint, ...]
    indexes: tuple[Index, ...]
    triggers: tuple[Trigger, ...]
    functions: tuple[Function, ...]
    policies: tuple[Policy, ...]

    def columns_of(self, table: str) -> list[Column]:
        """Return the columns of a table."""
        return [column for column in self.columns if column.table == table]

    def constraints_of(self, table: str, kinds: str = "cupfx") -> list[Constraint]:
        """Return the constraints of a table, of some kinds or of all."""
        return [each for each in self.constraints if each.table == table and each.kind in kinds]

    def indexes_of(self, table: str) -> list[Index]:
        """Return the indexes of a table, oldest first: the order in which the server checks them."""
        return [index for index in self.indexes if index.table == table]

    def primary_key(self, table: str) -> list[str]:
        """Return the columns of the primary key; none if there is no such key."""
        return next((each.columns for each in self.constraints_of(table, "p")), [])

    def ordered_tables(self) -> list[str]:
        """Return the tables so that each stands after those its foreign keys need, as far as there is such an order."""
        needs = {
            name: {each.target for each in self.constraints_of(name, "f") if each.target not in {name, None}}
            for name in self.tables
        }
        placed: list[str] = []
        while needs:
            ready = [name for name, targets in needs.items() if targets <= set(placed)] or list(needs)[:1]
            for name in ready:
                placed.append(name)
                del needs[name]
        return placed


_Part = TypeVar("_Part", Column, Constraint, Index, Trigger, Function, Policy, Table)


def read_catalogue(endpoint: Endpoint) -> Catalogue:
    """Read the catalogue of a database."""
    with opened(endpoint) as connection, connection.cursor(row_factory=dict_row) as cursor:

        def read(part: type[_Part], query: str, parameters: dict[str, Any] | None = None) -> tuple[_Part, ...]:
            rows = cursor.execute(audit_sql(query).encode(), parameters).fetchall()
            names = {field.name for field in fields(part)}
            return tuple(part(**{key: value for key, value in row.items() if key in names}) for row in rows)

        tables = read(Table, "tables")
        of_these = {"tables": [table.oid for table in tables]}
        return Catalogue(
            server_version=connection.info.server_version // 10_000,
            tables={table.name: table for table in tables},
            columns=read(Column, "columns", of_these),
            constraints=read(Constraint, "constraints", of_these),
            indexes=read(Index, "indexes", of_these),
            triggers=read(Trigger, "triggers", of_these),
            functions=read(Function, "functions"),
            policies=read(Policy, "policies", of_these),
        )
