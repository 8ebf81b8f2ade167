"""The rows of pg_stat_statements by what they were for: the scenario's operations, transactions, release, other."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.model.facts import ServerFacts
    from bench.model.scenario import Operation

_COMMENT = re.compile(r"/\*.*?\*/|--[^\n]*", re.DOTALL)
_CONSTANT = re.compile(r"'(?:[^']|'')*'|\$\d+|\b\d+(?:\.\d+)?\b")
_LIST = re.compile(r"\?(?:\s*,\s*\?)+")
_PREPARE = re.compile(r"prepare \S+(?: ?\([^)]*\))? as ")
_TRANSACTION = re.compile(
    r"(begin|commit|end|rollback|abort|start transaction|savepoint|release|prepare transaction)\b"
)
_RELEASE = re.compile(r"(select pg_advisory_unlock_all\(\)|close all|unlisten \*|reset all|discard all)$")


def normalise(sql: str) -> str:
    """Bring a statement to a form in which the scenario's text and the server's normalised text agree.

    The server keeps the text it saw first, which may be that of a PREPARE. Comments go, constants and parameters become
    ``?``, lists of them one (PostgreSQL 18 squashes them), and white space and letter case no longer count.
    """
    text = _LIST.sub("?", _CONSTANT.sub("?", _COMMENT.sub(" ", sql)))
    text = _PREPARE.sub("", " ".join(text.split()).rstrip("; ").casefold(), count=1)
    return re.sub(r"\s*([(),=])\s*", r"\1", text)


@dataclass(frozen=True, slots=True)
class StatementTimes:
    """Server execution in seconds over the whole window, without planning, parsing and the network."""

    operations_s: Mapping[str, float]
    """By operation; one whose statements another operation shares is missing."""
    scenario_s: float
    """Statements of the scenario, shared or not."""
    transaction_s: float
    release_s: float
    """The reset query of the driver."""
    release_calls: int
    other_s: float
    """Statements of the load's role that the scenario does not name, such as a driver's catalogue queries."""

    @property
    def load_s(self) -> float:
        """What the operations cost: everything but the release."""
        return self.scenario_s + self.transaction_s + self.other_s


def sort_statements(server: ServerFacts, operations: Sequence[Operation]) -> StatementTimes:
    """Attribute each row by its text."""
    owners: dict[str, set[str]] = {}
    for operation in operations:
        for step in operation.steps:
            owners.setdefault(normalise(step.sql), set()).add(operation.name)
    shared = {name for names in owners.values() if len(names) > 1 for name in names}
    own = {operation.name: 0.0 for operation in operations if operation.name not in shared}
    seen: set[str] = set()
    scenario_s = transaction_s = release_s = other_s = 0.0
    release_calls = 0
    for fact in server.statements:
        text = normalise(fact.query)
        if text in owners:
            scenario_s += fact.total_exec_s
            seen |= owners[text]
            for name in owners[text] & own.keys():
                own[name] += fact.total_exec_s
        elif _RELEASE.match(text):
            release_s += fact.total_exec_s
            release_calls = max(release_calls, fact.calls)
        elif _TRANSACTION.match(text):
            transaction_s += fact.total_exec_s
        else:
            other_s += fact.total_exec_s
    return StatementTimes(
        operations_s={name: value for name, value in own.items() if name in seen},
        scenario_s=scenario_s,
        transaction_s=transaction_s,
        release_s=release_s,
        release_calls=release_calls,
        other_s=other_s,
    )
