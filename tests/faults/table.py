"""What a run looked like after a fault, and whether that is what was promised."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from bench.model.sample import Outcome
from bench.stats.recovery import find_outages
from bench.store.runs import RunReader

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

BLOCKS = 60


@dataclass(frozen=True)
class Promise:
    """What must be so after a fault."""

    exit_codes: tuple[int, ...]
    labels: tuple[str, ...] = ()
    """All of these among the caveats, or the status before the run was taken up."""
    outcomes: tuple[str, ...] = ()
    """At least one of these among the outcomes of the operations, if any is named."""
    recovers: bool = False
    """An outage with an end must show in the samples."""
    refused: bool = False
    """The run is refused with an error before anything has begun."""
    resumed: bool = False
    """The run is unfinished first, and is completed by ``--resume``."""


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    fault: str
    kept: str
    labelled: tuple[str, ...]
    recovered_s: float | None
    outcomes: dict[str, int]
    exit_code: int
    resumed: str
    left_behind: tuple[str, ...]
    missed: tuple[str, ...] = field(default=())
    """What was promised and is not so; empty if all is well."""

    @property
    def met(self) -> bool:
        """Tell whether every promise was kept."""
        return not self.missed

    def line(self) -> str:
        """Return the row of the Markdown table."""
        recovery = "-" if self.recovered_s is None else f"{self.recovered_s:.2f} s"
        errors = ", ".join(f"{name} {count:,}" for name, count in self.outcomes.items() if name != "ok") or "none"
        cells = [
            self.fault,
            self.kept,
            ", ".join(self.labelled) or "-",
            errors,
            recovery,
            str(self.exit_code),
            self.resumed,
            ", ".join(self.left_behind) or "nothing",
            "yes" if self.met else "; ".join(self.missed),
        ]
        return "| " + " | ".join(cells) + " |"


HEAD = (
    "| fault | finished trials kept | labelled | errors counted | recovered after | exit code | `--resume` "
    "| left behind | as promised |\n|---|---|---|---|---|---|---|---|---|"
)


def trials_of(run: Path) -> dict[str, bytes]:
    """Return the samples of each finished trial, as they lie on the disk."""
    return {path.parent.name: path.read_bytes() for path in sorted(run.glob("trials/b*/samples.parquet"))}


def labels_of(run: Path) -> set[str]:
    """Return the status of a run, as everybody reads it, and the codes of all its caveats."""
    facts = RunReader(run).facts
    found = {str(facts.status)} | {one.code for one in facts.caveats}
    for path in run.glob("trials/b*/facts.json"):
        found |= {str(one["code"]) for one in json.loads(path.read_text())["notes"]}
    measured = run / "measurements.json"
    if measured.exists():
        for each in json.loads(measured.read_text())["measurements"]:
            found |= {str(one["code"]) for one in each["caveats"]}
            found |= {code for one in each["caveats"] for code in _causes(one)}
    return found


def _causes(caveat: Mapping[str, Any]) -> list[str]:
    """Return the codes for which trials were left out, which their treatment's caveats name only there."""
    if caveat["code"] != "excluded-trials":
        return []
    return re.findall(r"(?:^|; )([a-z-]+) \(", caveat["text"].partition("left out: ")[2])


def outcomes_of(run: Path) -> dict[str, int]:
    """Count the operations of all stored trials by how they ended."""
    counts: Counter[str] = Counter()
    for stored in RunReader(run).trials():
        if stored.failure is None:
            codes, numbers = np.unique(stored.samples().outcome, return_counts=True)
            counts.update({Outcome(int(code)).label: int(number) for code, number in zip(codes, numbers, strict=True)})
    return dict(sorted(counts.items()))


def recovery_of(run: Path) -> float | None:
    """Return how long the longest outage of any stored trial lasted, in seconds; None where none came to an end."""
    lengths = []
    for stored in RunReader(run).trials():
        if stored.failure is not None:
            continue
        facts, samples = stored.facts, stored.samples()
        good = samples.completed_ns[samples.outcome == Outcome.OK]
        counts, _ = np.histogram(good, BLOCKS, (facts.window_start_ns, facts.window_end_ns))
        block_s = (facts.window_end_ns - facts.window_start_ns) / 1e9 / BLOCKS
        ended = (one for one in find_outages(counts.astype(np.float64)) if one.recovered is not None)
        lengths += [((one.recovered or 0) - one.first) * block_s for one in ended]
    return max(lengths, default=None)


def judge(row: Row, promise: Promise, *, kept: bool, complete: bool) -> Row:
    """Return the row with what of the promise does not hold."""
    missed = []
    if not kept:
        missed.append("a finished trial changed or is gone")
    if row.exit_code not in promise.exit_codes:
        missed.append(f"exit code {row.exit_code}, promised {' or '.join(map(str, promise.exit_codes))}")
    missed += [f"no label `{label}`" for label in promise.labels if label not in row.labelled]
    if promise.outcomes and not set(promise.outcomes) & row.outcomes.keys():
        missed.append(f"no {' or '.join(promise.outcomes)} was counted")
    if promise.recovers and row.recovered_s is None:
        missed.append("no recovery was measured")
    if not complete:
        missed.append("not all trials are there in the end")
    if row.left_behind:
        missed.append("something is left behind")
    values: dict[str, Any] = {**asdict(row), "missed": tuple(missed)}
    return Row(**values)


def document(rows: Sequence[Row]) -> dict[str, Any]:
    """Return the table as it is stored."""
    return {"format": 1, "kind": "faults", "faults": [{**asdict(row), "met": row.met} for row in rows]}


def read(path: Path) -> list[Row]:
    """Return the rows of a stored table; none where there is no file."""
    if not path.exists():
        return []
    stored: list[dict[str, Any]] = json.loads(path.read_text())["faults"]
    return [msgspec.convert({name: value for name, value in one.items() if name != "met"}, Row) for one in stored]
