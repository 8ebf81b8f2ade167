"""What this machine can do, each problem with its cure."""

from __future__ import annotations

import os
import resource
import shutil
import time
from typing import TYPE_CHECKING, Literal

import msgspec
import psutil

from bench.environment.embedded import find_running
from bench.environment.pgbouncer import TRACKS_STATEMENTS, WANTED_DESCRIPTORS, find_pgbouncer, version_of
from bench.environment.postgres import embedded_bindir, major_version
from bench.environment.process import descriptor_limit, server_account
from bench.environment.state import make_state_folder, server_place
from bench.model.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bench.environment.embedded import Where

LEAST_MEMORY = 2 << 30
LEAST_DISK = 2 << 30
LOAD_PER_CORE = 0.3
"""Above this share of the cores something else is running, and measurements will say so."""


class Check(msgspec.Struct, frozen=True):
    """One question about the machine. ``remedy`` is empty where all is well."""

    name: str
    status: Literal["ok", "warn", "fail"]
    evidence: str
    remedy: str = ""


def diagnose(where: Where) -> list[Check]:
    """Run all checks; none of them changes anything but the state folder."""
    return [check for question in _QUESTIONS for check in question(where)]


def _graded(name: str, evidence: str, remedy: str, *, good: bool, bad: Literal["warn", "fail"] = "warn") -> Check:
    return Check(name, "ok", evidence) if good else Check(name, bad, evidence, remedy)


def _machine(_: Where) -> Iterator[Check]:
    cores = len(os.sched_getaffinity(0))
    yield _graded(
        "cores",
        f"{cores} usable",
        "Load, pooler and server share them: read the generator's and the pooler's CPU in every report.",
        good=cores >= 4,
    )
    memory = psutil.virtual_memory().total
    yield _graded("memory", f"{memory / 2**30:.1f} GiB", "Use a smaller `dataset.scale`.", good=memory >= LEAST_MEMORY)
    load = os.getloadavg()[0] / cores
    remedy = "Stop what else runs here before you measure."
    yield _graded("idle", f"load average {os.getloadavg()[0]:.2f} on {cores} cores", remedy, good=load <= LOAD_PER_CORE)
    clock = time.get_clock_info("monotonic")
    yield _graded(
        "clock",
        f"{clock.implementation}, resolution {clock.resolution * 1e9:.0f} ns",
        "Use a kernel with a high-resolution clock.",
        good=clock.resolution <= 1e-6,
        bad="fail",
    )


def _descriptors(_: Where) -> Iterator[Check]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    pooler = descriptor_limit(WANTED_DESCRIPTORS)
    evidence = f"soft {soft}, hard {hard}; pgBouncer gets {pooler}"
    remedy = "Raise it (`ulimit -n 20000`, `LimitNOFILE=` of the service): at 1,024 a pgBouncer goes silent near 1,000."
    yield _graded("file descriptors", evidence, remedy, good=soft >= 4096 and pooler >= WANTED_DESCRIPTORS)


def _account(_: Where) -> Iterator[Check]:
    try:
        account = server_account()
    except SetupError as error:
        yield Check("server account", "fail", f"{error.problem}: {error.evidence}", error.remedy)
        return
    yield Check("server account", "ok", f"servers run as {account.name}" + (" (we are root)" if account.switch else ""))


def _postgres(where: Where) -> Iterator[Check]:
    try:
        bindir = where.pg_bin or embedded_bindir()
        yield Check("PostgreSQL", "ok", f"version {major_version(bindir)} in {bindir}")
    except SetupError as error:
        yield Check("PostgreSQL", "fail", error.problem, error.remedy)


def _pgbouncer(where: Where) -> Iterator[Check]:
    try:
        binary = find_pgbouncer(where.pgbouncer, where.state_root.resolve())
        version = version_of(binary)
    except SetupError as error:
        yield Check("pgBouncer", "fail", error.problem, error.remedy)
        return
    text = f"version {'.'.join(map(str, version))}, {binary}"
    remedy = "Run `make setup`: before 1.21 there are no prepared statements behind transaction pooling."
    yield _graded("pgBouncer", text, remedy, good=version >= TRACKS_STATEMENTS)


def _state(where: Where) -> Iterator[Check]:
    try:
        root = make_state_folder(where.state_root)
        place = server_place(root, server_account())
        running = find_running(where)
    except SetupError as error:
        yield Check("state folder", "fail", error.problem, error.remedy)
        return
    outside = "" if place == root else f"; data in {place}, because the servers' account cannot enter {root}"
    yield Check("state folder", "ok", f"{root}{outside}")
    free = shutil.disk_usage(place).free
    yield _graded(
        "disk", f"{free / 2**30:.1f} GiB free at {place}", "Make room: scale 1 needs 2 GiB.", good=free >= LEAST_DISK
    )
    yield Check("embedded servers", "ok", "running" if running else "not running (`bench up` starts them)")


def _tools(_: Where) -> Iterator[Check]:
    missing = [tool for tool in ("setpriv", "prlimit") if shutil.which(tool) is None]
    evidence = f"missing: {', '.join(missing)}" if missing else "setpriv, prlimit"
    yield _graded("util-linux", evidence, "Run `apt-get install util-linux`.", good=not missing, bad="fail")


_QUESTIONS: tuple[Callable[[Where], Iterator[Check]], ...] = (
    _machine,
    _descriptors,
    _tools,
    _account,
    _postgres,
    _pgbouncer,
    _state,
)
