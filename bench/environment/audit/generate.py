"""A valid row for every table: from a recipe where there is one, else guessed, and mended until the server takes it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from bench.environment.audit.candidates import Row, differ, first_value, literals, variations
from bench.environment.audit.rows import refusal

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from bench.environment.audit.catalogue import Catalogue, Column
    from bench.environment.audit.rows import Connection, Refusal, Writer

Recipes = dict[str, list[Row]]
"""What is given of the rows of some tables; a second row, third … says only what differs from the first.

``""`` is null, ``=table.column`` that column of the table's first row, ``=table.column[1]`` of its second.
"""

ATTEMPTS = 60
"""Rules mended for one row before it is given up."""
_REFERENCE = re.compile(r"=(?P<table>\w+)\.(?P<column>\w+)(?:\[(?P<number>\d+)\])?")
_NOT_NULL, _UNIQUE, _CHECK = "23502", "23505", "23514"


@dataclass(slots=True)
class Filled:
    """What stands in the tables now. ``problems`` names the tables that got no row, and why."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)


def fill(connection: Connection, catalogue: Catalogue, writer: Writer, recipes: Recipes) -> Filled:
    """Write at least one row into every table that has none, parents first."""
    solver = Solver(connection, catalogue, writer)
    filled = Filled()
    for table in catalogue.ordered_tables():
        present = writer.read(connection, table)
        wanted = recipes.get(table, [] if present else [{}])
        for given in wanted:
            row, refused = solver.guess(table, {**wanted[0], **given}, filled.rows)
            if row is None:
                filled.problems[table] = f"no row was found that it takes: {refused}"
                continue
            with connection.transaction():
                writer.insert(connection, table, row)
        # Rows of ours come before those that migrations wrote.
        after = writer.read(connection, table)
        filled.rows[table] = [row for row in after if row not in present] + present
    return filled


class Solver:
    """Mends rows until the server takes them."""

    def __init__(self, connection: Connection, catalogue: Catalogue, writer: Writer) -> None:
        self._connection = connection
        self._catalogue = catalogue
        self._writer = writer
        self._columns = {table: {each.name: each for each in writer.columns(table)} for table in catalogue.tables}
        self._constants = {table: _constants(catalogue, table) for table in catalogue.tables}

    def constants(self, table: str) -> dict[str, list[str]]:
        """Return, by column, the constants of every CHECK that speaks of it."""
        return self._constants[table]

    def guess(self, table: str, given: Row, rows: Mapping[str, list[Row]]) -> tuple[Row | None, Refusal | None]:
        """Make up a row around what is given; foreign keys point to the first row of their table."""
        columns = self._columns[table]
        row: Row = {
            name: first_value(column)
            for name, column in columns.items()
            if column.not_null and column.default is None and not column.identity
        }
        for key in self._catalogue.constraints_of(table, "f"):
            parent = next(iter(rows.get(key.target or "", [])), None)
            if parent is not None and all(name in row for name in key.columns):
                row.update({name: parent[other] for name, other in zip(key.columns, key.target_columns, strict=True)})
        wanted = {name: _resolve(value, rows) for name, value in given.items() if name in columns}
        return self.solve(table, {**row, **wanted}, list(wanted))

    def solve(
        self, table: str, row: Row, fixed: Collection[str] = (), *, target: str | None = None
    ) -> tuple[Row | None, Refusal | None]:
        """Mend a row until the server takes it, leaving ``fixed`` columns alone.

        Returns None and the last refusal if it never does. With ``target`` it is mended until that rule is the one that
        refuses. The server looks at CHECKs in the order of their names, so each one mended is progress.
        """
        mended: set[str] = set()
        refused = None
        for _ in range(ATTEMPTS):
            refused = self._try(table, row)
            if refused is None:
                return (row, None) if target is None else (None, None)
            if refused.rule == target:
                return row, refused
            better = self._better(table, row, refused, fixed, mended)
            if better is None or better == row:
                return None, refused
            row = better
        return None, refused

    def _try(self, table: str, row: Row) -> Refusal | None:
        return refusal(partial(self._writer.insert, self._connection, table, row), self._connection)

    def _better(self, table: str, row: Row, refused: Refusal, fixed: Collection[str], mended: set[str]) -> Row | None:
        """Return a row that meets the rule that refused, or at least another one; None if none is found."""
        columns, rule = self._columns[table], refused.rule
        if refused.sqlstate == _NOT_NULL and rule in columns and rule not in fixed:
            return {**row, rule: first_value(columns[rule])}
        if refused.sqlstate == _CHECK and rule not in mended:
            check = next((each for each in self._catalogue.constraints_of(table, "c") if each.name == rule), None)
            mended.add(rule)
            return self._mend(table, row, check.columns if check else [], fixed, mended)
        if refused.sqlstate == _UNIQUE:
            index = next((each for each in self._catalogue.indexes_of(table) if each.name == rule), None)
            if index and index.predicate:  # a row outside its condition does not meet it
                free = [name for name in index.depends_on if name not in index.keys]
                mended.add(rule)
                return self._mend(table, row, free, fixed, mended)
            return self._unlike(table, row, fixed)
        return None

    def _mend(
        self, table: str, row: Row, names: Sequence[str], fixed: Collection[str], mended: Collection[str]
    ) -> Row | None:
        """Change some columns until no rule refuses that was mended already."""
        free = [self._columns[table][name] for name in names if name in self._columns[table] and name not in fixed]
        for changed, _ in variations(row, free, self._constants[table]):
            refused = self._try(table, changed)
            if refused is None or (refused.sqlstate.startswith("23") and refused.rule not in mended):
                return changed
        return None

    def _unlike(self, table: str, row: Row, fixed: Collection[str]) -> Row:
        """Return the row with every unique key that is no foreign key changed."""
        foreign = {name for key in self._catalogue.constraints_of(table, "f") for name in key.columns}
        keys = {name for key in self._catalogue.constraints_of(table, "pu") for name in key.columns}
        return differing(row, keys - foreign - set(fixed), self._columns[table])


def differing(row: Row, names: Collection[str], columns: Mapping[str, Column]) -> Row:
    """Return the row with other values of much the same shape in some columns."""
    return {name: differ(value, columns[name]) if name in names else value for name, value in row.items()}


def _constants(catalogue: Catalogue, table: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for check in catalogue.constraints_of(table, "c"):
        for name in check.columns:
            found.setdefault(name, []).extend(literals(check.definition))
    return {name: list(dict.fromkeys(values)) for name, values in found.items()}


def _resolve(value: str | None, rows: Mapping[str, list[Row]]) -> str | None:
    """Look up what a recipe refers to."""
    if not value:
        return None
    found = _REFERENCE.fullmatch(value)
    if found is None:
        return value
    there = rows.get(found["table"], [])
    number = int(found["number"] or 0)
    return there[number].get(found["column"]) if number < len(there) else None
