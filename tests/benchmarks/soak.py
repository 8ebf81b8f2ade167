"""A long load on embedded servers: `python -m tests.benchmarks.soak --minutes 30 [--rate 2000/s]`.

Finds the capacity of the rating lookup first unless a rate is given, offers 70 % of it as an open loop, and watches
memory and descriptors of every process of ours. Exit code 1 unless memory is flat, latency does not drift beyond what
neighbouring blocks differ by, no descriptor is left open and no operation failed.

The samples of a trial stay in the workers' memory, and readings in the collector's, until the trial ends; that growth
is counted from what was recorded and taken off before memory is judged.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import msgspec
import numpy as np
import psutil

from bench.design.growth import offer
from bench.design.plan import Trial
from bench.environment.embedded import Where, own_pids, session
from bench.environment.pooler_binary import find_pgbouncer
from bench.environment.populations import read_populations
from bench.experiment.capacity import plan_capacity
from bench.experiment.progress import Silence
from bench.experiment.run import Request, run
from bench.experiment.target import open_target
from bench.experiment.trial import run_trial
from bench.load.recorder import COLUMNS
from bench.model.sample import Outcome
from bench.model.scenario_text import Overrides
from bench.model.units import Rate
from tests.benchmarks.bed import CHECKOUT
from tests.benchmarks.endurance import FEWEST, judge_drift, judge_memory, leaks_descriptors

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    from bench.environment.embedded import Environment
    from bench.experiment.trial import TrialRecord
    from bench.model.scenario import Level
    from bench.model.timeline import Timeline

SHARE = 0.7
RUN = "the run itself"
SAMPLE_BYTES = COLUMNS * 8
COLLECTOR_UNCERTAINTY = 0.5
"""Objects are counted at their own sizes; what the allocator needs around them is not known."""
FEWEST_BLOCKS = 12
PERIOD_S = 0.25
MOST_READINGS = 3600
MOST_PROCESSES = 8 + (os.cpu_count() or 1)
BESIDE_S = 120.0
"""Longest that starting, warming up and ending take beside the window."""
SETTLE_SHARE, SETTLE_MOST_S = 0.2, 120.0
"""What is left out at the beginning: caches and buffers fill."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The readings of one process, a row each: seconds since the watch began, resident bytes, descriptors."""

    name: str
    worker: int | None
    readings: npt.NDArray[np.int64]

    @property
    def times_s(self) -> npt.NDArray[np.float64]:
        """Seconds since the watch began."""
        return self.readings[:, 0] / 1e9

    @property
    def rss_bytes(self) -> npt.NDArray[np.int64]:
        """Resident memory."""
        return self.readings[:, 1]

    @property
    def descriptors(self) -> npt.NDArray[np.int64]:
        """Open descriptors."""
        return self.readings[:, 2]


class Watch:
    """Reads memory and descriptors of a trial's processes in a thread, from the moment they are all there."""

    def __init__(self, window_s: float, others: dict[str, int]) -> None:
        self.processes: dict[int, tuple[str, int | None]] = {}
        self._window_s = window_s
        self._period_s = max(PERIOD_S, window_s / MOST_READINGS)
        # All of it at once, and touched: arrays that grow by the minute were the only growth of the run itself.
        self._readings = np.full((MOST_PROCESSES, round((window_s + BESIDE_S) / self._period_s), 3), -1)
        self._others = others
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _find(self) -> dict[int, tuple[str, int | None]]:
        """Return names and numbers of the processes; workers stand in the order in which they were started."""
        found: dict[int, tuple[str, int | None]] = {os.getpid(): (RUN, None)}
        found |= {pid: (name, None) for name, pid in self._others.items()}
        for child in sorted(psutil.Process().children(), key=lambda one: one.pid):
            with contextlib.suppress(psutil.Error):
                line = child.cmdline()
                if "bench.load.worker" in line:
                    number = sum(worker is not None for _, worker in found.values())
                    found[child.pid] = (f"worker {number}", number)
                elif "bench.environment.collector.main" in line:
                    found[child.pid] = ("collector", None)
        return found

    def _run(self) -> None:
        began_ns, page_bytes = time.monotonic_ns(), os.sysconf("SC_PAGE_SIZE")
        for number in range(self._readings.shape[1]):
            if self._over.wait(self._period_s):
                return
            now_ns = time.monotonic_ns() - began_ns
            if now_ns <= self._window_s * 0.1 * 1e9:  # they are still being started
                self.processes = self._find()
                continue
            for rows, pid in zip(self._readings, self.processes, strict=False):
                with contextlib.suppress(OSError):  # it has ended, and with it the trial
                    # No path objects: their parts are interned, and the table of interned strings grows with each.
                    with open(f"/proc/{pid}/statm", "rb") as file:  # noqa: PTH123
                        pages = int(file.read().split()[1])
                    descriptors = len(os.listdir(f"/proc/{pid}/fd"))  # noqa: PTH208
                    rows[number] = now_ns, pages * page_bytes, descriptors

    def settled(self, end_s: float) -> Iterator[Watched]:
        """Return the readings between settling and ``end_s``, since the watch began: before the window ends."""
        settled_s = min(SETTLE_MOST_S, SETTLE_SHARE * self._window_s)
        for rows, (name, worker) in zip(self._readings, self.processes.values(), strict=False):
            times_s = rows[:, 0] / 1e9
            yield Watched(name, worker, rows[(times_s >= settled_s) & (times_s <= end_s)])


