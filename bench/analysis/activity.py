"""What the server did while trials ran: waits and CPU over the window, memory by treatment, blocks in the cache."""

from __future__ import annotations

import itertools
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bench.analysis.summary import key_of
from bench.model.timeline import BACKENDS, CPU, GROUPS, IDLE, IN_TRANSACTION, TableAccess
from bench.stats.estimate import Estimate, Refused
from bench.stats.replicates import mean_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from bench.analysis.summary import TrialSummary
    from bench.model.scenario import Level
    from bench.model.timeline import Reading

LEVEL = 0.95
OTHER = "other"
MOST_BLOCKS = 20
MOST_KINDS = 7
"""As many as a chart has colours."""


@dataclass(frozen=True, slots=True)
class Series:
    """Values by name over the seconds of the window, each the mean of all trials' readings in a block of time."""

    seconds: tuple[float, ...]
    values: Mapping[str, tuple[float, ...]]

    @property
    def means(self) -> dict[str, float]:
        """The mean of each over the window."""
        return {name: sum(values) / len(values) for name, values in self.values.items()}


@dataclass(frozen=True, slots=True)
class MemoryUse:
    """One group of processes in the trials of one treatment. Bytes are of all its processes together."""

    treatment: Mapping[str, Level]
    group: str
    processes: float
    """Mean number of processes."""
    mean_rss: Estimate
    """The interval is over the trials."""
    peak_rss_bytes: int
    mean_private: Estimate
    pss_bytes: float | None
    """After the window, mean of the trials; None where the kernel does not tell."""

    @property
    def private_each_bytes(self) -> float:
        """What one more process costs: memory that is its own, per process."""
        return self.mean_private.point / self.processes


def readings_in_window(trial: TrialSummary) -> list[Reading]:
    """Return the collector's readings inside the measurement window."""
    facts = trial.facts
    if facts.timeline is None:
        return []
    return [one for one in facts.timeline.readings if facts.window_start_ns <= one.t_ns <= facts.window_end_ns]


def waits_over_window(trials: Sequence[TrialSummary]) -> Series | None:
    """Return the load's sessions by what they wait for; the rarest kinds are joined as ``other``."""
    series = _over_window(trials, lambda one, _: {name: float(number) for name, number in one.waits.items()})
    if series is None:
        return None
    means = series.means
    busy = sorted((name for name in means if name not in (CPU, IDLE, IN_TRANSACTION)), key=lambda name: -means[name])
    kept = [name for name in (CPU, *busy, IN_TRANSACTION, IDLE) if name in means]
    rare = busy[max(0, len(busy) - (len(kept) - MOST_KINDS + 1)) :] if len(kept) > MOST_KINDS else []
    values = {name: series.values[name] for name in kept if name not in rare}
    if rare:
        values[OTHER] = tuple(map(sum, zip(*(series.values[name] for name in rare), strict=True)))
    return Series(series.seconds, values)


def cpu_over_window(trials: Sequence[TrialSummary]) -> Series | None:
    """Return cores used by each group of processes."""

    def cores(one: Reading, seconds: float) -> dict[str, float]:
        return {name: used / seconds for name, used in one.cpu_s.items()} if seconds > 0 else {}

    series = _over_window(trials, cores)
    if series is None:
        return None
    return Series(series.seconds, {name: series.values[name] for name in GROUPS if name in series.values})


