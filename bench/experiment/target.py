"""Where the load goes: the embedded environment, or servers of somebody else that we only measure."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg

from bench.environment import embedded, migrations
from bench.environment.attached import Attachment, attach
from bench.environment.connection import connected
from bench.environment.dataset import provide_dataset
from bench.environment.descriptors import PoolerLimits, read_limits, soft_limit
from bench.environment.embedded import Environment, session
from bench.environment.pgpool import Pgpool, find_pgpool
from bench.environment.pooler_ini import PoolerSettings
from bench.environment.safeguard import (
    READ_ONLY,
    guarded,
    guarded_pooler,
    session_settings,
    stand_guard,
)
from bench.model.errors import SetupError
from bench.model.facts import Caveat

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from bench.environment.attached import Reached
    from bench.environment.embedded import Where
    from bench.environment.safeguard import Guard
    from bench.experiment.progress import Progress
    from bench.model.endpoint import Endpoint
    from bench.model.limits import Limits
    from bench.model.scenario import Dataset, Scenario


@dataclass(frozen=True, slots=True)
class Target:
    """Addresses by purpose. ``environment`` is ours to reconfigure; an attached target has none."""

    admin: Endpoint
    """Reads counters; never carries load."""
    direct: Endpoint
    """The load's role at the server."""
    pooled: Endpoint | None
    console: Endpoint | None
    server_pid: int | None
    pooler_pid: int | None
    environment: Environment | None
    caveats: tuple[Caveat, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)
    pgpool: Pgpool | None = None
    """The second pooler, of the embedded environment; started by the trials that ask for it."""
    guard: Guard | None = None
    """Bounds of an attached database without our marker."""
    pooler_extra: tuple[tuple[str, str], ...] = ()
    """Settings of the pooler that a scenario has no keys for."""

    def poolers(self) -> tuple[tuple[Endpoint, int | None], ...]:
        """Return the console of each process of the pooler, with its id where it is ours to look at."""
        if self.environment is not None and self.environment.pooler.pids:
            pooler = self.environment.pooler
            return tuple(zip(pooler.consoles, pooler.pids, strict=True))
        return () if self.console is None else ((self.console, self.pooler_pid),)

    def prepare(self, scenario: Scenario) -> Endpoint:
        """Bring the pooler into the state the treatment asks for; returns where the load connects."""
        if scenario.pooler.kind == "none":
            return self.direct
        if scenario.pooler.kind == "pgpool" and self.pgpool is not None:
            self.pgpool.start(scenario.pool.size)
            return self.pgpool.endpoint
        if self.pooled is None:
            raise _no_pooler()
        if self.environment is not None:
            pooler = scenario.pooler
            # Without a size of its own: the kernel decides how many clients each process gets, perhaps all of them.
            each = scenario.pool.size if pooler.size is None else pooler.size // pooler.processes
            settings = PoolerSettings(
                pooler.mode, each, pooler.max_prepared_statements, pooler.processes, self.pooler_extra
            )
            self.environment.pooler.apply(settings, self.pooled.dbname)
        return self.pooled

    def check_poolers(self, scenarios: Iterable[Scenario]) -> None:
        """Refuse, before anything runs, a treatment whose pooler cannot be had here."""
        for pooler in {scenario.pooler for scenario in scenarios}:
            if pooler.kind != "none" and self.pooled is None:
                raise _no_pooler()
            if pooler.processes > 1 and self.environment is None:
                raise SetupError(
                    "`pooler.processes` is for the embedded pooler; an attached one is measured as it is",
                    remedy="Leave the key out, or run without `--pooler-dsn`.",
                )
            if pooler.kind == "pgbouncer" and self.environment is not None:
                self.environment.pooler.require_processes(pooler.processes)
            if pooler.kind == "pgpool":
                if self.pgpool is None:  # whatever is attached would be measured under a name that nobody can check
                    raise SetupError(
                        "pgpool-II is run by the embedded environment; an attached pooler is measured as it is",
                        remedy="Leave out `--dsn`, or measure the attached one with `--set pooler.kind=pgbouncer`.",
                    )
                find_pgpool()

    def ended(self) -> str | None:
        """Name a server of our own that has ended and will not come back by itself."""
        if self.environment is None:
            return None
        ours = {"server": self.environment.postgres.process, "pooler": self.environment.pooler.process}
        return next((name for name, one in ours.items() if one is not None and one.poll() is not None), None)

    def usable_connections(self) -> int:
        """Return the connections an ordinary role can have at the server."""
        with connected(self.admin) as connection:
            names = ("max_connections", "superuser_reserved_connections", "reserved_connections")
            values = {
                name: int(row[0])
                for name in names
                if (row := connection.execute("SELECT current_setting(%s, true)", [name]).fetchone()) and row[0]
            }
        return values["max_connections"] - sum(value for name, value in values.items() if name != "max_connections")

    def pooler_limits(self) -> PoolerLimits | None:
        """Return how many clients one process of the pooler can take, None without a pooler."""
        if self.environment is not None:
            pooler = self.environment.pooler
            pid = self.pooler_pid
            return PoolerLimits(pid, None if pid is None else soft_limit(pid), pooler.max_clients)
        return None if self.pooled is None else read_limits(self.pooled, self.console)

    def pgbench(self) -> Path:
        """Return the pgbench binary that belongs to the server, or the one on the path."""
        beside = self.environment.postgres.bindir / "pgbench" if self.environment else None
        found = beside if beside and beside.is_file() else shutil.which("pgbench")
        if found is None:
            raise SetupError("pgbench is not installed", remedy="Install the `postgresql-contrib` package.")
        return Path(found)


