"""Loading the insurance data beside `pgbench -i` of as many rows: rows and bytes per second, per core, and memory."""

from __future__ import annotations

import contextlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import psutil
from psycopg import sql

from bench.environment.connection import connected
from bench.environment.cpu import read_family, used_between
from tests.benchmarks.table import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.model.endpoint import Endpoint
    from tests.benchmarks.bed import Bed

SCALES = (0.1, 1.0)
ROWS_PER_PGBENCH_SCALE = 100_000
SCRATCH = "poolbench_pgbench"
_SEED = """
import json, sys, msgspec
from bench.environment.dataset import seed_database
from bench.model.endpoint import Endpoint
from bench.model.scenario import Dataset
job = json.loads(sys.stdin.read())
report = seed_database(Endpoint(**job["admin"]), Dataset(scale=job["scale"]), lambda _: None)
print(msgspec.json.encode(report).decode())
"""


@dataclass(frozen=True, slots=True)
class Load:
    """One load. CPU seconds are those of client and server together; memory is the client's peak."""

    rows: int
    stored_bytes: int
    wall_s: float
    cpu_s: float
    peak_bytes: int

    @property
    def rows_per_core(self) -> float:
        """Rows per second of CPU."""
        return self.rows / self.cpu_s

    def line(self, name: str) -> str:
        """Return the figures as text."""
        return (
            f"{name}: {self.rows:,} rows, {self.stored_bytes / 1e6:,.0f} MB in {self.wall_s:.1f} s = "
            f"{self.rows / self.wall_s:,.0f} rows/s, {self.stored_bytes / 1e6 / self.wall_s:.1f} MB/s; "
            f"{self.cpu_s:.1f} CPU s = {self.rows_per_core:,.0f} rows/s per core; peak {self.peak_bytes / 1e6:.0f} MB"
        )


def _watch_memory(pid: int, peaks: list[int]) -> None:
    """Note the highest resident memory until the process ends. rusage would count the parent's before the exec too."""
    with contextlib.suppress(OSError):
        while found := re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text()):
            peaks.append(int(found[1]) * 1024)
            time.sleep(0.02)


def _measured(
    bed: Bed, command: list[str], variables: Mapping[str, str], job: str = ""
) -> tuple[str, float, float, int]:
    """Run a client; return what it printed, wall seconds, CPU seconds of both sides and the client's peak memory."""
    postmaster = psutil.Process(bed.server_pids()[0])
    peaks: list[int] = [0]
    before, own, began = read_family(postmaster), os.times(), time.monotonic()
    with subprocess.Popen(
        command,
        env={**os.environ, **variables},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        watcher = threading.Thread(target=_watch_memory, args=(process.pid, peaks))
        watcher.start()
        printed, _ = process.communicate(job)
        watcher.join()
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    wall_s, after = time.monotonic() - began, os.times()
    client_s = after.children_user - own.children_user + after.children_system - own.children_system
    server_s = used_between(before, read_family(postmaster))
    if server_s is None:
        raise RuntimeError("the server's CPU cannot be read")
    return printed, wall_s, client_s + server_s, max(peaks)


def _seed(bed: Bed, scale: float) -> Load:
    job = json.dumps({"admin": msgspec.structs.asdict(bed.environment.admin), "scale": scale})
    printed, wall_s, cpu_s, peak = _measured(bed, [sys.executable, "-c", _SEED], {}, job)
    report = json.loads(printed)
    return Load(sum(report["rows"].values()), report["bytes"], wall_s, cpu_s, peak)


def _pgbench(bed: Bed, admin: Endpoint, rows: int) -> Load:
    scale = max(1, round(rows / ROWS_PER_PGBENCH_SCALE))
    command = [str(bed.environment.postgres.bindir / "pgbench"), "-i", "-q", "-s", str(scale), "--foreign-keys"]
    variables = {"PGHOST": admin.host, "PGPORT": str(admin.port), "PGDATABASE": SCRATCH}
    with connected(admin) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(SCRATCH)))
        try:
            variables |= {"PGUSER": admin.user, "PGPASSWORD": admin.password}
            _, wall_s, cpu_s, peak = _measured(bed, command, variables)
            [(stored,)] = connection.execute("SELECT pg_database_size(%s)", [SCRATCH]).fetchall()
        finally:
            connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(SCRATCH)))
    return Load(scale * (ROWS_PER_PGBENCH_SCALE + 11), stored, wall_s, cpu_s, peak)


def measure(bed: Bed) -> list[Row]:
    """Load each scale, then as many rows with pgbench; leaves the bed with the data it had."""
    rows, peaks = [], []
    for scale in SCALES:
        ours = _seed(bed, scale)
        theirs = _pgbench(bed, bed.environment.admin, ours.rows)
        peaks.append(ours.peak_bytes)
        share = ours.rows_per_core / theirs.rows_per_core
        rows.append(
            Row(
                f"seeding scale {scale:g} / `pgbench -i`, rows per second per core",
                f"{share:.3f}",
                ">= 0.5",
                met=share >= 0.5,
                details=[ours.line("ours"), theirs.line("pgbench -i --foreign-keys")],
            )
        )
    _seed(bed, SCALES[0])
    growth = peaks[-1] / peaks[0]
    return [*rows, Row("peak memory, scale 1 / scale 0.1", f"{growth:.2f}", "<= 1.5", met=growth <= 1.5)]
