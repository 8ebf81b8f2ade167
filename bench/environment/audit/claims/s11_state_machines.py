"""S11: every legal step of a life cycle passes, every other is refused."""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING, Any

from bench.environment.audit.claim import Claim, Proof
from bench.environment.audit.generate import Solver
from bench.environment.audit.rows import acting_as, refusal
from bench.environment.audit.session import rolled_back
from bench.environment.audit.subject import shipped_facts
from bench.model.ledger import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.environment.audit.candidates import Row
    from bench.environment.audit.catalogue import Trigger
    from bench.environment.audit.rows import Connection
    from bench.environment.audit.subject import Subject

Steps = dict[str, list[str]]
_KEPT = {"created_at", "updated_at"}


def prove(subject: Subject) -> Proof:
    """Compare the listed steps with those written down for the audit, then try every pair of states."""
    machines: dict[str, Steps] = shipped_facts("machines")
    faults: list[Fault] = []
    evidence: dict[str, Any] = {}
    for machine, steps in machines.items():
        triggers = _triggers(subject, machine)
        if not {"UPDATE", "INSERT"} <= set(triggers):
            missing = sorted({"UPDATE", "INSERT"} - set(triggers))
            faults.append(
                Fault(machine, f"no trigger enforces its steps on {' and '.join(missing)}", "Create the trigger.")
            )
        faults += _compare(subject, machine, steps)
        if triggers:
            trial = _Trial(subject, machine, next(iter(triggers.values())).table, steps)
            faults += trial.run()
            evidence[machine] = {"table": trial.table, **trial.counted}
    known = {name for (name,) in _query(subject, "SELECT DISTINCT machine FROM state_transitions")}
    unknown = sorted(known - set(machines))
    faults += [Fault(name, "the audit knows no such machine", "Add it to machines.toml.") for name in unknown]
    legal, illegal, initial = (
        sum(each[kind] for each in evidence.values()) for kind in ("legal", "illegal", "initial")
    )
    return Proof(
        f"{len(evidence)} machines ({', '.join(evidence)}), {legal + illegal + initial} steps tried: {legal} legal, "
        f"{illegal} illegal, {initial} first states",
        evidence,
        faults,
    )


def _query(subject: Subject, query: str, *values: str) -> list[Any]:
    with subject.playground() as connection:
        return connection.execute(query.encode(), list(values)).fetchall()


def _triggers(subject: Subject, machine: str) -> dict[str, Trigger]:
    """Find the triggers of a machine by the event they watch."""
    return {
        event: trigger
        for trigger in subject.catalogue.triggers
        for event in ("UPDATE", "INSERT")
        if trigger.arguments[:1] == [machine]
        and trigger.function.startswith("enforce_state_transition(")
        and re.search(rf"\b{event}\b", trigger.definition.partition(" ON ")[0])
        and trigger.enabled == "O"
    }


def _compare(subject: Subject, machine: str, steps: Steps) -> Iterator[Fault]:
    query = "SELECT from_state, to_state FROM state_transitions WHERE machine = %s"
    listed = {(before, after) for before, after in _query(subject, query, machine)}
    legal = {(before, after) for before, followers in steps.items() for after in followers}
    for before, after in sorted(legal - listed):
        yield Fault(
            machine,
            f'state_transitions lacks the legal step "{before}" → "{after}"',
            "Insert the row, with its reason.",
        )
    for before, after in sorted(listed - legal):
        yield Fault(machine, f'state_transitions allows "{before}" → "{after}"', "Delete the row, or amend the ledger.")


class _Trial:
    """All pairs of states of one machine, tried on its table."""

    def __init__(self, subject: Subject, machine: str, table: str, steps: Steps) -> None:
        self.table = table
        self.counted = {"states": len(steps) - 1, "legal": 0, "illegal": 0, "initial": 0}
        self._subject = subject
        self._machine = machine
        self._steps = steps
        self._needs: dict[str, Any] = shipped_facts("transitions").get(machine, {})

    def run(self) -> Iterator[Fault]:
        states = [state for state in self._steps if state]
        with self._subject.playground() as connection:
            base = self._subject.filled.rows[self.table][0]
            if "clear" in self._needs:
                connection.execute(self._needs["clear"].encode())
            solver = Solver(connection, self._subject.catalogue, self._subject.writer)
            rows = {}
            for state in states:
                row, refused = solver.solve(self.table, {**base, "status": state}, ["status"])
                if row is None:
                    yield Fault(
                        self._machine, f'no row can be in state "{state}": {refused}', "Mend the table's rules."
                    )
                else:
                    rows[state] = row
            yield from self._initial(connection, rows)
            for before, after in itertools.permutations(rows, 2):
                yield from self._step(connection, rows[before], rows[after], before, after)

    def _initial(self, connection: Connection, rows: dict[str, Row]) -> Iterator[Fault]:
        """As the application, a row may begin in the first states only."""
        tenant = {"app.tenant_id": "acme", "app.user_id": "1"}
        for state, row in rows.items():

            def begin(row: Row = row) -> None:
                with acting_as(connection, shipped_facts("access")["role"], **tenant):
                    self._subject.writer.insert(connection, self.table, row)

            self.counted["initial"] += 1
            yield from self._judge(refusal(begin, connection), "", state)

    def _step(self, connection: Connection, old: Row, new: Row, before: str, after: str) -> Iterator[Fault]:
        key = set(self._subject.catalogue.primary_key(self.table))
        unique = {name for each in self._subject.catalogue.constraints_of(self.table, "u") for name in each.columns}
        changes = {
            name: value for name, value in new.items() if value != old[name] and name not in key | unique | _KEPT
        }

        def move() -> None:
            self._subject.writer.insert(connection, self.table, old)
            before_it = self._needs.get("into", {}).get(after)
            if before_it:
                connection.execute(before_it.encode())
            self._subject.writer.update(connection, self.table, changes, {name: old[name] for name in key})

        with rolled_back(connection):
            self.counted["legal" if after in self._steps[before] else "illegal"] += 1
            yield from self._judge(refusal(move, connection), before, after)

    def _judge(self, refused: Any, before: str, after: str) -> Iterator[Fault]:
        step = f'"{before}" → "{after}"' if before else f'beginning as "{after}"'
        legal = after in self._steps[before]
        if legal and refused:
            yield Fault(self._machine, f"the legal step {step} is refused: {refused}", "Let it pass.")
        if legal:
            return
        if refused is None:
            yield Fault(self._machine, f"the illegal step {step} passes", "Refuse it: trigger or state_transitions.")
        elif refused.rule != f"state_{self._machine}" or refused.sqlstate != "23514":
            yield Fault(
                self._machine, f"the illegal step {step} is refused by something else: {refused}", "Check it first."
            )
        elif not refused.hint:
            yield Fault(self._machine, f"the refusal of {step} has no hint", "RAISE … USING HINT.")


claim = Claim(
    "S11",
    "State transitions (quote, policy, claim, rate approval, notification) are enforced in the database",
    prove,
    shipped_only=True,
)
