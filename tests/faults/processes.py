"""What breaks in the run's own processes, its clock, or the limits of its machine; stories as in ``servers``."""

from __future__ import annotations

import contextlib
import os
import pty
import resource
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from bench.model.sample import DURATIONS
from bench.store.runs import RunReader
from bench.store.samples import load_samples
from tests.faults.bed import PATIENCE_S, eventually

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from tests.faults.bed import Bed, Running

STEPPED_CLOCK = Path(__file__).with_name("stepped_clock.c")


# Processes of the run itself


def worker_killed(bed: Bed) -> Generator[Running]:
    running = bed.start_settled(pooled=True)
    for pid in running.workers():
        os.kill(pid, signal.SIGKILL)
    yield running


def worker_out_of_memory(bed: Bed) -> Generator[Running]:
    running = bed.start_settled(pooled=False)
    for pid in running.workers():
        size = psutil.Process(pid).memory_info().vms
        resource.prlimit(pid, resource.RLIMIT_AS, (size, size))
    yield running


def signalled(*numbers: signal.Signals) -> Callable[[Bed], Generator[Running]]:
    def story(bed: Bed) -> Generator[Running]:
        running = bed.start_settled(pooled=True)
        for number in numbers:
            running.process.send_signal(number)
            time.sleep(0.01)
        yield running

    return story


def terminal_closed(bed: Bed) -> Generator[Running]:
    """The run is the leader of a session on a terminal of its own, which goes away."""
    ours, theirs = pty.openpty()
    running = bed.start(pooled=True, prefix=("setsid", "--ctty"), terminal=theirs)
    os.close(theirs)
    while not list(running.folder.glob("results/*/trials/b*")):  # what is written there is read, so that nobody waits
        if select.select([ours], [], [], 0.05)[0]:
            os.read(ours, 65_536)
    os.close(ours)
    yield running


def two_runs_in_one_folder(bed: Bed) -> Generator[Running]:
    """Both write beside each other: no name, lock or file is shared."""
    first = bed.start(pooled=False, window="1s")
    second = bed.start(pooled=False, window="1s", folder=first.folder)
    code = second.end()  # before anybody looks for what is left behind
    yield first
    whole = [len(list(run.glob("trials/b*/samples.parquet"))) for run in (first.folder / "results").glob("2*")]
    if code not in (0, 4) or whole != [bed.trials] * 2:
        raise AssertionError(f"exit code {code}, trials {whole}: {''.join(second.said)}")


def two_resumes_of_one_run(bed: Bed) -> Generator[Running]:
    first = bed.start_settled(pooled=True, window="8s")
    (partial,) = (first.folder / "results").glob("*.partial")
    second = bed.call("run", "--resume", partial.name.removesuffix(".partial"), folder=first.folder)
    if second.end() != 3 or not any("is being written already" in line for line in second.said):
        raise AssertionError("".join(second.said))
    yield first


# The clock


def _set(clock: Path, offset_s: int) -> None:
    """Write in place: the file is mapped by those who read it, and must never be shorter."""
    with clock.open("r+b") as file:
        file.write(offset_s.to_bytes(8, sys.byteorder, signed=True))


def clock_stepped(bed: Bed) -> Generator[Running]:
    """The wall clock is set back by an hour, and a day ahead in the next trial; the monotonic clock goes on."""
    library, clock = bed.root / "stepped_clock.so", bed.root / "clock"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, STEPPED_CLOCK], check=True)
    clock.write_bytes(bytes(8))
    running = bed.start(pooled=True, window="2s", prefix=("env", f"LD_PRELOAD={library}", f"STEPPED_CLOCK={clock}"))
    bed.amid_second_trial(running)
    _set(clock, -3600)
    eventually(lambda: running.finished_trials(2), "the second trial ends")
    _set(clock, 86_400)
    yield running
    (run,) = (running.folder / "results").glob("2*")
    for path in run.glob("trials/b*/samples.parquet"):
        samples = load_samples(path, path.parent.name)
        negative = [name for name in DURATIONS if (samples.where(samples.outcome == 0).duration(name) < 0).any()]
        if negative:
            raise AssertionError(f"{path.parent.name}: negative {', '.join(negative)}")
    facts = RunReader(run).facts
    if facts.worked_s is None or not 6 < facts.worked_s < PATIENCE_S:
        raise AssertionError(f"the run took {facts.worked_s} s by the monotonic clock")


# Limits of the machine


def disk_full(bed: Bed) -> Generator[Running]:
    """The results lie on a small disk of their own, which something else fills after the first trial."""
    folder = bed.root / "small"
    (folder / "results").mkdir(parents=True)
    disk = folder / "results"
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m,mode=0700", "poolbench-test", disk], check=True)
    try:
        running = bed.start(pooled=False, folder=folder, window="2s")
        eventually(lambda: running.finished_trials(1), "the first trial ends")
        with contextlib.suppress(OSError), (disk / ".filler").open("wb", buffering=0) as file:
            while True:
                file.write(bytes(4096))
        yield running
        (disk / ".filler").unlink()
        subprocess.run(["mount", "-o", "remount,size=64m", disk], check=True)
        yield running
    finally:
        subprocess.run(["umount", "--lazy", disk], check=True)


def few_descriptors(bed: Bed) -> Generator[Running]:
    arguments = ("--set", "pool.size=60", "--set", "load.clients=60")
    yield bed.start(pooled=False, prefix=("prlimit", "--nofile=40:40"), arguments=arguments)
