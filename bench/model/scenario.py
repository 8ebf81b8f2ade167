"""A scenario: one experiment, decoded from TOML into values that cannot be built invalid."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Literal

import msgspec

from bench.model.budget import ALL_OPERATIONS, COUNTS, parse_budget
from bench.model.disturbance import Disturbance
from bench.model.parameters import Parameter, names_of
from bench.model.pooler import Pooler
from bench.model.requirement import require
from bench.model.retry import Retry
from bench.model.statement import only_reads
from bench.model.units import Duration, Rate

if TYPE_CHECKING:
    from bench.model.budget import Budget

Level = str | int | float | bool


class _Part(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Every part of a scenario refuses keys it does not know."""


class Dataset(_Part, frozen=True):
    """The generated data: ``scale`` 1 is about 1 GB, ``seed`` makes it repeatable."""

    scale: float = 0.1
    seed: int = 42

    def __post_init__(self) -> None:
        require(0 < self.scale <= 1000, "`scale` must lie in (0, 1000]")


class Step(_Part, frozen=True):
    """One statement of a transaction. ``args`` name parameters or values returned by earlier steps."""

    sql: str
    args: tuple[str, ...] = ()
    returns: tuple[str, ...] = ()


class Operation(_Part, frozen=True):
    """One parametrised statement (``sql``) or transaction (``step``), the unit that is counted and timed.

    ``expect = "constraint"``: the database must refuse it, and what is not refused is an error. ``adds`` are rows, by
    table, that one execution may leave for good; ``keeps`` are rows that all executions together may leave, however
    many they are. A table named in neither is as large after the load as before.
    """

    name: str
    sql: str | None = None
    step: tuple[Step, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    weight: float = 1.0
    role: Literal["app", "owner"] = "app"
    think_time: Duration | None = None
    budget: tuple[str, ...] = ()
    index: str | None = None
    empty_ok: bool = False
    expect: Literal["success", "constraint"] = "success"
    retry: Retry | None = None
    adds: dict[str, float] = {}
    keeps: dict[str, int] = {}

    def __post_init__(self) -> None:
        require((self.sql is None) != (not self.step), f"operation {self.name!r} needs either `sql` or `step`")
        require(self.weight > 0, f"operation {self.name!r}: `weight` must be above 0")
        require(
            self.role == "app",
            f"operation {self.name!r}: the load runs as the application, whose rows row-level security guards; "
            "`bench explain` shows the plans of the tables' owner beside its own",
        )
        known = set(self.argument_names)
        require(len(known) == len(self.argument_names), f"operation {self.name!r} names a parameter twice")
        for number, step in enumerate(self.step, 1):
            missing = [name for name in step.args if name not in known]
            require(
                not missing,
                f"operation {self.name!r}, step {number}: no parameter or earlier result named {missing}",
            )
            known.update(step.returns)
        for text in self.budget:
            parse_budget(text, self.name)
        require(
            min((*self.adds.values(), *self.keeps.values()), default=0) >= 0,
            f"operation {self.name!r}: `adds` and `keeps` count rows and are not negative",
        )
        require(
            self.expect == "success" or self.retry is None,
            f"operation {self.name!r}: what is to be refused is not tried again",
        )

    @property
    def argument_names(self) -> tuple[str, ...]:
        """Names of the arguments drawn ahead, in the order of the parameters."""
        return tuple(name for parameter in self.parameters for name in names_of(parameter))

    @property
    def steps(self) -> tuple[Step, ...]:
        """The statements, also where the operation is a single one."""
        return self.step or (Step(sql=self.sql or "", args=self.argument_names),)

    @property
    def is_transaction(self) -> bool:
        """A list of steps runs in one transaction; a single statement commits by itself."""
        return bool(self.step)

    @property
    def is_read(self) -> bool:
        """A single SELECT: safe to prime, to repeat and to explain."""
        return not self.step and (self.sql or "").strip().casefold().startswith("select")

    @property
    def only_reads(self) -> bool:
        """Whether every statement is a query that changes nothing by itself; what its functions do is not known."""
        return all(only_reads(step.sql) for step in self.steps)


class ClosedLoop(_Part, frozen=True, tag_field="model", tag="closed"):
    """``clients`` that each wait for their answer, then think."""

    clients: int
    think_time: Duration = Duration(0)

    def __post_init__(self) -> None:
        require(self.clients >= 1, "`clients` must be at least 1")


class OpenLoop(_Part, frozen=True, tag_field="model", tag="open"):
    """Arrivals at ``rate`` whatever the answers do; at most ``max_in_flight`` operations at once."""

    rate: Rate
    arrival: Literal["poisson", "constant", "ramp"] = "poisson"
    ramp_from: Rate = Rate(0)
    max_in_flight: int = 1000

    def __post_init__(self) -> None:
        require(self.rate > 0, "`rate` must be above 0")
        require(self.max_in_flight >= 1, "`max_in_flight` must be at least 1")
        require(self.arrival == "ramp" or not self.ramp_from, '`ramp_from` belongs to `arrival = "ramp"`')


class UserLoop(_Part, frozen=True, tag_field="model", tag="users"):
    """``users`` with exponentially distributed think time, sharing the pool."""

    users: int
    think_time: Duration

    def __post_init__(self) -> None:
        require(self.users >= 1, "`users` must be at least 1")
        require(self.think_time > 0, "`think_time` must be above 0; without it use the closed loop")


Load = ClosedLoop | OpenLoop | UserLoop


class Pool(_Part, frozen=True):
    """The pool inside the client. ``size`` counts the connections of all workers together.

    With ``prime`` every statement has run on every connection that ``prewarm`` opened, before the load begins.
    """

    driver: Literal["asyncpg", "asyncpg-queue", "psycopg", "pgbench", "locust"] = "asyncpg"
    size: int = 10
    min_size: int | None = None
    prewarm: bool = True
    prime: bool = True
    reset: Literal["default", "none"] = "default"
    statement_cache: int = 100
    workers: int | Literal["auto"] = "auto"
    acquire_timeout: Duration | None = None
    autocommit: bool = True
    max_queries: int = 50_000
    max_inactive: Duration = Duration(300_000_000_000)

    def __post_init__(self) -> None:
        require(self.size >= 1, "`size` must be at least 1")
        require(
            self.min_size is None or 0 <= self.min_size <= self.size,
            "`min_size` must lie between 0 and `size`",
        )
        require(self.workers == "auto" or self.workers >= 1, '`workers` must be "auto" or at least 1')
        require(self.statement_cache >= 0, "`statement_cache` must not be negative")
        require(self.max_queries >= 1, "`max_queries` must be at least 1")


class Run(_Part, frozen=True):
    """How trials are run: window and warm-up of each, replicates of each treatment, their order.

    ``expect = "transient"``: the window is about what happens before things are steady, such as a cold start.
    """

    warmup: Duration = Duration(1_000_000_000)
    window: Duration = Duration(5_000_000_000)
    replicates: int = 5
    order: Literal["random", "sequential"] = "random"
    seed: int = 1
    cooldown: Duration = Duration(0)
    expect: Literal["steady", "transient"] = "steady"

    def __post_init__(self) -> None:
        require(self.replicates >= 1, "`replicates` must be at least 1")
        require(self.window >= 100_000_000, "`window` must be at least 100ms")


class Scenario(_Part, frozen=True):
    """One experiment. ``sweep`` maps dotted keys to levels; ``quick`` holds what ``--quick`` overrides.

    ``include`` names the scenarios whose operations were blended in, each with its share of the mix.
    """

    name: str
    operation: tuple[Operation, ...]
    load: Load
    description: str = ""
    dataset: Dataset = Dataset()
    pool: Pool = Pool()
    pooler: Pooler = Pooler()
    run: Run = Run()
    sweep: dict[str, tuple[Level, ...]] = {}
    quick: dict[str, Level | tuple[Level, ...]] = {}
    budgets: tuple[str, ...] = ()
    include: tuple[str, ...] = ()
    disturbance: tuple[Disturbance, ...] = ()

    def __post_init__(self) -> None:
        require(bool(self.operation), "a scenario needs at least one [[operation]]")
        names = [operation.name for operation in self.operation]
        twice = sorted({name for name in names if names.count(name) > 1})
        require(not twice, f"two operations share a name: {', '.join(twice)}")
        require(
            self.pooler.kind != "pgpool" or self.pool.driver != "locust",
            "the workers of a swarm are told where to connect before pgpool-II runs: use another driver",
        )
        for budget in self.all_budgets:
            self._check_budget(budget)
        for disturbance in self.disturbance:
            disturbance.check(window_ns=self.run.window, pooled=self.pooler.kind == "pgbouncer")
        for key, levels in self.sweep.items():
            require(bool(levels), f'`sweep."{key}"` has no levels')
            require(len(set(levels)) == len(levels), f'`sweep."{key}"` names a level twice')

    def _check_budget(self, budget: Budget) -> None:
        """Refuse a budget that could never be judged, before anything runs."""
        if budget.operation == ALL_OPERATIONS:
            return
        names = tuple(operation.name for operation in self.operation)
        if budget.operation not in names:
            near = difflib.get_close_matches(budget.operation, names, n=1, cutoff=0.0)
            msg = (
                f"budget {budget.text!r} names the unknown operation {budget.operation!r}; did you mean {near[0]!r}? "
                f"Known: {', '.join(names)}"
            )
            raise ValueError(msg)
        operation = self.operation[names.index(budget.operation)]
        require(
            operation.is_read or not budget.of_plans,
            f"budget {budget.text!r} asks for the plan of {operation.name!r}, and only single SELECTs are explained",
        )

    @property
    def all_budgets(self) -> tuple[Budget, ...]:
        """Budgets of the whole scenario and of single operations.

        What is counted for each operation by itself (buffers, partitions) is a budget of each where none is named.
        """
        stated = [parse_budget(text) for text in self.budgets]
        own = [parse_budget(text, operation.name) for operation in self.operation for text in operation.budget]
        return tuple(single for budget in (*stated, *own) for single in self._single(budget))

    def _single(self, budget: Budget) -> list[Budget]:
        if budget.metric not in COUNTS or budget.operation != ALL_OPERATIONS:
            return [budget]
        explained = [operation for operation in self.operation if operation.is_read or not budget.of_plans]
        require(bool(explained), f"budget {budget.text!r} asks for plans, and only single SELECTs are explained")
        return [msgspec.structs.replace(budget, operation=operation.name) for operation in explained]
