"""S13: a tenant reads and writes its own rows only, and the owner is bound as well."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psycopg import sql

from bench.analysis.explain import parse_plan
from bench.analysis.plan_tree import walk
from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.rows import acting_as, refusal
from bench.environment.audit.subject import shipped_facts
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.audit.rows import Connection, Refusal
    from bench.environment.audit.subject import Subject

REQUIRED = ("admin_activity_logs", "system_settings")
OWN, FOREIGN = "acme", "other-tenant"
_DENIED = "42501"


def prove(subject: Subject) -> Proof:
    """Try every table under row-level security as owner, as application, and as another tenant."""
    catalogue = subject.catalogue
    guarded = [name for name, table in catalogue.tables.items() if table.row_security]
    faults: list[Fault] = [
        Fault(name, "row-level security is not on", "ALTER TABLE … ENABLE ROW LEVEL SECURITY.")
        for name in sorted({*REQUIRED, *(policy.table for policy in catalogue.policies)} - set(guarded))
    ]
    evidence: dict[str, Any] = {}
    with subject.playground() as connection:
        role = connection.execute(
            "SELECT rolsuper OR rolbypassrls FROM pg_roles WHERE rolname = %s", [shipped_facts("access")["role"]]
        ).fetchone()
        if role != (False,):
            faults.append(Fault(shipped_facts("access")["role"], "it bypasses row-level security", "ALTER ROLE."))
        for table in guarded:
            if not catalogue.tables[table].forced:
                faults.append(
                    Fault(table, "its owner is not bound by the policies", "ALTER TABLE … FORCE ROW LEVEL SECURITY.")
                )
            faults += _shape_of_policies(subject, table)
            trial = _Trial(subject, connection, table)
            faults += trial.run()
            evidence[table] = {**trial.seen, "policies": [p.name for p in catalogue.policies if p.table == table]}
    forced = sum(catalogue.tables[name].forced for name in guarded)
    return Proof(
        f"{len(guarded)} tables under row-level security, {forced} of them forced ({', '.join(guarded)}); "
        f"{len(catalogue.policies)} policies, each tried without a tenant, as the tenant, as another one, and as owner",
        evidence,
        faults,
    )


def _shape_of_policies(subject: Subject, table: str) -> Iterator[Fault]:
    for policy in subject.catalogue.policies:
        text = f"{policy.visible or ''} {policy.writable or ''}"
        if policy.table == table and text.count("current_setting(") > text.count("( SELECT "):
            yield Fault(
                f"{table}.{policy.name}",
                "it reads the setting once a row",
                "Compare with (SELECT current_setting(…)), which is read once a statement.",
            )


class _Trial:
    """One table, tried by everybody. ``seen`` counts the rows each one sees."""

    def __init__(self, subject: Subject, connection: Connection, table: str) -> None:
        self.seen: dict[str, int | str] = {}
        self._subject = subject
        self._connection = connection
        self._table = table
        self._role = shipped_facts("access")["role"]

    def run(self) -> Iterator[Fault]:
        yield from self._reading()
        yield from self._writing()
        yield from self._owner()

    def _count(self, role: str, tenant: str | None, *, without_policies: bool = False) -> int:
        settings = {"app.tenant_id": tenant, "app.user_id": "1"} if tenant else {}
        with acting_as(self._connection, role, **settings):
            if without_policies:
                for policy in self._subject.catalogue.policies:
                    if policy.table == self._table:
                        drop = sql.SQL("DROP POLICY {} ON {}")
                        self._execute(drop.format(sql.Identifier(policy.name), sql.SQL(self._table)))
            row = self._connection.execute(self._on("SELECT count(*) FROM {table}")).fetchone()
            return int(row[0]) if row else 0

    def _on(self, text: str) -> sql.Composed:
        """Put the table's name into a statement."""
        return sql.SQL(text).format(table=sql.SQL(self._table))

    def _execute(self, statement: sql.Composed) -> int:
        return self._connection.execute(statement).rowcount

    def _reading(self) -> Iterator[Fault]:
        own, foreign, nobody = (self._count(self._role, tenant) for tenant in (OWN, FOREIGN, None))
        self.seen |= {"own tenant": own, "another tenant": foreign, "no tenant": nobody}
        if not own:
            yield Fault(self._table, "a tenant does not see its own rows", "Add a policy FOR SELECT.")
        for who, count in (("another tenant", foreign), ("a session without a tenant", nobody)):
            if count:
                yield Fault(self._table, f"{who} sees {count} rows of {OWN}", "Restrict the policy FOR SELECT.")
        with acting_as(self._connection, self._role, **{"app.tenant_id": OWN}):
            row = self._connection.execute(self._on("EXPLAIN (FORMAT JSON) SELECT * FROM {table}")).fetchone()
        plan = parse_plan(row[0] if row else None)
        if not any("InitPlan" in (node.subplan_name or "") for node in walk(plan)):
            yield Fault(self._table, "its policy is not evaluated once a statement", "Wrap the setting in (SELECT …).")

    def _as(self, tenant: str, action: sql.Composed) -> tuple[int, Refusal | None]:
        """Do something as a tenant of the application; returns the rows it touched, or how it was refused."""
        touched = [0]

        def act() -> None:
            with acting_as(self._connection, self._role, **{"app.tenant_id": tenant, "app.user_id": "1"}):
                touched[0] = self._execute(action)

        refused = refusal(act, self._connection)
        return touched[0], refused

    def _writing(self) -> Iterator[Fault]:
        for verb, action in (
            ("change", self._on("UPDATE {table} SET tenant_id = tenant_id")),
            ("remove", self._on("DELETE FROM {table}")),
        ):
            touched, refused = self._as(FOREIGN, action)
            if touched or (refused and refused.sqlstate != _DENIED):
                yield Fault(self._table, f"another tenant can {verb} rows of {OWN}", f"Restrict the policy to {verb}.")
            self.seen[f"rows another tenant can {verb}"] = touched
            touched, refused = self._as(OWN, action)
            if verb in self._meant() and not touched and (refused is None or refused.sqlstate == _DENIED):
                yield Fault(self._table, f"a tenant cannot {verb} its own rows", f"Add a policy to {verb}.")
        give = sql.SQL("UPDATE {} SET tenant_id = {}").format(sql.SQL(self._table), sql.Literal(FOREIGN))
        _, refused = self._as(OWN, give)
        if refused is None or refused.sqlstate != _DENIED:
            yield Fault(self._table, "a tenant can give its rows away", "Add WITH CHECK to the policy FOR UPDATE.")
        columns = sql.SQL(", ").join(map(sql.Identifier, self._insertable()))
        insert = sql.SQL("INSERT INTO {table} ({columns}) SELECT {columns} FROM pg_temp.audited_row").format(
            table=sql.SQL(self._table), columns=columns
        )
        self._execute(self._on("CREATE TEMP TABLE audited_row AS SELECT * FROM {table} LIMIT 1"))
        self._execute(sql.SQL("GRANT SELECT ON audited_row TO {}").format(sql.Identifier(self._role)))
        _, refused = self._as(FOREIGN, insert)
        if refused is None or refused.sqlstate != _DENIED or "row-level security" not in refused.message:
            yield Fault(
                self._table, f"another tenant can add rows to {OWN}: {refused or 'taken'}", "Add a policy FOR INSERT."
            )
        _, refused = self._as(OWN, insert)
        if refused is not None and refused.sqlstate == _DENIED:
            yield Fault(self._table, f"a tenant cannot add rows of its own: {refused}", "Mend the policy FOR INSERT.")
        self._connection.execute("DROP TABLE audited_row")

    def _meant(self) -> set[str]:
        """Say what the application is meant to do with rows that are there."""
        access = shipped_facts("access")
        if self._table in [*access["read_only"], *access["append_only"]]:
            return set()
        return {"change"} if self._table in access["no_delete"] else {"change", "remove"}

    def _insertable(self) -> list[str]:
        """Name the columns the application may give a value, keys aside."""
        query = "SELECT has_column_privilege(%s, %s::regclass, %s, 'INSERT')"
        return [
            column.name
            for column in self._subject.catalogue.columns_of(self._table)
            if not column.identity
            and self._connection.execute(query, [self._role, self._table, column.name]).fetchone() == (True,)
        ]

    def _owner(self) -> Iterator[Fault]:
        owner = self._subject.catalogue.tables[self._table].owner
        allowed, bound = self._count(owner, None), self._count(owner, None, without_policies=True)
        self.seen |= {"owner, by its own policy": allowed, "owner, policies taken away": bound}
        if not allowed:
            yield Fault(self._table, "its owner cannot maintain it", "Add a policy TO the owner.")
        if bound:
            yield Fault(self._table, f"its owner sees {bound} rows without a policy", "FORCE ROW LEVEL SECURITY.")


claim = Claim(
    "S13", "Row-level security on admin data is active, for the owner too: tried as owner, application, other tenant",
    prove, shipped_only=True,
)  # fmt: skip
