"""Whole trials for the tests: a scenario as text with changes, run by whichever generator its driver needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.load.job import DRAIN_NS
from bench.load.pgbench import Pgbench
from bench.load.workers import Workers
from bench.model.scenario_text import decode, override, read_raw

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.design.parameters import Populations
    from bench.environment.embedded import Environment
    from bench.load.workers import Collected
    from bench.model.scenario import Level, Scenario

PLUS = """
name = "plus"
load = { model = "closed", clients = 6 }
pool = { size = 4, workers = 2 }
run = { warmup = "200ms", window = "800ms" }
[[operation]]
name = "plus"
sql = "SELECT $1::int + 1"
parameters = [{ kind = "uniform", name = "n", low = 1, high = 5 }]
"""

STEPS = """
name = "steps"
load = { model = "closed", clients = 2 }
pool = { size = 2 }
run = { warmup = "100ms", window = "500ms" }
[[operation]]
name = "passed_on"
parameters = [{ kind = "uniform", name = "n", low = 1, high = 5 }]
[[operation.step]]
sql = "SELECT $1::int AS a, $1::int * 2 AS b"
args = ["n"]
returns = ["a", "b"]
[[operation.step]]
sql = "SELECT 1 WHERE $1::int * 2 = $2::int"
args = ["a", "b"]
"""


def scenario(text: str = PLUS, /, **settings: Level) -> Scenario:
    """Read a scenario with changes such as ``pool__size=8``."""
    changes = {name.replace("__", "."): value for name, value in settings.items()}
    return decode(override(read_raw(text, "test"), changes, "test"), "test")


def open_loop(text: str = PLUS, /, **settings: Level) -> Scenario:
    """Read a scenario as an open loop."""
    raw = read_raw(text, "test")
    raw["load"] = {"model": "open", "rate": "100/s"}
    changes = {name.replace("__", "."): value for name, value in settings.items()}
    return decode(override(raw, changes, "test"), "test")


def generator(
    environment: Environment,
    what: Scenario,
    *,
    pooled: bool = False,
    drain_ns: int = DRAIN_NS,
    populations: Populations | None = None,
    pgbench: Path | None = None,
) -> Workers | Pgbench:
    """Return the load generator of a trial, not yet entered."""
    endpoint = environment.pooled if pooled else environment.app
    if what.pool.driver != "pgbench":
        return Workers(endpoint, what, populations or {}, 1, 2, drain_ns)
    binary = pgbench or environment.postgres.bindir / "pgbench"
    return Pgbench(binary, endpoint, what, populations or {}, 1, 2, drain_ns)


def run(
    environment: Environment, what: Scenario, during: Callable[[Any], None] | None = None, **settings: Any
) -> Collected:
    """Run one trial to its end; ``during`` is called once the load runs."""
    with generator(environment, what, **settings) as load:
        load.start()
        if during:
            during(load)
        return load.collect()


def writing(*operations: str, load: str = 'model = "closed", clients = 3', parameters: str = "[]") -> Scenario:
    """Read operations, each of which draws ``parameters``, for pgbench with three connections."""
    text = f'name = "w"\nload = {{ {load} }}\npool = {{ size = 3, driver = "pgbench" }}\n'
    text += 'run = { warmup = "100ms", window = "500ms" }\n' + "\n".join(operations).replace("PARAMETERS", parameters)
    return scenario(text)


def drawing(parameter: str) -> str:
    """Return the plain scenario with another source for its argument."""
    return PLUS.replace('kind = "uniform", name = "n", low = 1, high = 5', parameter)


def single(sql: str, name: str = "op", weight: float = 1.0) -> str:
    """Return an operation of one statement, as text."""
    return f'[[operation]]\nname = "{name}"\nweight = {weight}\nparameters = PARAMETERS\nsql = """{sql}"""\n'
