"""CPU and memory of groups of processes, straight from `/proc`: a reading of fifty processes costs a millisecond."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from bench.model.timeline import Memory

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")
_PSS = re.compile(r"^Pss:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Usage:
    """What a group used: CPU seconds since the reading before, memory now."""

    processes: int
    cpu_s: float
    rss_bytes: int
    private_bytes: int


@dataclass(slots=True)
class Processes:
    """Remembers the CPU of each process, so that one that ends takes nothing back from its group."""

    _cpu_s: dict[int, float] = field(default_factory=dict)

    def read(self, groups: Mapping[str, Iterable[int]]) -> dict[str, Usage]:
        """Read groups of process ids; processes that are gone do not count, groups without any are left out.

        The first reading of a process says nothing about its CPU: what it used before is not known to be ours.
        """
        seen: dict[int, float] = {}
        found: dict[str, Usage] = {}
        for name, pids in groups.items():
            number, cpu_s, rss, private = 0, 0.0, 0, 0
            for pid in pids:
                try:
                    total_s, (resident, shared) = _cpu(pid), _pages(pid)
                except (OSError, ValueError, IndexError):  # it ended meanwhile, or is hidden from us
                    continue
                seen[pid] = total_s
                number += 1
                cpu_s += total_s - self._cpu_s.get(pid, total_s)
                rss += resident * _PAGE
                private += (resident - shared) * _PAGE
            if number:
                found[name] = Usage(number, cpu_s, rss, private)
        self._cpu_s = seen
        return found


def read_memory(groups: Mapping[str, Iterable[int]]) -> tuple[Memory, ...]:
    """Read the memory of groups with its proportional share, for which the kernel walks every page: not for often."""
    found = []
    for name, pids in groups.items():
        alive = list(pids)
        usage = Processes().read({name: alive}).get(name)
        if usage is None:
            continue
        found.append(
            Memory(
                group=name,
                processes=usage.processes,
                rss_bytes=usage.rss_bytes,
                private_bytes=usage.private_bytes,
                pss_bytes=_pss_bytes(alive),
            )
        )
    return tuple(found)


def _cpu(pid: int) -> float:
    # The name in parentheses may hold anything, so the fields are counted from its end.
    fields = (PROC / str(pid) / "stat").read_bytes().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _pages(pid: int) -> tuple[int, int]:
    fields = (PROC / str(pid) / "statm").read_bytes().split()
    return int(fields[1]), int(fields[2])


def _pss_bytes(pids: Iterable[int]) -> int | None:
    total = 0
    for pid in pids:
        try:
            text = (PROC / str(pid) / "smaps_rollup").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it ended
            continue
        except OSError:
            return None
        total += sum(int(size) for size in _PSS.findall(text)) * 1024
    return total
