r"""A scenario as pgbench scripts: the same statements, the same distribution of arguments, in the C tool. Pure text.

pgbench draws whole numbers itself: uniform ones, Zipf above exponent 1, and sequences become ``\set`` commands. Other
values it cannot draw, but it runs up to 128 scripts by weight: each holds one argument set drawn ahead, given with
``-D``. A statement reads the same in all scripts of its operation, so a pooler that tracks statements prepares it once.

Two of pgbench's habits show at the server: it numbers each use of a variable, so ``$1 … $1`` arrives as ``$1 … $2``;
and ``\gset`` names variables after columns, so a step that returns values is wrapped in a query that names them.
"""

from __future__ import annotations

import datetime as dt
import decimal
import re
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.design.parameters import RING, draw
from bench.model import parameters as source
from bench.model.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import numpy as np

    from bench.design.parameters import Populations
    from bench.model.scenario import Operation, Step

MOST_SCRIPTS = 120
"""pgbench takes at most 128 scripts (MAX_SCRIPTS in pgbench.c)."""
_WEIGHT_OF_ALL = 1_000_000_000
"""pgbench's weights are whole numbers up to 2,147,483,647."""
_ZIPF = (1.001, 1000.0)
"""Exponents that ``random_zipfian`` takes (MIN_ZIPFIAN_PARAM, MAX_ZIPFIAN_PARAM in pgbench.c)."""
_PLAIN = (str, int, float, decimal.Decimal, dt.date, dt.time, uuid.UUID)

_TOKEN = re.compile(
    r"""(?P<quoted> [eE]'(?:[^'\\]|\\.|'')*' | '(?:[^']|'')*' | "(?:[^"]|"")*"
                  | \$\$.*?\$\$ | \$(?P<tag>[A-Za-z_]\w*)\$.*?\$(?P=tag)\$ )
      | (?P<comment> --[^\n]* | /\*.*?\*/ )
      | \$(?P<number>\d+)""",
    re.VERBOSE | re.DOTALL,
)
_VARIABLE = re.compile(r"(?<!:):[A-Za-z_\x80-\U0010ffff]")
"""What pgbench takes for a variable: it looks for colons in the whole text, quoted or not."""


@dataclass(frozen=True, slots=True)
class Script:
    """One pgbench script of an operation, which is given by its index."""

    text: str
    weight: int
    variables: dict[str, str]
    """What it needs defined. A variable that is not defined is sent as NULL."""
    operation: int
    sets: int
    """Different argument sets among those drawn for the operation, of which only the first have scripts."""


