"""The machine a measurement was taken on. Nothing here names it: a hash of its id tells machines apart."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from bench.model.facts import HostSummary

if TYPE_CHECKING:
    from collections.abc import Iterator

_CGROUPS = Path("/sys/fs/cgroup")


def _read(path: str | Path) -> str | None:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return None


def _cpu_model() -> str:
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()


def _cgroup_folders(controller: str, root: Path, membership: str | None) -> Iterator[Path]:
    """Yield our control groups from the innermost outwards: the least limit among them rules.

    ``membership`` is the text of /proc/self/cgroup: `0::/path` in version 2, `4:memory:/path` in version 1. A container
    may see its own group at the root, under a path that it does not know.
    """
    text = membership if membership is not None else _read("/proc/self/cgroup") or ""
    for line in text.splitlines():
        _number, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        hierarchy, inner = root / controller if controllers else root, Path(path.lstrip("/"))
        yield from (hierarchy / inner, *(hierarchy / outer for outer in inner.parents))


def memory_limit_bytes(root: Path = _CGROUPS, membership: str | None = None) -> int | None:
    """Return the control groups' limit on our memory, None where there is none below the machine's own."""
    files = ("memory.max", "memory.limit_in_bytes")
    texts = [_read(folder / name) for folder in _cgroup_folders("memory", root, membership) for name in files]
    least = min((int(text) for text in texts if text and text.isdigit()), default=None)
    return least if least is not None and least < psutil.virtual_memory().total else None


def cpu_limit_cores(root: Path = _CGROUPS, membership: str | None = None) -> float | None:
    """Return how many cores' time the control groups allow us, None where there is no limit."""
    limits = []
    for folder in _cgroup_folders("cpu", root, membership):
        newer = (_read(folder / "cpu.max") or "").split()  # "max 100000" or "150000 100000", in microseconds
        older = [_read(folder / "cpu.cfs_quota_us") or "", _read(folder / "cpu.cfs_period_us") or ""]
        limits += [
            int(quota) / int(period) for quota, period in filter(all, (newer or older, older)) if quota.isdigit()
        ]
    return min(limits, default=None)


def usable_memory_bytes() -> int:
    """Return the memory we may use: the machine's, or a container's share of it."""
    return memory_limit_bytes() or psutil.virtual_memory().total


def clock_source() -> str | None:
    """Return what the kernel reads the time from."""
    return _read("/sys/devices/system/clocksource/clocksource0/current_clocksource")


def describe_host() -> HostSummary:
    """Return what is known of this machine; what cannot be read is absent from ``details``, never guessed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    clock = time.get_clock_info("monotonic")
    details: dict[str, Any] = {
        "cores_online": os.cpu_count(),
        "file_descriptors": {"soft": soft, "hard": hard},
        "clock": {"implementation": clock.implementation, "resolution_s": clock.resolution},
        "load_average": list(os.getloadavg()),
        "clock_source": clock_source(),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "memory_limit_bytes": memory_limit_bytes(),
        "cpu_limit_cores": cpu_limit_cores(),
        "hypervisor": "hypervisor" in (_read("/proc/cpuinfo") or ""),
    }
    identity = (_read("/etc/machine-id") or "") + _cpu_model()
    return HostSummary(
        machine=hashlib.sha256(identity.encode()).hexdigest()[:16],
        cpu_model=_cpu_model(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        kernel=platform.release(),
        python=platform.python_version(),
        details={name: value for name, value in details.items() if value is not None},
    )