def _over_window(
    trials: Sequence[TrialSummary], values_of: Callable[[Reading, float], Mapping[str, float]]
) -> Series | None:
    """Join the readings of all trials in equal blocks of the window: as many as the shortest trial has readings.

    What a reading counts over time (CPU) it counts since the one before, so the first has no such value.
    """
    placed = [(trial, readings_in_window(trial)) for trial in trials]
    placed = [(trial, readings) for trial, readings in placed if len(readings) > 1]
    if not placed:
        return None
    blocks = min(MOST_BLOCKS, *(len(readings) - 1 for _, readings in placed))
    window_s = min(trial.window_s for trial, _ in placed)
    sums: list[defaultdict[str, float]] = [defaultdict(float) for _ in range(blocks)]
    counts = [0] * blocks
    names: dict[str, None] = {}
    for trial, readings in placed:
        for before, one in itertools.pairwise(readings):
            at_s = ((before.t_ns + one.t_ns) / 2 - trial.facts.window_start_ns) / 1e9
            values = values_of(one, (one.t_ns - before.t_ns) / 1e9)
            block = min(blocks - 1, int(at_s / window_s * blocks))
            counts[block] += 1
            for name, value in values.items():
                names[name] = None
                sums[block][name] += value
    filled = [block for block in range(blocks) if counts[block]]
    if len(filled) < 2 or not names:
        return None
    seconds = tuple((block + 0.5) * window_s / blocks for block in filled)
    return Series(seconds, {name: tuple(sums[block][name] / counts[block] for block in filled) for name in names})


def memory_by_treatment(trials: Iterable[TrialSummary]) -> list[MemoryUse]:
    """Return what each group of processes held in each treatment, in the order of the trials."""
    groups: dict[object, list[TrialSummary]] = {}
    for trial in trials:
        groups.setdefault(key_of(trial.trial.treatment), []).append(trial)
    found = []
    for members in groups.values():
        seen = [readings for trial in members if (readings := readings_in_window(trial))]
        for group in GROUPS:
            use = _memory(members, [[one for one in readings if group in one.rss_bytes] for readings in seen], group)
            if use is not None:
                found.append(use)
    return found


def _memory(trials: Sequence[TrialSummary], seen: Sequence[Sequence[Reading]], group: str) -> MemoryUse | None:
    seen = [readings for readings in seen if readings]
    if not seen:
        return None
    everything = [one for readings in seen for one in readings]
    last = [
        memory
        for trial in trials
        if trial.facts.timeline is not None
        for memory in trial.facts.timeline.memory
        if memory.group == group
    ]
    shares = [memory.pss_bytes for memory in last if memory.pss_bytes is not None]
    return MemoryUse(
        treatment=trials[0].trial.treatment,
        group=group,
        processes=sum(one.processes[group] for one in everything) / len(everything),
        mean_rss=_over_trials([_mean([one.rss_bytes[group] for one in part]) for part in seen]),
        peak_rss_bytes=max(one.rss_bytes[group] for one in everything),
        mean_private=_over_trials([_mean([one.private_bytes[group] for one in part]) for part in seen]),
        pss_bytes=_mean(shares) if shares and len(shares) == len(last) else None,
    )


def _over_trials(values: Sequence[float]) -> Estimate:
    interval = mean_interval(values, LEVEL, "bytes")
    if isinstance(interval, Refused):  # one trial has a value and no interval
        return Estimate(values[0], values[0], values[0], LEVEL, 1, "bytes")
    return interval


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def table_accesses(trials: Iterable[TrialSummary]) -> list[TableAccess]:
    """Add up the blocks of each table over trials, most asked first."""
    found: dict[str, TableAccess] = {}
    for trial in trials:
        for one in trial.facts.timeline.tables if trial.facts.timeline else ():
            known = found.get(one.table)
            found[one.table] = one if known is None else _joined(known, one)
    return sorted(found.values(), key=lambda table: -table.accesses)


def _joined(one: TableAccess, other: TableAccess) -> TableAccess:
    return TableAccess(
        table=one.table,
        heap_hit=one.heap_hit + other.heap_hit,
        heap_read=one.heap_read + other.heap_read,
        index_hit=one.index_hit + other.index_hit,
        index_read=one.index_read + other.index_read,
    )


def hit_ratio(trial: TrialSummary) -> float | Refused:
    """Return the share of blocks that one trial found in shared buffers, of all tables its window touched."""
    timeline = trial.facts.timeline
    if timeline is None:
        return Refused("no collector read the tables' block accesses", 0, None)
    ratio = timeline.hit_ratio
    return Refused("no block of a table was asked for in the window", 0, None) if ratio is None else ratio


def backends_of(uses: Iterable[MemoryUse]) -> list[MemoryUse]:
    """Return the server connections of the load among all groups."""
    return [use for use in uses if use.group == BACKENDS]
