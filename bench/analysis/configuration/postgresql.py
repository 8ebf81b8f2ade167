"""PostgreSQL settings by formula. One function a group; none of them guesses at what was not given.

Sources: PostgreSQL documentation, chapters 20.4 to 20.7 and 28; pgtune (le0pard/pgtune 7caef27, 2026-07-30);
timescaledb-tune (c7a642b, 2026-05). They know the hardware only, so each value is a rule of thumb until measured.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from bench.analysis.configuration.inputs import RESERVED
from bench.analysis.configuration.setting import (
    GIB,
    GIVEN,
    MIB,
    RULE_OF_THUMB,
    Configuration,
    Setting,
    gigabytes,
    megabytes,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.analysis.configuration.inputs import Inputs

PGTUNE = "pgtune (https://github.com/le0pard/pgtune)"
WORKERS = 8
"""``max_worker_processes`` by default."""
AUTOVACUUM_WORKERS = 3
LEAST_WORK_MEM = 4 * MIB
MOST_MAINTENANCE = 2 * GIB
IO_CONCURRENCY = {"hdd": 2, "ssd": 200, "san": 300, "nvme": 1000}
WAL_SIZES = {"web": (1, 4), "mixed": (1, 4), "oltp": (2, 8), "dw": (4, 16)}
"""``min_wal_size`` and ``max_wal_size`` in GB."""
WAL_DISK_SHARE = 0.6
_LEFT_ALONE = {
    "wal_buffers": "-1 takes shared_buffers / 32, at most 16 MB, which is what the formulas give",
    "checkpoint_completion_target": "0.9 is the default since PostgreSQL 14",
    "huge_pages": "`try` is the default",
    "wal_compression": "`lz4` pays where the server is built with it (`pg_config --configure`): not known here",
}


def recommend_postgresql(inputs: Inputs) -> Configuration:
    """Return the settings for a server on this machine."""
    left = dict(_LEFT_ALONE)
    if inputs.cores < 4:
        left["max_parallel_workers_per_gather"] = "fewer than 4 cores"
    if inputs.relations is None:
        left["max_locks_per_transaction"] = "give `--relations` where a transaction may lock many partitions"
    groups = (_connections, _memory, _planner, _wal, _parallel, _locks)
    return Configuration(
        target="postgresql",
        version="14 to 18",
        facts=_facts(inputs),
        settings=tuple(setting for group in groups for setting in group(inputs)),
        left_alone=left,
        notes=tuple(_notes(inputs)),
    )


def shared_buffers(inputs: Inputs) -> int:
    """Return a quarter of memory, in bytes (documentation 20.4.1: 25 % to start with)."""
    return inputs.memory_bytes // 4


def maintenance_work_mem(inputs: Inputs) -> int:
    """Return memory / 16 (a data warehouse: / 8), at most 2 GB, as every autovacuum worker may take it."""
    return max(64 * MIB, min(MOST_MAINTENANCE, inputs.memory_bytes // (8 if inputs.workload == "dw" else 16)))


def work_mem(inputs: Inputs) -> int:
    """Return bytes for one sort or hash, such that three in each session fit beside shared_buffers (pgtune).

    A value given is never below the server's own default of 4 MB.
    """
    share = (inputs.memory_bytes - shared_buffers(inputs)) / ((inputs.connections + WORKERS) * 3)
    if inputs.workload in ("dw", "mixed"):
        share /= 2
    if inputs.fits_memory is not None:
        share *= 1.3 if inputs.fits_memory else 0.9
    return max(LEAST_WORK_MEM, int(share) // MIB * MIB)


def worst_memory(buffers: float, connections: float, work: float, maintenance: float) -> float:
    """Return bytes in use if all connections sort at once: sb + max_connections x work_mem x 1.5 + autovacuum."""
    return buffers + connections * work * 1.5 + AUTOVACUUM_WORKERS * maintenance


def random_page_cost(inputs: Inputs) -> float:
    """Return 1.1 where data fit into memory or seeks are cheap, 4 on turning disks and for a data warehouse."""
    if inputs.fits_memory:
        return 1.1
    return 4.0 if inputs.storage == "hdd" or inputs.workload == "dw" else 1.1


def wal_sizes(inputs: Inputs) -> tuple[int, int]:
    """Return min_wal_size and max_wal_size in bytes: by workload, at most 60 % of the WAL's disk."""
    least, most = (size * GIB for size in WAL_SIZES[inputs.workload])
    if inputs.wal_disk_bytes is not None:
        most = min(most, int(WAL_DISK_SHARE * inputs.wal_disk_bytes))
    return min(least, most // 2), most


def _facts(inputs: Inputs) -> dict[str, str]:
    return {
        "cores": str(inputs.cores),
        "memory": gigabytes(inputs.memory_bytes),
        "workload": inputs.workload,
        "storage": inputs.storage,
        "data": "not given" if inputs.data_bytes is None else gigabytes(inputs.data_bytes),
    }


def _notes(inputs: Inputs) -> Iterator[str]:
    worst = worst_memory(shared_buffers(inputs), inputs.connections, work_mem(inputs), maintenance_work_mem(inputs))
    share = worst / inputs.memory_bytes
    formula = "shared_buffers + max_connections x work_mem x 1.5 + 3 x maintenance_work_mem"
    yield f"Memory at worst: {formula} = {gigabytes(worst)}, {100 * share:.0f} % of {gigabytes(inputs.memory_bytes)}."
    if share > 1:
        yield "That is more than there is: allow fewer connections (`--connections`) behind a pooler."
    if inputs.pooled + inputs.direct + RESERVED > inputs.connections:
        yield (
            f"max_connections {inputs.connections} is less than {inputs.processes} pooler processes x {inputs.pools} "
            f"pools x {inputs.server_pool} + {inputs.direct} direct + {RESERVED} reserved: some will be refused."
        )


def _connections(inputs: Inputs) -> Iterator[Setting]:
    yield Setting(
        name="max_connections",
        value=str(inputs.connections),
        formula="max(100, processes x pools x pool size + direct + reserved, rounded up to tens)",
        inputs={
            "processes": str(inputs.processes),
            "pools": str(inputs.pools),
            "pool size": str(inputs.server_pool),
            "direct": str(inputs.direct),
            "reserved": str(RESERVED),
        },
        source="capacity of the pools in front; 100 is the server's default (documentation 20.3.1)",
        status=GIVEN if inputs.max_connections else RULE_OF_THUMB,
        restart=True,
    )


def _memory(inputs: Inputs) -> Iterator[Setting]:
    memory = {"memory": gigabytes(inputs.memory_bytes)}
    yield Setting(
        name="shared_buffers",
        value=megabytes(shared_buffers(inputs)),
        formula="memory / 4",
        inputs=memory,
        source="documentation 20.4.1: 25 % to start with, more than 40 % unlikely to help",
        restart=True,
    )
    yield Setting(
        name="effective_cache_size",
        value=megabytes(inputs.memory_bytes * 3 // 4),
        formula="memory x 3 / 4",
        inputs=memory,
        source=f"{PGTUNE}; documentation 20.7.2: shared_buffers plus the kernel's cache",
    )
    yield Setting(
        name="maintenance_work_mem",
        value=megabytes(maintenance_work_mem(inputs)),
        formula="memory / 16 (dw: / 8), at most 2 GB",
        inputs={**memory, "workload": inputs.workload},
        source=f"{PGTUNE}; the limit: three autovacuum workers may each take it",
    )
    yield Setting(
        name="work_mem",
        value=megabytes(work_mem(inputs)),
        formula="(memory - shared_buffers) / ((max_connections + workers) x 3); dw and mixed: / 2; "
        "x 1.3 if the data fit into memory, x 0.9 if not; at least 4 MB",
        inputs={
            **memory,
            "max_connections": str(inputs.connections),
            "workers": str(WORKERS),
            "workload": inputs.workload,
            "data fit": {None: "not known", True: "yes", False: "no"}[inputs.fits_memory],
        },
        source=PGTUNE,
    )


def _planner(inputs: Inputs) -> Iterator[Setting]:
    yield Setting(
        name="random_page_cost",
        value=f"{random_page_cost(inputs):g}",
        formula="1.1 if the data fit into memory or seeks are cheap, else 4 (hdd, dw)",
        inputs={"storage": inputs.storage, "workload": inputs.workload},
        source=f"{PGTUNE}; documentation 20.7.2",
    )
    yield Setting(
        name="effective_io_concurrency",
        value=str(IO_CONCURRENCY[inputs.storage]),
        formula="hdd 2, ssd 200, san 300, nvme 1000",
        inputs={"storage": inputs.storage},
        source=PGTUNE,
    )
    if inputs.workload == "dw":
        yield Setting(
            name="default_statistics_target",
            value="500",
            formula="500 for a data warehouse",
            inputs={"workload": inputs.workload},
            source=PGTUNE,
        )
    else:
        yield Setting(
            name="jit",
            value="off",
            formula="off for short queries (oltp, web, mixed)",
            inputs={"workload": inputs.workload},
            source=f"{PGTUNE}; timescaledb-tune: compiling costs more than short queries take",
        )


def _wal(inputs: Inputs) -> Iterator[Setting]:
    least, most = wal_sizes(inputs)
    disk = "not given" if inputs.wal_disk_bytes is None else gigabytes(inputs.wal_disk_bytes)
    common = {"workload": inputs.workload, "WAL disk": disk}
    formula = "web and mixed 1 / 4 GB, oltp 2 / 8 GB, dw 4 / 16 GB"
    source = f"{PGTUNE}; timescaledb-tune for the share of the disk"
    yield Setting(
        name="min_wal_size", value=megabytes(least), formula=f"{formula}; at most half of max_wal_size", inputs=common,
        source=source,
    )  # fmt: skip
    yield Setting(
        name="max_wal_size", value=megabytes(most), formula=f"{formula}; at most 60 % of the WAL's disk", inputs=common,
        source=source,
    )  # fmt: skip


def _parallel(inputs: Inputs) -> Iterator[Setting]:
    if inputs.cores < 4:
        return
    cores = {"cores": str(inputs.cores)}
    yield Setting(
        name="max_worker_processes", value=str(max(WORKERS, inputs.cores)), formula="max(8, cores)", inputs=cores,
        source=PGTUNE, restart=True,
    )  # fmt: skip
    yield Setting(name="max_parallel_workers", value=str(inputs.cores), formula="cores", inputs=cores, source=PGTUNE)
    yield Setting(
        name="max_parallel_workers_per_gather",
        value=str(min(4, math.ceil(inputs.cores / 2))),
        formula="min(4, cores / 2 rounded up)",
        inputs=cores,
        source=PGTUNE,
    )


def _locks(inputs: Inputs) -> Iterator[Setting]:
    if inputs.relations is None:
        return
    slots = max(64, 2 ** math.ceil(math.log2(max(1, inputs.relations))))
    yield Setting(
        name="max_locks_per_transaction",
        value=str(slots),
        formula="max(64, relations rounded up to a power of two)",
        inputs={"relations": str(inputs.relations)},
        source="documentation 20.12: a generic plan locks every partition and index at its start",
        restart=True,
    )
