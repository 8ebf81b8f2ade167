"""The value types of analysis: measurement, finding, verdict. How they are computed stands in the modules beside."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from bench.model.budget import ALL_OPERATIONS as ALL_OPERATIONS  # noqa: PLC0414 - its name for all of analysis
from bench.model.facts import Caveat
from bench.model.scenario import Level
from bench.stats.estimate import Estimate, Refused

Judgement = Literal["pass", "fail", "inconclusive"]
Severity = Literal["info", "warning", "high"]


class Measurement(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of one operation (``*`` for all together) under one treatment. Durations in seconds."""

    treatment: dict[str, Level]
    operation: str
    valid: bool
    caveats: tuple[Caveat, ...]
    metrics: dict[str, Estimate]
    refused: dict[str, Refused] = {}
    """Metrics that the samples are too few for, with the number needed."""
    trials: tuple[str, ...] = ()
    outcomes: dict[str, int] = {}
    """Number of operations by outcome label, over all replicates."""


class Patch(msgspec.Struct, frozen=True, kw_only=True):
    """A remedy as text that can be applied, and the text that takes it back."""

    kind: Literal["pgbouncer.ini", "postgresql.conf", "sql", "scenario"]
    text: str
    rollback: str


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """An insight with advice. ``status`` is ``rule of thumb``, ``measured`` or ``proven: …``."""

    rule: str
    severity: Severity
    status: str
    summary: str
    evidence: dict[str, Any]
    remedy: str
    source: str
    patch: Patch | None = None


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One budget under one treatment. ``observed`` is None where it could not be measured; ``reason`` says why."""

    budget: str
    operation: str
    treatment: dict[str, Level]
    observed: Estimate | None
    limit: float
    unit: str
    verdict: Judgement
    reason: str = ""
    counts: bool = True
    """False for a treatment that was only explored: its line does not decide the run's verdict."""


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of the gate: fail if any line that counts fails, else inconclusive if any is, else pass."""

    verdict: Judgement
    lines: tuple[Line, ...]
