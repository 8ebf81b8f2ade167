"""A first scenario for statements that a server has described: commented, and open where nothing tells what to take."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bench.model.sql_file import renumber

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

OPEN = "open"
"""The kind of a parameter for which somebody has to choose a source before the scenario runs."""
FEW_ROWS = 100_000
"""Rows of a table that are all read for a sample; of a larger one, blocks with about as many."""


@dataclass(frozen=True, slots=True)
class Compared:
    """A column that a parameter is compared with. ``rows`` is the planner's estimate of its table."""

    table: str
    """With its schema, quoted as SQL needs it."""
    alias: str
    column: str
    equal: bool
    rows: float


@dataclass(frozen=True, slots=True)
class Draft:
    """One operation to be. ``compared`` by number of the parameter, from 1; ``comment`` says where it comes from."""

    name: str
    sql: str
    types: tuple[str, ...]
    compared: Mapping[int, Compared]
    names: tuple[str, ...] = ()
    weight: float = 1.0
    comment: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A statement that does not become an operation, and why."""

    name: str
    sql: str
    reason: str


@dataclass(slots=True)
class Written:
    """The text, and what somebody has to choose before it runs: operation, parameter, type."""

    text: str = ""
    open: list[tuple[str, str, str]] = field(default_factory=list)


def write_scenario(
    name: str, origin: str, drafts: Sequence[Draft], left_out: Sequence[LeftOut], *, through_pooler: bool
) -> Written:
    """Write a scenario: pool sizes swept under a closed loop, an operation for each draft."""
    written = Written()
    kind = "pgbouncer" if through_pooler else "none"
    lines = [
        f"# Made by `bench new` from {_comment(origin)}.",
        "# Check what stands under each operation: a sample draws the values that the table holds, each as often as it",
        "# holds them, which may not be what your users ask for.",
        "#",
        f"# Try:  bench plan {name}.toml        then:  bench run {name}.toml --quick",
        f"name = {json.dumps(name)}",
        'description = ""',
        "",
        "# What must hold, for example:  p95(response_time) < 50ms. Without budgets a run measures and judges nothing.",
        'budgets = ["error_rate < 0.1%"]',
        "",
        '# Closed loop: so many clients that each wait for their answer. `model = "open"` with `rate = "500/s"` offers',
        "# a load whatever the answers do, as the users of a service do.",
        "[load]",
        'model = "closed"',
        "clients = 20",
        "",
        "[pool]",
        'driver = "asyncpg"',
        "size = 10",
        "",
        "[pooler]",
        f'kind = "{kind}"',
        "",
        "[sweep]",
        '"pool.size" = [1, 2, 4, 8, 16, 32]',
        "",
        "[quick]",
        '"run.window" = "1s"',
        '"run.replicates" = 2',
    ]
    for draft in drafts:
        lines += ["", *_operation(draft, written)]
    for one in left_out:
        lines += ["", f"# Left out, {_comment(one.name)}: {_comment(one.reason)}"]
        lines += [f"#   {_comment(line)}" for line in one.sql.splitlines()]
    written.text = "\n".join(lines) + "\n"
    return written


def _operation(draft: Draft, written: Written) -> Iterator[str]:
    groups = _group(draft)
    order = [number for group in groups for number in group]
    names = _parameter_names(draft)
    yield "[[operation]]"
    yield from (f"# {_comment(line)}" for line in draft.comment)
    yield f"name = {json.dumps(draft.name)}"
    if draft.weight != 1.0:
        yield f"weight = {draft.weight:g}"
    yield f"sql = {_text(renumber(draft.sql, order) if order else draft.sql)}"
    for group in groups:
        yield ""
        yield "[[operation.parameters]]"
        column = draft.compared.get(group[0])
        if column is None:
            (number,) = group
            kind = draft.types[number - 1]
            written.open.append((draft.name, names[number], kind))
            yield f"# {_comment(kind)}. Nothing tells which values to take. Choose one, for example:"
            yield f'#   kind = "uniform"   name = "{names[number]}"   low = 1   high = 1000'
            yield f'#   kind = "choice"    name = "{names[number]}"   values = [10, 20, 50]'
            yield f'#   kind = "sample"    names = ["{names[number]}"]   sql = "SELECT … FROM …"'  # noqa: S608 - an example
            yield f'kind = "{OPEN}"'
            yield f"name = {json.dumps(names[number])}"
        else:
            yield from _sample(draft, group, names)


def _sample(draft: Draft, group: list[int], names: Mapping[int, str]) -> Iterator[str]:
    columns = [draft.compared[number] for number in group]
    table, rows = columns[0].table, columns[0].rows
    listed = ", ".join(f"{column.column}::{draft.types[n - 1]}" for n, column in zip(group, columns, strict=True))
    known = " AND ".join(f"{column.column} IS NOT NULL" for column in columns)
    part = ""
    if rows > FEW_ROWS:
        part = f" TABLESAMPLE SYSTEM ({100 * FEW_ROWS / rows:.3g}) REPEATABLE (42)"
        yield f"# The table has about {rows:,.0f} rows: blocks with some {FEW_ROWS:,} of them are read."
    if not all(column.equal for column in columns):
        yield "# Compared by order, not for equality: where in the range users look decides how many rows they get."
    yield 'kind = "sample"'
    yield f"names = {json.dumps([names[number] for number in group])}"
    query = f"SELECT {listed} FROM {table}{part} WHERE {known}"  # noqa: S608 - names quoted by the server
    yield f"sql = {_text(query)}"


def _group(draft: Draft) -> list[list[int]]:
    """Put together what is compared for equality with columns of the same table: values that occur together."""
    groups: list[list[int]] = []
    by_alias: dict[str, list[int]] = {}
    for number in range(1, len(draft.types) + 1):
        column = draft.compared.get(number)
        if column is not None and column.equal and column.alias in by_alias:
            by_alias[column.alias].append(number)
            continue
        groups.append([number])
        if column is not None and column.equal:
            by_alias[column.alias] = groups[-1]
    return groups


def _parameter_names(draft: Draft) -> dict[int, str]:
    """Name each parameter: as the text did, after its column, or by its number."""
    names: dict[int, str] = {}
    for number in range(1, len(draft.types) + 1):
        column = draft.compared.get(number)
        wanted = (
            draft.names[number - 1]
            if number <= len(draft.names)
            else re.sub(r"\W", "_", column.column.strip('"'))
            if column
            else f"p{number}"
        )
        names[number] = wanted if wanted not in names.values() else f"{wanted}_{number}"
    return names


def _text(value: str) -> str:
    """Write a TOML string: as it stands between three quotes where that can be read, with escapes where not."""
    printable = all(character.isprintable() or character in "\n\t" for character in value)
    if "\n" not in value or "'''" in value or value.endswith("'") or not printable:
        return _escaped(value)
    return f"'''\n{value}'''"


def _escaped(value: str) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)


def _comment(text: str) -> str:
    """Keep a text within its line, and a terminal from obeying it."""
    return "".join(char if char.isprintable() else " " for char in text)