def size_of(value: Any) -> int:
    """Return the bytes of an object and of what it holds."""
    size = sys.getsizeof(value)
    if isinstance(value, dict):
        return size + sum(size_of(key) + size_of(one) for key, one in value.items())
    if isinstance(value, list | tuple):
        return size + sum(map(size_of, value))
    if isinstance(value, msgspec.Struct):
        return size + sum(size_of(getattr(value, name)) for name in value.__struct_fields__)
    return size


def _kept_by_collector(timeline: Timeline | None, gauges: Sequence[object], window_s: float) -> float:
    held = [] if timeline is None else [*timeline.readings, *gauges]
    return sum(map(size_of, held)) / window_s


def find_rate(environment: Environment, folder: Path) -> float:
    """Return the highest rate that keeps the budgets, from a short search."""
    planned = plan_capacity("rating_lookup", Overrides(), 1, quick=True)
    request = Request(planned, environment, folder / "results", folder / "reports", ("tests.benchmarks.soak",))
    capacity = run(request, Silence()).analysis.capacity
    if capacity is None or capacity.low is None:
        raise SystemExit(f"no capacity was found: {'' if capacity is None else capacity.sentence}")
    sys.stdout.write(capacity.sentence + "\n")
    return capacity.low


def soak(environment: Environment, rate: float, minutes: float) -> tuple[TrialRecord, Watch, float]:
    """Offer a rate for some minutes; returns the trial, what was watched, and the length of the window."""
    settings: dict[str, Level] = {"run.window": f"{round(minutes * 60_000)}ms", "run.warmup": "10s"}
    planned = plan_capacity("rating_lookup", Overrides(settings), 1, quick=False)
    scenario = offer(planned.raw, planned.source, rate)
    server, pooler = own_pids(environment)
    others = {name: pid for name, pid in (("postmaster", server), ("pgBouncer", pooler)) if pid is not None}
    with open_target(environment, scenario.dataset, (scenario,), Silence()) as target:
        populations = read_populations(target.direct, scenario.operation)
        with Watch(minutes * 60, others) as watch:
            record = run_trial(target, scenario, Trial("soak", 1, {}, 1), populations)
    return record, watch, minutes * 60


def latencies(record: TrialRecord, blocks: int) -> list[tuple[int, float, float]]:
    """Return operations, p50 and p95 in ms for each block of the window."""
    facts, samples = record.facts, record.samples
    good = samples.where(samples.outcome == Outcome.OK)
    edges = np.linspace(facts.window_start_ns, facts.window_end_ns, blocks + 1)
    place = np.searchsorted(edges, good.intended_ns, side="right") - 1
    response = good.duration("response_time")
    found = []
    for block in range(blocks):
        values = response[place == block]
        if not values.size:
            raise SystemExit(f"block {block + 1} of {blocks} holds no operation that succeeded")
        p50, p95 = (float(np.quantile(values, q)) / 1e6 for q in (0.5, 0.95))
        found.append((int(values.size), p50, p95))
    return found


