"""S12: the audit log's months are made ahead, pruned, and leave by retention."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.analysis.plan_tree import walk
from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.plans import MODES, explain_prepared
from bench.environment.audit.rows import acting_as
from bench.environment.audit.session import opened
from bench.environment.audit.subject import shipped_facts
from bench.environment.partition_checks import add_months, read_shape
from bench.environment.partitions import maintain
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from bench.environment.audit.subject import Subject
    from bench.environment.partitions import Outcome

TABLE = "audit_logs"
AHEAD, KEEP, HISTORY = 4, 6, 9
_ENTRY = """
INSERT INTO audit_logs (created_at, job_name, action, entity_type, entity_id)
VALUES (%s, 'audit', 'read', 'policy', '1')
"""
_ONE_MONTH = """
SELECT id FROM audit_logs WHERE actor_user_id = $1 AND created_at >= $2 AND created_at < $3 ORDER BY created_at DESC"""


def prove(subject: Subject) -> Proof:
    """Look at the shape the migrations leave, then age a copy: make, move, detach, and repeat."""
    faults: list[Fault] = []
    database = subject.copy()
    first = next(
        each for each in maintain(database, ahead=3, keep=None, drop=False, dry_run=True) if each.table == TABLE
    )
    faults += _failed(first, "as migrated")
    with opened(database) as connection:
        shape = read_shape(connection, TABLE)
        for months in (AHEAD, -2):
            connection.execute(_ENTRY.encode(), [add_months(shape.month, months)])
        connection.execute("SELECT ensure_audit_partitions(0, %s)", [HISTORY])
        moved = sum(read_shape(connection, TABLE).strays.values())
    if moved != 1:  # the entry of the month ahead waits; the one of two months ago has moved already
        faults.append(
            Fault(TABLE, "history is not moved out of the default partition", "Mend ensure_range_partitions().")
        )
    second, third = (_maintain(subject, database) for _ in range(2))
    faults += _failed(second, "after maintenance")
    if second.moved_rows != 1:
        faults.append(Fault(TABLE, f"{second.moved_rows} rows left the default partition, not 1", "Mend the function."))
    if not second.removed or third.created or third.removed:
        faults.append(Fault(TABLE, "maintenance does not settle: retention or the second run is wrong", "Mend it."))
    pruned = _pruning(subject, faults)
    detached = len(second.removed)
    passed = sum(each.verdict == "pass" for each in first.checks)
    repeated = "nothing" if not third.created + third.removed else "more"
    return Proof(
        f"{passed} of {len(first.checks)} checks pass as migrated; {detached} months past retention detached; "
        f"rows moved out of the default partition: {second.moved_rows}; a second run did {repeated}; "
        f"a month's search reads {pruned['read']} of {pruned['partitions']} partitions",
        {
            "as_migrated": {each.name: each.evidence for each in first.checks},
            "after_maintenance": {each.name: each.evidence for each in second.checks},
            "created": list(second.created),
            "detached": list(second.removed),
            "pruning": pruned,
        },
        faults,
    )


def _maintain(_subject: Subject, database: Any) -> Outcome:
    outcomes = maintain(database, ahead=AHEAD, keep=KEEP, drop=False, dry_run=False)
    return next(each for each in outcomes if each.table == TABLE)


def _failed(outcome: Outcome, when: str) -> list[Fault]:
    return [
        Fault(f"{TABLE}: {each.name}", f"{when}: {each.evidence}", each.remedy)
        for each in outcome.checks
        if each.verdict == "fail"
    ]


def _pruning(subject: Subject, faults: list[Fault]) -> dict[str, Any]:
    """Count the partitions that a search by actor and month executes, as the application."""
    with opened(subject.populated) as connection:
        shape = read_shape(connection, TABLE)
        begin, end = add_months(shape.month, -2), add_months(shape.month, -1)
        plans = {}
        for mode in MODES:
            with acting_as(connection, shipped_facts("access")["role"]):
                plans[mode] = explain_prepared(connection, _ONE_MONTH, f"77, '{begin}', '{end}'", mode)
    read = {
        mode: sorted({node.relation or "" for node in walk(plan) if node.relation and node.executed})
        for mode, plan in plans.items()
    }
    wanted = [f"{TABLE}_{begin:%Y_%m}"]
    for mode, relations in read.items():
        if relations != wanted:
            faults.append(
                Fault(
                    TABLE,
                    f"a search in one month reads {', '.join(relations) or 'nothing'} ({mode} plan)",
                    "Compare created_at with instants, without a cast or function on it.",
                )
            )
        if not any(node.index and node.executed for node in walk(plans[mode])):
            faults.append(
                Fault(TABLE, f"a search by actor and month uses no index ({mode} plan)", "Restore the index.")
            )
    return {"partitions": len(shape.children), "read": len(read["generic"]), "relations": read}


claim = Claim(
    "S12",
    "The audit log is partitioned by month, partitions are made ahead automatically, retention is applied",
    prove,
    shipped_only=True,
)
