"""What an audit of a schema found: one line a claim, with the evidence that proves or refutes it."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

Verdict = Literal["pass", "fail"]


class Fault(msgspec.Struct, frozen=True):
    """One thing that refutes a claim: an object by name, what is wrong with it, and how to mend it."""

    subject: str
    problem: str
    remedy: str


class ClaimResult(msgspec.Struct, frozen=True):
    """One line of the ledger. ``summary`` is the evidence in a sentence; ``evidence`` is all of it, JSON only."""

    id: str
    claim: str
    verdict: Verdict
    summary: str
    evidence: dict[str, Any]
    remedy: str
    """What to do about the faults; empty where there are none."""
    faults: tuple[Fault, ...] = ()
    seconds: float = 0.0


class NotApplicable(msgspec.Struct, frozen=True):
    """A claim about names that only the shipped schema has: neither passed nor failed elsewhere."""

    id: str
    claim: str
    reason: str


class ProvenClaim(msgspec.Struct, frozen=True):
    """One line of a stored audit, without its evidence."""

    id: str
    claim: str
    verdict: Verdict
    summary: str


class StoredAudit(msgspec.Struct, frozen=True, kw_only=True):
    """What a report says of an audit that was stored."""

    run_id: str
    subject: dict[str, str]
    started_utc: str
    claims: tuple[ProvenClaim, ...]


class Ledger(msgspec.Struct, frozen=True, kw_only=True):
    """A whole audit. ``subject`` says what was audited on which server; ``notes`` what was left out, and why."""

    subject: dict[str, str]
    claims: tuple[ClaimResult, ...]
    not_applicable: tuple[NotApplicable, ...] = ()
    notes: tuple[str, ...] = ()
    started_utc: str
    seconds: float

    @property
    def failed(self) -> tuple[ClaimResult, ...]:
        """The claims that were refuted or could not be proven."""
        return tuple(claim for claim in self.claims if claim.verdict == "fail")

    @property
    def verdict(self) -> Verdict:
        """``pass`` only if at least one claim was tried and none failed."""
        return "pass" if self.claims and not self.failed else "fail"