def _no_pooler() -> SetupError:
    return SetupError(
        "the scenario drives its load through a pooler, and none is attached",
        remedy="Name one with `--pooler-dsn`, or run direct with `--set pooler.kind=none`.",
    )


@contextlib.contextmanager
def open_target(
    where: Where | Attachment | Environment, dataset: Dataset, scenarios: Iterable[Scenario], progress: Progress
) -> Iterator[Target]:
    """Bring up or reach the target; the embedded one is migrated to head and holds the scenario's data.

    An ``Environment`` is one that the caller has started and will stop. ``scenarios`` are those that may run: an
    attached database is guarded against what they could do to it.
    """
    if isinstance(where, Attachment):
        with attach(where) as reached:
            yield _attached(reached, where.limits, tuple(scenarios), progress)
        return
    if isinstance(where, Environment):
        with contextlib.closing(_second_pooler(where)) as pgpool:
            yield _embedded(where, embedded.own_pids(where), pgpool, dataset, progress)
        return
    progress.note("starting the embedded PostgreSQL and pgBouncer")
    with session(where) as environment:
        for note in environment.notes:
            progress.note(f"  {note}")
        with contextlib.closing(_second_pooler(environment)) as pgpool:
            yield _embedded(environment, embedded.pids(environment, where), pgpool, dataset, progress)


def _second_pooler(environment: Environment) -> Pgpool:
    data = environment.postgres.data
    folder = data.parent.with_name(f"{data.parent.name}-pgpool")
    return Pgpool(environment.app, folder, environment.postgres.account)


def _attached(reached: Reached, limits: Limits, scenarios: tuple[Scenario, ...], progress: Progress) -> Target:
    target = Target(
        admin=reached.admin,
        direct=reached.direct,
        pooled=reached.pooled,
        console=reached.console,
        server_pid=None,
        pooler_pid=None,
        environment=None,
        caveats=reached.caveats,
        versions=reached.versions,
    )
    guard = stand_guard(reached.admin, limits)
    return target if guard is None else _guarded(target, guard, limits, scenarios, progress)


def _guarded(
    target: Target, guard: Guard, limits: Limits, scenarios: tuple[Scenario, ...], progress: Progress
) -> Target:
    """Return the target with sessions that can do no harm; raises ``ScenarioError`` for a load beyond its bounds."""
    guard.check(scenarios)
    settings = session_settings(limits, scenarios)
    words = ", ".join(f"{name} = {value}" for name, value in settings)
    progress.note(f"{guard.dbname} does not carry our marker: sessions run with {words}")
    progress.note(f"  at most {guard.connections} connections and {guard.rate:,.0f}/s offered (`--limit`)")
    doubts = [
        Caveat(
            code="guarded",
            text=f"somebody else's database: sessions ran with {words}",
            cure="Nothing to do; `--limit` changes it.",
        )
    ]
    pooled = target.pooled
    if pooled is not None:
        pooled, doubt = guarded_pooler(pooled, settings)
        doubts += [] if doubt is None else [doubt]
    return dataclasses.replace(
        target,
        admin=guarded(target.admin, ((READ_ONLY, "on"),)),
        direct=guarded(target.direct, settings),
        pooled=pooled,
        guard=guard,
        caveats=(*target.caveats, *doubts),
    )


def _embedded(
    environment: Environment,
    pids: tuple[int | None, int | None],
    pgpool: Pgpool,
    dataset: Dataset,
    progress: Progress,
) -> Target:
    migrations.upgrade(environment.admin.dsn())
    provide_dataset(environment.admin, dataset, progress.note)
    with psycopg.connect(environment.admin.dsn()) as connection:
        version = connection.info.parameter_status("server_version") or "unknown"
    return Target(
        admin=environment.admin,
        direct=environment.app,
        pooled=environment.pooled,
        console=environment.pooler.console,
        server_pid=pids[0],
        pooler_pid=pids[1],
        environment=environment,
        pgpool=pgpool,
        caveats=environment.pooler.caveats,
        versions={"postgresql": version, "pgbouncer": ".".join(map(str, environment.pooler.version))},
    )
