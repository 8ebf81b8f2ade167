"""What this machine can do, each problem with its cure."""

from __future__ import annotations

import os
import resource
import shutil
import time
from typing import TYPE_CHECKING, Literal

import msgspec

from bench.environment.account import server_account
from bench.environment.binaries import LIBRARIES, embedded_bindir, major_version, missing_libraries
from bench.environment.descriptors import running_poolers
from bench.environment.embedded import find_running
from bench.environment.host import clock_source, cpu_limit_cores, usable_memory_bytes
from bench.environment.pgbouncer import WANTED_DESCRIPTORS
from bench.environment.pgpool import find_pgpool, pgpool_version
from bench.environment.pooler_binary import TRACKS_STATEMENTS, find_pgbouncer, version_of
from bench.environment.process import descriptor_limit, missing_tools, run_as
from bench.environment.state import make_state_folder, server_place
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.environment.embedded import Where

LEAST_CORES = 4
LEAST_MEMORY = 2 << 30
LEAST_DISK = 2 << 30
LEAST_DESCRIPTORS = 4096
LOAD_PER_CORE = 0.3
"""Above this share of the cores something else is running, and measurements will say so."""

SLOW_CLOCKS = ("acpi_pm", "hpet", "jiffies", "pit")
"""Clock sources that cost a microsecond or more to read; five instants are read per operation."""


class Check(msgspec.Struct, frozen=True):
    """One question about the machine. ``remedy`` is empty where all is well."""

    name: str
    status: Literal["ok", "warn", "fail"]
    evidence: str
    remedy: str = ""


def diagnose(where: Where) -> list[Check]:
    """Answer all questions; none of them changes anything but the state folder."""
    checks: list[Check] = []
    for name, question in _QUESTIONS.items():
        try:
            checks.extend(question(where))
        except SetupError as error:
            evidence = ": ".join(part for part in (error.problem, error.evidence) if part)
            checks.append(Check(name, "fail", evidence, error.remedy))
    return checks


def _graded(name: str, evidence: str, remedy: str, *, good: bool, bad: Literal["warn", "fail"] = "warn") -> Check:
    return Check(name, "ok", evidence) if good else Check(name, bad, evidence, remedy)


def _cores(_: Where) -> Iterator[Check]:
    cores, limit = len(os.sched_getaffinity(0)), cpu_limit_cores()
    usable = min(cores, limit or cores)
    limited = f", limited to the time of {limit:g}" if limit else ""
    remedy = "Load, pooler and server share them: read the generator's and the pooler's CPU in every report."
    yield _graded("cores", f"{cores} usable{limited}", remedy, good=usable >= LEAST_CORES)
    load = os.getloadavg()[0]
    remedy = "Stop what else runs here before you measure."
    yield _graded("idle", f"load average {load:.2f} on {cores} cores", remedy, good=load / usable <= LOAD_PER_CORE)


def _memory(_: Where) -> Iterator[Check]:
    memory = usable_memory_bytes()
    yield _graded("memory", f"{memory / 2**30:.1f} GiB", "Use a smaller `dataset.scale`.", good=memory >= LEAST_MEMORY)


def _clock(_: Where) -> Iterator[Check]:
    clock, source = time.get_clock_info("monotonic"), clock_source()
    evidence = f"{clock.implementation}, resolution {clock.resolution * 1e9:.0f} ns, source {source or 'unknown'}"
    if clock.resolution > 1e-6:
        yield Check("clock", "fail", evidence, "Use a kernel with a high-resolution clock.")
        return
    remedy = "Let the kernel use a quick clock source: see /sys/devices/system/clocksource/clocksource0/."
    yield _graded("clock", evidence, remedy, good=source not in SLOW_CLOCKS)


def _tools(_: Where) -> Iterator[Check]:
    missing = missing_tools()
    evidence = f"missing: {', '.join(missing)}" if missing else "setpriv, prlimit"
    yield _graded("util-linux", evidence, "Run `apt-get install util-linux`.", good=not missing, bad="fail")


