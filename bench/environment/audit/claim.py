"""A claim, and what trying to prove it gave."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bench.model.ledger import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.environment.audit.subject import Subject


@dataclass(frozen=True, slots=True)
class Proof:
    """``summary`` tells the evidence in a sentence. Any fault refutes the claim."""

    summary: str
    evidence: dict[str, Any] = field(default_factory=dict)
    faults: Sequence[Fault] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """One line of the ledger, and how it is tried. ``shipped_only`` claims speak of the shipped schema's names."""

    id: str
    text: str
    prove: Callable[[Subject], Proof]
    shipped_only: bool = False


class Unprovable(Exception):  # noqa: N818 - it is no error of ours: the subject does not let itself be examined
    """What a claim rests on is broken, so that it cannot be tried."""

    def __init__(self, problem: str, *, remedy: str, subject: str = "schema") -> None:
        super().__init__(problem)
        self.fault = Fault(subject, problem, remedy)
