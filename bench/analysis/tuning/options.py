"""Ideas that need no rule: what a scenario's own options leave open, such as other pool sizes or the reset query."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.measurement import Patch
from bench.analysis.tuning.candidate import Candidate
from bench.analysis.tuning.propose import Idea, title_of
from bench.design.scouting import SIZE, beside
from bench.model.change import Change
from bench.stats.queueing import pool_size_prior

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.answer import Answer
    from bench.model.scenario import Level, Scenario

ASYNCPG = "https://magicstack.github.io/asyncpg/current/api/index.html#connection-pools"
PGBOUNCER = "https://www.pgbouncer.org/config.html"


def from_options(scenario: Scenario, answer: Answer, sizes: tuple[int, ...], cores: int) -> list[Idea]:
    """Return what may be tried without touching server or schema."""
    return [*_pool_sizes(scenario, answer, sizes), *_pooler(scenario, cores), *_driver(scenario)]


def _idea(rank: int, scenario: Scenario, key: str, level: Level, why: str, source: str, caution: str = "") -> Idea:
    part, _, name = key.partition(".")
    change = Change(scenario={key: level})
    before = getattr(getattr(scenario, part), name)
    rollback = f"[{part}]\n{name} = {_toml(before)}\n" if before is not None else f"# leave `{key}` out, as before\n"
    return Idea(
        rank=rank,
        candidate=Candidate(
            id="",
            title=title_of(change),
            rule=f"option {key}",
            why=why,
            source=source,
            change=change,
            patch=Patch(kind="scenario", text=f"[{part}]\n{name} = {_toml(level)}\n", rollback=rollback),
            caution=caution,
        ),
    )


def _toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case other:
            return str(other)


def _pool_sizes(scenario: Scenario, answer: Answer, sizes: tuple[int, ...]) -> Iterator[Idea]:
    chosen = next((one.recommended for one in answer.subjects if one.recommended is not None), None)
    if chosen is None:
        return
    for size in beside(sizes, chosen, scenario.pool.size):
        what = "the smallest near the best in a first look" if size == chosen else "beside the answer of a first look"
        yield _idea(
            1 if size == chosen else 2,
            scenario,
            SIZE,
            size,
            f"{size} connections are {what} at sizes {', '.join(map(str, sizes))}",
            "Smallest size within 3 % of the best mean throughput of the first look",
        )


def _pooler(scenario: Scenario, cores: int) -> Iterator[Idea]:
    pooler, pool = scenario.pooler, scenario.pool
    if pooler.kind != "pgbouncer":
        return
    formula = pool_size_prior(cores)
    if pooler.size is None and formula < pool.size and pooler.mode == "transaction":
        why = f"{pool.size} server connections for {cores} cores: fewer at the pooler queue outside the server"
        yield _idea(2, scenario, "pooler.size", formula, why, f"{PGBOUNCER} (default_pool_size); 2 x cores + 1")


def _driver(scenario: Scenario) -> Iterator[Idea]:
    pool = scenario.pool
    if pool.driver == "pgbench":
        return
    if pool.reset == "default" and pool.driver.startswith("asyncpg"):
        yield _idea(
            1,
            scenario,
            "pool.reset",
            "none",
            "asyncpg resets a connection on every release, which is a round trip of its own",
            ASYNCPG,
            "Only where no operation leaves session state behind: SET, LISTEN, advisory locks, open cursors.",
        )
    if not pool.prewarm:
        why = "connections are opened on demand, by the first users"
        yield _idea(2, scenario, "pool.prewarm", True, why, f"{ASYNCPG} (min_size)")