def translate(
    operations: Sequence[Operation], populations: Populations, generator: np.random.Generator, clients: int = 1
) -> list[Script]:
    """Return scripts that run each operation, and each of its argument sets, as often as the scenario asks.

    ``clients`` is the number of pgbench's clients, which share out a sequence. Raises ``ScenarioError`` for what
    pgbench cannot say.
    """
    if len(operations) > MOST_SCRIPTS:
        raise ScenarioError(
            f"the `pgbench` driver runs at most {MOST_SCRIPTS} operations, the scenario has {len(operations)}",
            remedy="Use another driver for this scenario.",
        )
    for operation in operations:
        if operation.expect != "success" or operation.retry is not None:
            raise ScenarioError(
                f"operation {operation.name!r} expects a refusal or retries, which the `pgbench` driver cannot",
                remedy="Use another driver for this scenario.",
            )
    total = sum(operation.weight for operation in operations)
    scripts = []
    for number, operation in enumerate(operations):
        try:
            own, ahead = _divide(operation, f"v{number}", clients)
            texts = [tuple(map(as_text, row)) for row in draw(ahead, populations, RING if ahead else 1, generator)]
            sets = len(set(texts))
            kept = _first_sets(texts, MOST_SCRIPTS // len(operations))
            share = operation.weight / total * _WEIGHT_OF_ALL / kept.total()
            for index, (values, count) in enumerate(kept.items()):
                places = _places(operation, f"v{number}", index, ahead)
                given = dict(zip((places[name] for name in _names(ahead)), values, strict=True))
                text = _text(operation, number, own.commands, places)
                defined = own.variables | {name: value for name, value in given.items() if value is not None}
                scripts.append(Script(text, max(1, round(share * count)), defined, number, sets))
        except ScenarioError as error:
            problem = f"operation {operation.name!r}: {error.problem}"
            raise ScenarioError(problem, evidence=error.evidence, remedy=error.remedy) from None
    return scripts


@dataclass(frozen=True, slots=True)
class _Own:
    """What pgbench draws itself: commands that stand before the statements, and the variables they begin with."""

    commands: tuple[str, ...]
    variables: dict[str, str]


def _names(parameters: Iterable[source.Parameter]) -> list[str]:
    return [name for parameter in parameters for name in source.names_of(parameter)]


def _divide(operation: Operation, prefix: str, clients: int) -> tuple[_Own, list[source.Parameter]]:
    """Divide the parameters into those that pgbench draws and those that are drawn ahead."""
    commands: list[str] = []
    variables: dict[str, str] = {}
    ahead: list[source.Parameter] = []
    for position, parameter in enumerate(operation.parameters):
        name = f"{prefix}_{position}"
        match parameter:
            case source.Uniform(low=int(low), high=int(high)):
                commands.append(f"\\set {name} random({low}, {high})")
            case source.Zipf(low=low, high=high, exponent=exponent) if _ZIPF[0] <= exponent <= _ZIPF[1] and low < high:
                commands.append(f"\\set {name} random_zipfian({low}, {high}, {exponent})")
            case source.Sequence(start=start, end=end):
                variables[f"{name}_n"] = "-1"
                commands.append(f"\\set {name}_n :{name}_n + 1")
                number = f":client_id + {clients} * :{name}_n"
                slot = number if end is None else f"({number}) % {end - start + 1}"
                commands.append(f"\\set {name} {start} + {slot}")
            case source.Uuid():
                raise ScenarioError(
                    "the `pgbench` driver cannot draw UUIDs that never repeat",
                    remedy="Use another driver, or a parameter of another kind.",
                )
            case _:
                ahead.append(parameter)
    return _Own(tuple(commands), variables), ahead


def _places(operation: Operation, prefix: str, index: int, ahead: Sequence[source.Parameter]) -> dict[str, str]:
    """Return the variable that holds each argument; those drawn ahead differ from script to script."""
    places = {}
    drawn = set(_names(ahead))
    for position, parameter in enumerate(operation.parameters):
        for column, name in enumerate(source.names_of(parameter)):
            places[name] = f"{prefix}_{position}_{column}_{index}" if name in drawn else f"{prefix}_{position}"
    return places


def _first_sets(texts: Sequence[tuple[str | None, ...]], most: int) -> Counter[tuple[str | None, ...]]:
    """Count argument sets in the order drawn until there are ``most`` different ones: a random sample of all."""
    kept: Counter[tuple[str | None, ...]] = Counter()
    for values in texts:
        if values not in kept and len(kept) == most:
            break
        kept[values] += 1
    return kept


def as_text(value: Any) -> str | None:
    """Write a value as PostgreSQL reads it; None is NULL."""
    if value is None:
        return None
    if value == "":
        raise ScenarioError(
            "the `pgbench` driver cannot send an empty text",
            evidence="pgbench takes no variable without a value",
            remedy="Use another driver for this scenario.",
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return "\\x" + value.hex()
    if isinstance(value, list | tuple):
        return "{" + ",".join(map(_as_element, value)) + "}"
    if isinstance(value, _PLAIN):
        return str(value)
    raise ScenarioError(
        f"the `pgbench` driver cannot send a value of type {type(value).__name__}",
        remedy="Cast it to text in the query that samples it, or use another driver.",
    )


def _as_element(value: Any) -> str:
    if value == "":
        return '""'
    text = as_text(value)
    if text is None:
        return "NULL"
    if isinstance(value, list | tuple):
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _bind(step: Step, places: Mapping[str, str]) -> str:
    """Put variables where the statement has ``$n``, and leave out comments: pgbench would look for variables there."""

    def replace(match: re.Match[str]) -> str:
        if match["number"] is None:
            return " " if match["comment"] else match[0]
        return f":{places[step.args[int(match['number']) - 1]]}"

    plain = _TOKEN.sub(lambda match: " " if match["comment"] else match[0], step.sql)
    if (found := _VARIABLE.search(plain)) is not None:
        raise ScenarioError(
            "the `pgbench` driver takes a colon before a name for a variable, even within quotes",
            evidence=plain[max(0, found.start() - 20) : found.end() + 10].strip(),
            remedy="Write the statement without it (a cast is `::`), or use another driver.",
        )
    return _TOKEN.sub(replace, step.sql).strip().removesuffix(";").rstrip()


def _text(operation: Operation, number: int, commands: Sequence[str], places: Mapping[str, str]) -> str:
    lines = list(commands)
    known = dict(places)
    if operation.is_transaction:
        lines.append("BEGIN;")
    for position, step in enumerate(operation.steps):
        statement = _bind(step, known)
        if step.returns:
            prefix = f"r{number}_{position}_"
            columns = [f"c{column}" for column in range(len(step.returns))]
            known |= {name: prefix + column for name, column in zip(step.returns, columns, strict=True)}
            lines.append(_returning(statement, ", ".join(columns), prefix))
        else:
            lines.append(f"{statement};")
    if operation.is_transaction:
        lines.append("COMMIT;")
    return "\n".join(lines) + "\n"


def _returning(statement: str, columns: str, prefix: str) -> str:
    r"""Wrap a statement so that ``\gset`` can keep its row. A NULL in it finds no row: pgbench would keep it as ''."""
    return (
        f"WITH step({columns}) AS (\n{statement}\n) SELECT {columns} FROM step "  # noqa: S608 - the scenario's own
        f"WHERE ROW({columns}) IS NOT NULL \\gset {prefix}"
    )
