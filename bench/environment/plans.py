"""EXPLAIN of a scenario's operations, reads and writes, in transactions that are rolled back."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from bench.environment.connection import connected
from bench.load.drivers.steps import bind
from bench.model.errors import ScenarioError
from bench.model.facts import Caveat, PlanFact
from bench.model.ports import NoRowToBind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.model.endpoint import Endpoint
    from bench.model.facts import PlanKind, PlanRole
    from bench.model.scenario import Operation, Step

    Arguments = Sequence[tuple[Any, ...]]

STATEMENT_TIMEOUT_MS = 30_000
_TIMEOUT = "SELECT setting::int FROM pg_settings WHERE name = 'statement_timeout'"
CUSTOM_EXECUTIONS = 5
"""Executions that PostgreSQL plans with the values known before it compares costs (plancache.c)."""
_PLANNED = re.compile(r"\s*\(*\s*(SELECT|INSERT|UPDATE|DELETE|MERGE|WITH|VALUES|TABLE)\b", re.IGNORECASE)
"""Statements that have a plan; SET, LOCK and the like are only run."""
_NOT_UNDERSTOOD = ("0A", "22", "25", "26", "42")
"""Classes of SQLSTATE that say that the statement is wrong, or writes where it may not; not that the data refused."""
_MODES = {"custom": "force_custom_plan", "generic": "force_generic_plan", "auto": "auto"}


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """As whom statements are explained. ``load`` marks the one from which the load itself sees them."""

    role: PlanRole
    set_role: str = ""
    """The role taken with SET ROLE; empty for the login itself."""
    settings: tuple[tuple[str, str], ...] = ()
    """Settings that hold before every statement, whatever the operation sets itself."""
    load: bool = False

    def __str__(self) -> str:
        return {"app": "the application", "owner": "the tables' owner", "foreign": "a foreign tenant"}[self.role]


@dataclass(slots=True)
class Captured:
    """Plans, and why some are missing."""

    facts: list[PlanFact] = field(default_factory=list)
    caveats: list[Caveat] = field(default_factory=list)
    timed_out: bool = False
    """A statement was cut off: running it again from other sides would only cost the server more."""

    def add(self, more: Captured) -> None:
        """Take over what another look has found."""
        self.facts += more.facts
        self.caveats += [caveat for caveat in more.caveats if caveat not in self.caveats]


def explain(
    endpoint: Endpoint,
    operation: Operation,
    arguments: Arguments,
    view: Viewpoint,
    *,
    kind: PlanKind = "custom",
    timing: bool = True,
) -> Captured:
    """Explain every step with each set of arguments, values known (``custom``) or unknown (``generic``).

    Statements are prepared first, so that the server infers the parameter types as it does for a driver. ANALYZE
    executes them, the steps of a transaction one after the other with values passed on; each set is rolled back.
    Without ``timing`` the plans are there to be compared, so what only the first execution of a session reads (the
    catalogue, the functions of triggers) is read before. Raises ``ScenarioError`` where the load's own statement is
    not understood; what the data or another viewpoint refuses is a caveat.
    """
    captured = Captured()
    with connected(endpoint) as connection:
        session = _Session(connection, operation, view, kind)
        if not timing:
            session.execute(0, arguments[0], timing=False)
        for draw, values in enumerate(arguments):
            captured.add(session.execute(draw, values, timing=timing))
    return captured


def explain_automatic(endpoint: Endpoint, operation: Operation, arguments: Arguments, view: Viewpoint) -> Captured:
    """Execute in one session as a driver does, and return the plans of the fifth and the sixth execution.

    Up to the fifth PostgreSQL plans with the values known; from the sixth it takes the generic plan where that is not
    dearer by its estimates (``plan_cache_mode = auto``). Both have the same arguments, so only the choice can differ.
    """
    captured = Captured()
    with connected(endpoint) as connection:
        session = _Session(connection, operation, view, "auto")
        for execution in range(1, CUSTOM_EXECUTIONS + 2):
            draw = max(0, CUSTOM_EXECUTIONS - execution) % len(arguments)
            seen = session.execute(draw, arguments[draw], timing=False, execution=execution)
            if execution >= CUSTOM_EXECUTIONS:
                captured.add(seen)
    return captured


class _Session:
    """One connection, whose prepared statements live as long as it does."""

    def __init__(
        self, connection: psycopg.Connection[Any], operation: Operation, view: Viewpoint, kind: PlanKind
    ) -> None:
        self._connection = connection
        self._operation = operation
        self._view = view
        self._kind = kind
        self._prepared: set[str] = set()
        self._timeout_ms = _shorter_timeout_ms(connection)

    def execute(self, draw: int, arguments: tuple[Any, ...], *, timing: bool, execution: int = 0) -> Captured:
        """Run the operation once, explaining each step; nothing of it stays but numbers drawn from sequences."""
        operation = self._operation
        values = dict(zip(operation.argument_names, arguments, strict=True))
        captured = Captured()
        number = 0
        try:
            self._begin()
            for place, step in enumerate(operation.steps, 1):
                number = place if operation.is_transaction else 0
                own = [values[name] for name in step.args] if operation.is_transaction else list(arguments)
                for name, value in self._view.settings:
                    self._connection.execute("SELECT set_config(%s, %s, true)", [name, value])
                if _PLANNED.match(step.sql) is None:
                    self._connection.execute(step.sql.encode())
                    continue
                document = self._explain(number, step, own, timing=timing)
                if not (operation.is_transaction and _touches_nothing(document)):
                    captured.facts.append(self._fact(step, number, draw, own, document, execution))
                if step.returns:
                    bind(values, step.returns, self._returned(number, step, own))
        except (psycopg.Error, NoRowToBind) as error:
            captured.timed_out = isinstance(error, psycopg.errors.QueryCanceled)
            if not self._is_meant(error):
                captured.caveats.append(self._refusal(number, error))
        finally:
            with contextlib.suppress(psycopg.OperationalError):  # a lost connection rolls back by itself
                self._connection.execute("ROLLBACK")
        return captured

    def _begin(self) -> None:
        self._connection.execute("BEGIN")
        self._connection.execute(f"SET LOCAL statement_timeout = {self._timeout_ms}".encode())
        self._connection.execute(f"SET LOCAL plan_cache_mode = {_MODES[self._kind]}".encode())
        if self._view.set_role:
            self._connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(self._view.set_role)))

    def _explain(self, number: int, step: Step, arguments: list[Any], *, timing: bool) -> dict[str, Any]:
        """Execute a prepared step under EXPLAIN; where its rows are needed too, its effect is taken back at once."""
        query = sql.SQL(f"EXPLAIN (ANALYZE, BUFFERS, TIMING {'ON' if timing else 'OFF'}, SETTINGS, FORMAT JSON) ")
        name = self._prepare(f"bench_explain_{number}", step)
        if step.returns:
            self._connection.execute("SAVEPOINT explained")
        row = self._connection.execute(query + _call(name, arguments)).fetchone()
        if step.returns:
            self._connection.execute("ROLLBACK TO SAVEPOINT explained")
        document: dict[str, Any] = row[0][0] if row else {}
        return document

    def _returned(self, number: int, step: Step, arguments: list[Any]) -> list[tuple[Any, ...]]:
        """Run the step for its rows, by another name, so that executions of the explained one are counted right."""
        name = self._prepare(f"bench_return_{number}", step)
        return self._connection.execute(_call(name, arguments)).fetchmany(1)

    def _prepare(self, name: str, step: Step) -> str:
        if name not in self._prepared:
            self._connection.execute(f"PREPARE {name} AS {_text(step)}".encode())
            self._prepared.add(name)
        return name

    def _fact(
        self, step: Step, number: int, draw: int, arguments: list[Any], document: dict[str, Any], execution: int
    ) -> PlanFact:
        return PlanFact(
            operation=self._operation.name,
            role=self._view.role,
            kind=self._kind,
            sql=_text(step),
            arguments=tuple(map(str, arguments)),
            document=document,
            step=number,
            draw=draw,
            execution=execution,
            load=self._view.load and self._kind == "custom",
        )

    def _is_meant(self, error: psycopg.Error | NoRowToBind) -> bool:
        """Tell whether a refusal is what should happen: to a foreign tenant, or where the scenario expects it."""
        if self._view.role == "foreign":
            return True
        return self._operation.expect == "constraint" and isinstance(error, psycopg.errors.IntegrityError)

    def _refusal(self, number: int, error: psycopg.Error | NoRowToBind) -> Caveat:
        whole = error.diag.message_primary if isinstance(error, psycopg.Error) else None
        said = " ".join((whole or str(error)).split())
        what = f"{self._operation.name}{f', step {number}' if number else ''}"
        state = error.sqlstate or "" if isinstance(error, psycopg.Error) else ""
        if self._view.load and state[:2] in _NOT_UNDERSTOOD:
            raise ScenarioError(
                f"operation {self._operation.name!r} cannot be explained: {said}",
                remedy="Check the statement, its `$n` parameters and the role's privileges; `bench plan` shows it.",
            ) from None
        if isinstance(error, NoRowToBind):
            said = "it returned no row for the steps after it"
        return Caveat(
            code="not-explained",
            text=f"{what} has no plan as {self._view} for one set of arguments: {said}",
            cure="Check the role's privileges and the arguments that the scenario draws.",
        )


def _shorter_timeout_ms(connection: psycopg.Connection[Any]) -> int:
    """Return our timeout, or the session's where that is shorter: what guards somebody else's database stays in force.

    Asked outside the transaction, as some statements of a scenario must be the first of theirs.
    """
    row = connection.execute(_TIMEOUT).fetchone()
    return min(STATEMENT_TIMEOUT_MS, row[0]) if row and row[0] else STATEMENT_TIMEOUT_MS


def _touches_nothing(document: dict[str, Any]) -> bool:
    """Tell whether a step only computes, as ``SELECT set_config(…)`` does."""
    plan = document.get("Plan", {})
    return plan.get("Node Type") == "Result" and not plan.get("Plans")


def _text(step: Step) -> str:
    return step.sql.strip().rstrip(";")


def _call(name: str, arguments: Sequence[Any]) -> sql.Composed:
    if not arguments:
        return sql.SQL("EXECUTE {}").format(sql.Identifier(name))
    return sql.SQL("EXECUTE {}({})").format(sql.Identifier(name), sql.SQL(", ").join(map(sql.Literal, arguments)))
