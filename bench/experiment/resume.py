"""An unfinished run taken up where it stopped, if this is still the machine and the servers it began with."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import msgspec

from bench.environment.host import describe_host
from bench.experiment.restore import restore
from bench.model.errors import SetupError
from bench.model.facts import Caveat
from bench.store import runs

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from bench.experiment.scenario_file import Planned
    from bench.model.facts import HostSummary, RunFacts
    from bench.store.writer import RunWriter

CODE = "resumed"


def take_up(run: str, results_root: Path) -> Planned:
    """Return what an unfinished run still has to do; raises ``StoreError`` and, on another machine, ``SetupError``."""
    with runs.resume(run, results_root) as writer:  # refuses what is finished, never began, or is being written
        writer.stop("interrupted")
        reader = runs.RunReader(writer.path)
    if reader.host is not None:
        _refuse(reader.run_id, tuple(_machines(reader.host, describe_host())))
    return restore(reader)


def reopen(run: str, results_root: Path, now: RunFacts) -> RunWriter:
    """Open the run for writing; raises ``SetupError`` naming what differs from what it began with."""
    writer = runs.resume(run, results_root)
    try:
        _refuse(writer.run_id, tuple(_differences(writer.facts, now)))
        writer.record(_noted(writer.facts, len(writer.finished), len(writer.plan.trials)))
    except BaseException:
        writer.stop("interrupted")
        raise
    return writer


def _refuse(run_id: str, differences: tuple[str, ...]) -> None:
    if differences:
        raise SetupError(
            f"{run_id} cannot be resumed here: its trials would not be comparable",
            evidence="; ".join(differences),
            remedy="Resume it where and with what it began, or start a new run.",
        )


def _machines(before: HostSummary, now: HostSummary) -> Iterator[str]:
    if before.machine != now.machine:
        yield f"machine: {before.machine} ({before.cpu_model}), now {now.machine} ({now.cpu_model})"
    if before.cores != now.cores:
        yield f"cores: {before.cores}, now {now.cores}"


def _differences(before: RunFacts, now: RunFacts) -> Iterator[str]:
    """Name what makes trials of two sessions two different things; minor releases of the server do not."""
    majors = [_major(facts.versions.get("postgresql", "unknown")) for facts in (before, now)]
    if majors[0] != majors[1]:
        yield f"PostgreSQL {majors[0]}, now {majors[1]}"
    for name in sorted((before.versions.keys() & now.versions.keys()) - {"postgresql"}):
        if before.versions[name] != now.versions[name]:
            yield f"{name} {before.versions[name]}, now {now.versions[name]}"
    if before.bench_version != now.bench_version:
        yield f"poolbench {before.bench_version}, now {now.bench_version}"
    if before.schema_hash != now.schema_hash:
        yield f"schema hash {_short(before.schema_hash)}, now {_short(now.schema_hash)}"
    if before.alembic_head != now.alembic_head:
        yield f"revision {before.alembic_head or 'none'}, now {now.alembic_head or 'none'}"


def _major(version: str) -> str:
    return version.split(".", 1)[0].split(" ", 1)[0]


def _short(digest: str | None) -> str:
    return digest[:12] if digest else "none (an attached server)"


def _noted(facts: RunFacts, finished: int, planned: int) -> RunFacts:
    """Add the caveat of an interruption: what ran before it met other caches than what runs after it."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    text = f"taken up again at {now} after {finished} of {planned} trials, with servers started anew"
    cure = "Compare trials of one block, or run again without a break, where small differences matter."
    caveat = Caveat(code=CODE, text=text, cure=cure)
    return msgspec.structs.replace(facts, caveats=(*facts.caveats, caveat))
