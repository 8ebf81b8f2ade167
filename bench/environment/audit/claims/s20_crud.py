"""S20: every table can be written, read, changed and emptied, and what fails leaves nothing behind."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from bench.environment.audit.candidates import variations
from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.generate import Solver, differing
from bench.environment.audit.rows import refusal
from bench.environment.audit.session import opened, rolled_back
from bench.environment.audit.subject import shipped_facts
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.audit.candidates import Row
    from bench.environment.audit.rows import Connection
    from bench.environment.audit.subject import Subject

_VERBS = ("SELECT", "INSERT", "UPDATE", "DELETE")


def prove(subject: Subject) -> Proof:
    """Create, read, change and remove a row of every table; then undo all, by an error and by a lost connection."""
    faults = [
        Fault(table, f"it cannot be tried: {problem}", "Mend its rules, or give a row in the recipes.")
        for table, problem in subject.filled.problems.items()
    ]
    done: dict[str, list[str]] = {}
    fresh: dict[str, Row] = {}
    with subject.playground() as connection:
        for table, rows in subject.filled.rows.items():
            if rows and table not in subject.filled.problems:
                trial = _Trial(subject, connection, table)
                faults += trial.run(rows[0])
                done[table] = trial.done
                if trial.fresh:
                    fresh[table] = trial.fresh
    evidence: dict[str, Any] = {"tables": done, **_undone(subject, fresh, faults)}
    if subject.shipped:
        evidence["application"] = _privileges(subject, faults)
    counted = Counter(verb for verbs in done.values() for verb in verbs)
    return Proof(
        f"{len(done)} tables: " + ", ".join(f"{count} {verb}" for verb, count in counted.items())
        + f"; {evidence['rows_undone']} rows undone by an error, and again by a lost connection",
        evidence,
        faults,
    )  # fmt: skip


class _Trial:
    """One table. ``done`` tells what worked; ``fresh`` is a second row that could be written beside the first."""

    def __init__(self, subject: Subject, connection: Connection, table: str) -> None:
        self.done: list[str] = []
        self.fresh: Row | None = None
        self._subject = subject
        self._connection = connection
        self._table = table
        self._solver = Solver(connection, subject.catalogue, subject.writer)
        access = shipped_facts("access") if subject.shipped else {}
        self._immutable = table in access.get("immutable", [])
        self._fixed = self._immutable or table in access.get("unchangeable", [])

    def run(self, base: Row) -> Iterator[Fault]:
        writer, connection, table = self._subject.writer, self._connection, self._table
        with rolled_back(connection):
            row = self._unlike(base)
            if row is None:
                # Its keys are its parents' and have no others: make room by removing the row that is there.
                row = base
                refused = refusal(lambda: writer.delete(connection, table, self._key(base)), connection)
                if refused is not None:
                    yield Fault(table, f"no second row can be written: {refused}", "Give one in the recipes.")
                    return
                writer.delete(connection, table, self._key(base))
            else:
                self.fresh = row
            writer.insert(connection, table, row)
            self.done.append("created")
            if writer.count(connection, table, self._key(row)) != 1:
                yield Fault(table, "the new row cannot be read back", "Look for a trigger or rule that redirects it.")
            self.done.append("read")
            yield from self._change(row)
            yield from self._remove(row)

    def _key(self, row: Row) -> Row:
        return self._subject.writer.key(row, self._subject.catalogue.primary_key(self._table))

    def _unlike(self, base: Row) -> Row | None:
        catalogue, writer = self._subject.catalogue, self._subject.writer
        columns = {column.name: column for column in writer.columns(self._table)}
        foreign = {name for key in catalogue.constraints_of(self._table, "f") for name in key.columns}
        keys = {name for key in catalogue.constraints_of(self._table, "pux") for name in key.columns}
        keys |= {name for index in catalogue.indexes_of(self._table) if index.is_unique for name in index.depends_on}
        changed = differing(base, keys - foreign, columns)
        new = [name for name, value in changed.items() if value != base[name]]
        for fixed in ([], new):  # the new key as it is mended, or everything else mended around it
            row, _ = self._solver.solve(self._table, changed, fixed)
            if row is not None:
                return row
        return None

    def _change(self, row: Row) -> Iterator[Fault]:
        """Change one column that is no key to anything else the table takes."""
        catalogue, writer = self._subject.catalogue, self._subject.writer
        keys = {name for each in catalogue.constraints_of(self._table, "puf") for name in each.columns}
        columns = [column for column in writer.columns(self._table) if column.name not in keys and not column.identity]
        refused = None
        for changed, names in variations(row, columns, self._solver.constants(self._table), pairs=False):
            values = {name: changed[name] for name in names}
            refused = refusal(partial(self._update, row, values), self._connection)
            if refused is None or self._fixed:
                break
        else:
            if columns:
                yield Fault(self._table, f"no column can be changed: {refused}", "Mend the rule that refuses.")
            return
        if not self._fixed:
            self.done.append("updated")
            yield from self._clock(row)
        elif refused is None or not refused.rule.endswith("_immutable"):
            yield Fault(self._table, "its rows are evidence, and can be changed", "Restore the trigger that refuses.")
        else:
            self.done.append("kept from change")

    def _clock(self, row: Row) -> Iterator[Fault]:
        """Send a wrong time of change: the database promises to keep its own."""
        if not (self._subject.shipped and "updated_at" in row):
            return
        writer, sent = self._subject.writer, {"updated_at": "1999-01-01 00:00:00+00"}
        with rolled_back(self._connection):
            writer.update(self._connection, self._table, sent, self._key(row))
            if writer.count(self._connection, self._table, {**self._key(row), **sent}):
                yield Fault(
                    self._table, "updated_at is what the application sends", "Restore the trigger that sets it."
                )

    def _update(self, row: Row, values: Row) -> None:
        """Change the row; raises where the change is not there afterwards, as a trigger may take it back."""
        touched = self._subject.writer.update(self._connection, self._table, values, self._key(row))
        kept = {name: value for name, value in values.items() if value is None or len(value) < 100}
        comparable = {column.name for column in self._subject.writer.columns(self._table) if column.type != "json"}
        where = {**self._key(row), **{name: value for name, value in kept.items() if name in comparable}}
        if touched != 1 or self._subject.writer.count(self._connection, self._table, where) != 1:
            raise psycopg.DataError("the change is not there afterwards")

    def _remove(self, row: Row) -> Iterator[Fault]:
        refused = refusal(
            lambda: self._subject.writer.delete(self._connection, self._table, self._key(row)), self._connection
        )
        if self._immutable:
            if refused is None or not refused.rule.endswith("_immutable"):
                yield Fault(
                    self._table, "its rows are evidence, and can be removed", "Restore the trigger that refuses."
                )
            else:
                self.done.append("kept from removal")
        elif refused is not None:
            yield Fault(self._table, f"the new row cannot be removed: {refused}", "Mend the rule that refuses.")
        else:
            self.done.append("deleted")


def _undone(subject: Subject, fresh: dict[str, Row], faults: list[Fault]) -> dict[str, int]:
    """Write rows into many tables in one transaction and let it fail, twice; nothing may be left."""
    before = _contents(subject)
    for how in ("an error", "a lost connection"):
        written = 0
        try:
            with opened(subject.playground_endpoint) as connection, connection.transaction():
                for table, row in fresh.items():
                    subject.writer.insert(connection, table, row)
                    written += 1
                if how == "an error":
                    connection.execute("SELECT 1 / 0")
                else:
                    connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        except psycopg.Error as error:
            if written < len(fresh):
                faults.append(Fault("rollback", f"the transaction could not be filled: {error}", "Mend what is named."))
        after = _contents(subject)
        faults += [
            Fault(table, f"a transaction that ended by {how} left something behind", "Look for autonomous writes.")
            for table in before
            if before[table] != after.get(table)
        ]
    return {"rows_undone": len(fresh)}


def _contents(subject: Subject) -> dict[str, Any]:
    """Fingerprint the rows of every table."""
    query = sql.SQL("SELECT count(*), md5(string_agg(t::text, '|' ORDER BY t::text)) FROM {} AS t")
    with opened(subject.playground_endpoint) as connection:
        return {
            table: connection.execute(query.format(sql.SQL(table))).fetchone() for table in subject.catalogue.tables
        }


def _privileges(subject: Subject, faults: list[Fault]) -> dict[str, str]:
    """Compare what the application may do with what it is meant to."""
    access = shipped_facts("access")
    found = {}
    with subject.playground() as connection:
        for table in subject.catalogue.tables:
            meant = set(_VERBS)
            if table in access["read_only"]:
                meant = {"SELECT"}
            elif table in access["append_only"]:
                meant = {"SELECT", "INSERT"}
            elif table in access["no_delete"]:
                meant -= {"DELETE"}
            granted = {verb for verb in _VERBS if _may(connection, access["role"], table, verb)}
            found[table] = ", ".join(verb for verb in _VERBS if verb in granted)
            faults += [
                Fault(table, f"the application may not {verb}", f"GRANT {verb} ON {table} TO {access['role']}.")
                for verb in _VERBS
                if verb in meant - granted
            ]
            faults += [
                Fault(table, f"the application may {verb}, which it is not meant to", f"REVOKE {verb}.")
                for verb in _VERBS
                if verb in granted - meant
            ]
    return found


def _may(connection: Connection, role: str, table: str, verb: str) -> bool:
    columns = "" if verb == "DELETE" else f" OR has_any_column_privilege(%(role)s, %(table)s::regclass, '{verb}')"
    query = f"SELECT has_table_privilege(%(role)s, %(table)s::regclass, '{verb}'){columns}"
    return connection.execute(query.encode(), {"role": role, "table": table}).fetchone() == (True,)


claim = Claim("S20", "CRUD on every table works, and a failed transaction leaves nothing behind", prove)
