"""S22: the approval of a rate, and the log that cannot be separated from it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.script import count_log, run_steps
from bench.environment.audit.session import opened
from bench.environment.audit.subject import shipped_facts
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.subject import Subject


def prove(subject: Subject) -> Proof:
    """Walk the workflow as the application; its log entries must be invisible outside until it ends, and go with it."""
    workflow = shipped_facts("rate_approval")
    users = [row["id"] or "" for row in subject.filled.rows.get("users", [])]
    with opened(subject.playground_endpoint) as outside:
        at_first = count_log(outside)
        with subject.playground() as connection:
            connection.execute(workflow["clear"].encode())
            done, faults = run_steps(connection, workflow["step"], workflow["role"], users, workflow["tenant"])
            inside, meanwhile = count_log(connection), count_log(outside)
        afterwards = count_log(outside)
    remedy = "Write the entry by a trigger, in the transaction of the change."
    if inside <= at_first:
        faults.append(Fault("admin_activity_logs", "the workflow left no entry", remedy))
    if meanwhile != at_first:
        faults.append(Fault("admin_activity_logs", "entries are visible before the change is", remedy))
    if afterwards != at_first:
        faults.append(Fault("admin_activity_logs", "entries outlive the change that was undone", remedy))
    return Proof(
        f"{len(done)} statements, {sum(each['logged'] for each in done)} entries in the log; before the end of "
        f"the transaction others see {meanwhile - at_first} of them, after its rollback {afterwards - at_first}",
        {"workflow": done, "entries": {"inside": inside, "outside_meanwhile": meanwhile, "after_rollback": afterwards}},
        faults,
    )


claim = Claim(
    "S22", "Rate-approval workflow and admin activity log: the entry appears in the same transaction", prove,
    shipped_only=True,
)  # fmt: skip
