"""The machine a measurement was taken on. Nothing here names it: a hash of its id tells machines apart."""

from __future__ import annotations

import hashlib
import os
import platform
import resource
import time
from pathlib import Path
from typing import Any

import psutil

from bench.model.facts import HostSummary


def _read(path: str) -> str | None:
    try:
        return Path(path).read_text(errors="replace").strip()
    except OSError:
        return None


def _cpu_model() -> str:
    for line in (_read("/proc/cpuinfo") or "").splitlines():
        if line.startswith(("model name", "Model")):
            return line.partition(":")[2].strip()
    return platform.machine()


def describe_host() -> HostSummary:
    """Return what is known of this machine; what cannot be read is absent from ``details``, never guessed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    clock = time.get_clock_info("monotonic")
    details: dict[str, Any] = {
        "cores_online": os.cpu_count(),
        "file_descriptors": {"soft": soft, "hard": hard},
        "clock": {"implementation": clock.implementation, "resolution_s": clock.resolution},
        "load_average": list(os.getloadavg()),
        "clock_source": _read("/sys/devices/system/clocksource/clocksource0/current_clocksource"),
        "governor": _read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "memory_limit_bytes": _read("/sys/fs/cgroup/memory.max"),
        "cpu_limit": _read("/sys/fs/cgroup/cpu.max"),
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
