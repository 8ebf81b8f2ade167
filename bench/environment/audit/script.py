"""Statements of a workload, run one after the other as the application, each with what it must do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from bench.environment.audit.rows import explain
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.environment.audit.rows import Connection, Refusal


def run_steps(
    connection: Connection, steps: Sequence[Mapping[str, Any]], role: str, users: Sequence[str] = (), tenant: str = ""
) -> tuple[list[dict[str, Any]], list[Fault]]:
    """Run the steps in the open transaction; returns what each did, and what it did not do as it should.

    ``as_user`` names a user by place, 0 nobody; ``logged`` counts the entries a step must add to the activity log.
    """
    done: list[dict[str, Any]] = []
    faults: list[Fault] = []
    for step in steps:
        place = step.get("as_user", 0)
        settings = {"app.tenant_id": tenant, "app.user_id": users[place - 1] if place else ""}
        before = count_log(connection)
        rows, refused = _run(connection, str(step["sql"]), role, settings)
        logged = count_log(connection) - before
        answer = str(refused) if refused else f"{rows} rows"
        done.append({"does": step["does"], "answer": answer, "logged": logged})
        problem = _problem(step, rows, refused, logged)
        if problem:
            faults.append(Fault(str(step["does"]), problem, "Mend the rule, grant or policy that the answer names."))
    return done, faults


def count_log(connection: Connection) -> int:
    """Count the entries of the activity log that this session sees, whatever its tenant."""
    row = connection.execute("SELECT count(*) FROM admin_activity_logs").fetchone()
    return int(row[0]) if row else 0


def _problem(step: Mapping[str, Any], rows: int, refused: Refusal | None, logged: int) -> str | None:
    if "refused_by" in step:
        if refused is None:
            return f"it is not refused ({rows} rows)"
        return None if refused.rule == step["refused_by"] else f"something else refuses it: {refused}"
    if refused:
        return f"it is refused: {refused}"
    if rows != step["rows"]:
        return f"it touches {rows} rows, not {step['rows']}"
    if logged != step.get("logged", logged):
        return f"it adds {logged} entries to the activity log, not {step['logged']}"
    return None


def _run(connection: Connection, statement: str, role: str, settings: Mapping[str, str]) -> tuple[int, Refusal | None]:
    """Run a statement as a role; what it does stays in the transaction unless it is refused."""
    for name, value in settings.items():
        connection.execute("SELECT set_config(%s, %s, true)", [name, value])
    connection.execute(sql.SQL("SET LOCAL ROLE {}").format(sql.Identifier(role)))
    try:
        with connection.transaction():
            return connection.execute(statement.encode()).rowcount, None
    except psycopg.Error as error:
        return 0, explain(error)
    finally:
        connection.execute("RESET ROLE")
