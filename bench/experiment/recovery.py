"""A trial that could not run: whether the target is still there, and comes back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from bench.environment.connection import connected
from bench.experiment.trial import TrialRecord
from bench.model.errors import SetupError
from bench.model.facts import Caveat

if TYPE_CHECKING:
    from bench.experiment.progress import Progress
    from bench.experiment.target import Target
    from bench.model.scenario import Scenario

PATIENCE_S = 60.0
"""How long a server or a pooler may stay away: a restart, or a failover."""
PAUSE_S = 0.2


class Unreachable(SetupError):  # noqa: N818 - it names the state of the target
    """The target is gone: no further trial can run."""


def await_target(target: Target, scenario: Scenario, progress: Progress, patience_s: float = PATIENCE_S) -> float:
    """Return how long it took, in seconds, until server and pooler answered again; raises ``Unreachable``."""
    began = time.monotonic()
    told = False
    while (failure := _failure(target, scenario)) is not None:
        away_s = time.monotonic() - began
        ended = target.ended()
        if ended or away_s > patience_s:
            raise Unreachable(
                f"the {ended} has ended" if ended else f"the target did not come back within {patience_s:g} s",
                evidence=failure.evidence or failure.problem,
                remedy="Bring it up again, then go on with the command above: finished trials are kept.",
            )
        if not told:
            progress.note(f"waiting up to {patience_s:g} s for the target to come back: {failure.problem}")
            told = True
        time.sleep(PAUSE_S)
    return time.monotonic() - began


def _failure(target: Target, scenario: Scenario) -> SetupError | None:
    pooled = target.pooled if scenario.pooler.kind == "pgbouncer" else None
    try:
        with connected(target.admin):
            pass
        if pooled is not None:
            with connected(pooled):
                pass
    except SetupError as error:
        return error
    return None


def second_try(error: SetupError, waited_s: float) -> Caveat:
    """Return what a trial has to say that ran only when it was tried again."""
    away = f", after {waited_s:.1f} s without an answer" if waited_s >= PAUSE_S else ""
    return Caveat(
        code="second-try",
        text=f"this trial ran at the second try{away}; the first could not: {error.problem}",
        cure="See what ended or refused the first one; compare with trials that ran at once.",
    )


def with_note(record: TrialRecord, note: Caveat) -> TrialRecord:
    """Return the record with one more note in its facts."""
    facts = msgspec.structs.replace(record.facts, notes=(*record.facts.notes, note))
    return TrialRecord(record.trial, record.samples, facts, record.versions)