def _descriptors(_: Where) -> Iterator[Check]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    pooler = descriptor_limit(WANTED_DESCRIPTORS)
    evidence = f"soft {soft}, hard {hard}; pgBouncer gets {pooler}"
    remedy = "Raise it (`ulimit -n 20000`, `LimitNOFILE=` of the service): at 1,024 a pgBouncer goes silent near 1,000."
    yield _graded("file descriptors", evidence, remedy, good=soft >= LEAST_DESCRIPTORS and pooler >= WANTED_DESCRIPTORS)


def _poolers(_: Where) -> Iterator[Check]:
    poolers = running_poolers()
    if not poolers:
        yield Check("running pgBouncer", "ok", "none but what we start", "")
    remedy = "Raise it in the running process (`prlimit --pid PID --nofile=20000`), and for good with `LimitNOFILE=`."
    for pid, limit in sorted(poolers.items()):
        known = "unknown" if limit is None else str(limit)
        evidence = f"process {pid} may open {known} files: with more clients it stops answering, without an error"
        yield _graded("running pgBouncer", evidence, remedy, good=limit is not None and limit >= LEAST_DESCRIPTORS)


def _account(_: Where) -> Iterator[Check]:
    account = server_account()
    run_as(account, ["true"])  # a container's root may lack the right to become somebody else
    yield Check("server account", "ok", f"servers run as {account.name}" + (" (we are root)" if account.switch else ""))


def _postgres(where: Where) -> Iterator[Check]:
    bindir = (where.pg_bin or embedded_bindir()).resolve()
    version = major_version(bindir)
    missing = missing_libraries(bindir)
    evidence = f"version {version} in {bindir}, " + ", ".join(
        f"{'without' if name in missing else 'with'} {name}" for name in LIBRARIES
    )
    remedy = "Install the contrib modules (`apt-get install postgresql-contrib`)."
    yield _graded("PostgreSQL", evidence, remedy, good=not missing)


def _pgbouncer(where: Where) -> Iterator[Check]:
    binary = find_pgbouncer(where.pgbouncer, where.state_root.resolve())
    version = version_of(binary)
    tracks = version >= TRACKS_STATEMENTS
    can = "prepared statements behind transaction pooling" if tracks else "no prepared statements behind it"
    evidence = f"version {'.'.join(map(str, version))}, {binary}: {can}"
    yield _graded("pgBouncer", evidence, "Run `make setup`, which provides 1.21 or newer.", good=tracks)


def _pgpool(where: Where) -> Iterator[Check]:
    del where  # the distribution's is used, wherever the environment lies
    try:
        binary = find_pgpool()
    except SetupError:  # only scenarios that name it need it
        yield Check("pgpool-II", "ok", "none; only `poolers_compared` needs it (`apt-get install pgpool2`)")
    else:
        yield Check("pgpool-II", "ok", f"version {pgpool_version(binary)}, {binary}")


def _state(where: Where) -> Iterator[Check]:
    root = make_state_folder(where.state_root)
    place = server_place(root, server_account())
    outside = "" if place == root else f"; data in {place}, because the servers' account cannot enter {root}"
    yield Check("state folder", "ok", f"{root}{outside}")
    free = shutil.disk_usage(place).free
    evidence = f"{free / 2**30:.1f} GiB free at {place}"
    yield _graded("disk", evidence, "Make room: scale 1 needs 2 GiB.", good=free >= LEAST_DISK)
    running = find_running(where)
    yield Check("embedded servers", "ok", "running" if running else "not running (`bench up` starts them)")


_QUESTIONS: dict[str, Callable[[Where], Iterator[Check]]] = {
    "cores": _cores,
    "memory": _memory,
    "clock": _clock,
    "util-linux": _tools,
    "file descriptors": _descriptors,
    "running pgBouncer": _poolers,
    "server account": _account,
    "PostgreSQL": _postgres,
    "pgBouncer": _pgbouncer,
    "pgpool-II": _pgpool,
    "state folder": _state,
}
