"""A scenario as pgbench scripts: the same statements, the same distribution of arguments, in the C tool. Pure text.

pgbench cannot draw from a population, but it runs up to 128 scripts by weight. So each script is one operation with one
argument set drawn ahead; its values are variables given with ``-D``. The statement text with ``$n`` is the same in all
scripts of an operation, so a pooler that tracks statements prepares it once.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.design.parameters import draw
from bench.model.errors import ScenarioError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy as np

    from bench.design.parameters import Populations
    from bench.model.scenario import Operation

MOST_SCRIPTS = 120
"""pgbench takes at most 128 scripts (MAX_SCRIPTS in pgbench.c)."""
_WEIGHT_SCALE = 10_000
_PLACEHOLDER = re.compile(r"\$(\d+)")


@dataclass(frozen=True, slots=True)
class Script:
    """One pgbench script: its text, weight, the variables it needs and the index of its operation."""

    text: str
    weight: int
    variables: dict[str, str]
    operation: int


def _as_text(value: Any) -> str:
    if value is None:
        raise ScenarioError("the `pgbench` driver cannot send NULL", remedy="Use another driver for this scenario.")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list | tuple):
        inner = ",".join('"' + str(item).replace("\\", "\\\\").replace('"', '\\"') + '"' for item in value)
        return "{" + inner + "}"
    return str(value)


def _bind(sql: str, names: Sequence[str], variables: Mapping[str, str]) -> str:
    """Put pgbench variables where the statement has ``$n``; refuses text that pgbench would misread."""
    outside = re.sub(r"'[^']*'", "", sql)
    if re.search(r"(?<!:):(?!:)[A-Za-z_]", outside):
        raise ScenarioError(
            "the `pgbench` driver cannot run a statement with `:name` in it",
            evidence=sql.strip().splitlines()[0],
            remedy="Write casts with `::` and keep colons inside quotes.",
        )
    bound = _PLACEHOLDER.sub(lambda match: f":{variables[names[int(match[1]) - 1]]}", sql)
    return " ".join(bound.strip().rstrip(";").split()) + ";"


def _script(operation: Operation, number: int, values: tuple[Any, ...], tag: str, weight: int) -> Script:
    variables = {name: f"{name}_{tag}" for name in operation.argument_names}
    given = {variables[name]: _as_text(value) for name, value in zip(operation.argument_names, values, strict=True)}
    lines = ["BEGIN;"] if operation.is_transaction else []
    for position, step in enumerate(operation.steps):
        prefix = f"r{position}_"
        statement = _bind(step.sql, step.args, variables)
        if step.returns:
            # pgbench names the variables after the columns, so the columns take the scenario's names
            columns = ", ".join(step.returns)
            statement = f"WITH step({columns}) AS ({statement.rstrip(';')}) SELECT {columns} FROM step \\gset {prefix}"  # noqa: S608 - the scenario's own statement, wrapped
            variables |= {name: f"{prefix}{name}" for name in step.returns}
        lines.append(statement)
    if operation.is_transaction:
        lines.append("COMMIT;")
    return Script("\n".join(lines) + "\n", weight, given, number)


def translate(
    operations: Sequence[Operation], populations: Populations, generator: np.random.Generator
) -> list[Script]:
    """Return scripts that together draw each operation by its weight and each argument set alike."""
    each = max(1, MOST_SCRIPTS // len(operations))
    total = sum(operation.weight for operation in operations)
    scripts = []
    for number, operation in enumerate(operations):
        count = each if operation.parameters else 1
        weight = max(1, round(operation.weight / total * _WEIGHT_SCALE / count))
        for index, values in enumerate(draw(operation.parameters, populations, count, generator)):
            scripts.append(_script(operation, number, values, f"{number}_{index}", weight))
    return scripts
