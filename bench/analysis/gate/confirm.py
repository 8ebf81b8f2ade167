"""A failure counts once a rerun has shown it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from bench.analysis.summary import key_of
from bench.analysis.verdict import sum_up

if TYPE_CHECKING:
    from bench.analysis.gate.result import GateLine, GateResult


def confirm(first: GateResult, again: GateResult) -> GateResult:
    """Return the first judgement with its failures confirmed; one that the rerun does not show is inconclusive."""
    failed = {_identity(line) for line in again.lines if line.verdict == "fail"}
    lines = tuple(_confirmed(line, shown=_identity(line) in failed) for line in first.lines)
    verdict = sum_up(line.verdict for line in lines if line.counts)
    return msgspec.structs.replace(first, verdict=verdict, lines=lines)


def has_failed(result: GateResult) -> bool:
    """Tell whether there is anything to confirm."""
    return any(line.counts and line.verdict == "fail" for line in result.lines)


def _confirmed(line: GateLine, *, shown: bool) -> GateLine:
    if line.verdict != "fail" or not line.counts:
        return line
    return msgspec.structs.replace(line, verdict="fail" if shown else "inconclusive", confirmed=shown)


def _identity(line: GateLine) -> tuple[str, str, str, object]:
    return line.kind, line.name, line.operation, key_of(line.treatment)