def judge_processes(record: TrialRecord, watch: Watch, window_s: float) -> Iterator[tuple[str, bool]]:
    """Return a line for each process, and whether it is in order."""
    facts, samples = record.facts, record.samples
    gauges = facts.pooler.gauges if facts.pooler else ()
    for one in watch.settled(window_s):
        if len(one.times_s) < FEWEST:
            yield f"{one.name}: {len(one.times_s)} readings are too few", False
            continue
        kept, uncertainty = 0.0, 0.0
        if one.worker is not None:
            inside = (samples.worker == one.worker) & (samples.completed_ns >= facts.window_start_ns)
            kept = SAMPLE_BYTES * float(inside.sum()) / window_s
        elif one.name == "collector":
            kept, uncertainty = _kept_by_collector(facts.timeline, gauges, window_s), COLLECTOR_UNCERTAINTY
        memory = judge_memory(one.times_s, one.rss_bytes.astype(np.float64), kept, uncertainty)
        leaks = leaks_descriptors(one.descriptors.tolist())
        minute = [f"{value * 60 / 1000:+,.0f}" for value in (memory.slope.point, memory.slope.low, memory.slope.high)]
        cells = (
            one.name,
            f"{one.rss_bytes[0] / 1e6:.1f}",
            f"{one.rss_bytes[-1] / 1e6:.1f}",
            f"{kept * 60 / 1000:,.0f}",
            f"{minute[0]} [{minute[1]}, {minute[2]}]",
            memory.stand,
            f"{min(one.descriptors)} to {max(one.descriptors)}, {one.descriptors[-1]} at the end"
            + (" LEAK" if leaks else ""),
        )
        yield " | ".join(cells), memory.stand == "flat" and not leaks


def report(record: TrialRecord, watch: Watch, window_s: float) -> bool:
    """Print the tables; tells whether all is in order."""
    blocks = max(FEWEST_BLOCKS, round(window_s / 60))
    each_s = window_s / blocks
    seen = latencies(record, blocks)
    lines = [f"block of {each_s:g} s | operations | p50 ms | p95 ms", "--- | --- | --- | ---"]
    lines += [f"{number} | {n:,} | {p50:.3f} | {p95:.3f}" for number, (n, p50, p95) in enumerate(seen, 1)]
    good = True
    for name, values in (("p50", [one[1] for one in seen]), ("p95", [one[2] for one in seen])):
        drift = judge_drift(values)
        percent = [f"{100 * value:+.1f}" for value in (drift.drift.point, drift.drift.low, drift.drift.high)]
        floor = "not known" if drift.floor is None else f"{100 * drift.floor:.1f} %"
        lines.append(
            f"{name}: {drift.stand}, {percent[0]} % [{percent[1]}, {percent[2]}] over all; noise floor {floor}"
        )
        good &= drift.stand == "steady"
    lines += [
        "",
        "process | MB first | MB last | keeps kB/min | grows beside that kB/min | memory | descriptors",
        " | ".join(["---"] * 7),
    ]
    for line, in_order in judge_processes(record, watch, window_s):
        lines.append(line)
        good &= in_order
    outcomes = Counter(Outcome(int(code)).label for code in record.samples.outcome)
    failed = {name: count for name, count in outcomes.items() if name != "ok"}
    lines += ["", f"operations that failed: {failed or 'none'}"]
    lines += [f"doubt: {note.code}: {note.text}" for note in record.facts.notes]
    lines.append("all in order" if good and not failed else "NOT in order (where something is undecided, soak longer)")
    sys.stdout.write("\n".join(lines) + "\n")
    return good and not failed


def main() -> int:
    """Soak, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--rate", help="what to offer, as in 2000/s; else 70 %% of the capacity that is found first")
    options = parser.parse_args()
    sys.stdout.write(f"load average before: {os.getloadavg()[0]:.2f}\n")
    with tempfile.TemporaryDirectory(prefix="poolbench-soak-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o711)  # the servers' account passes through
        where = Where(folder / ".bench", pgbouncer=find_pgbouncer(None, CHECKOUT / ".bench"))
        with session(where) as environment:
            rate = float(Rate.parse(options.rate)) if options.rate else SHARE * find_rate(environment, folder)
            sys.stdout.write(f"offering {rate:,.0f}/s for {options.minutes:g} minutes\n")
            sys.stdout.flush()
            good = report(*soak(environment, rate, options.minutes))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
