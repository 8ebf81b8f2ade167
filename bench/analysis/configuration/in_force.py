"""What a run's server had in force, as far as its facts tell: what differs from the default, else the default."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.analysis.configuration.inputs import RESERVED
from bench.analysis.configuration.setting import KIB, read_amount

if TYPE_CHECKING:
    from collections.abc import Mapping

DEFAULTS = {
    "max_connections": "100",
    "superuser_reserved_connections": str(RESERVED),
    "reserved_connections": "0",
    "shared_buffers": "128MB",
    "effective_cache_size": "4GB",
    "maintenance_work_mem": "64MB",
    "work_mem": "4MB",
    "min_wal_size": "80MB",
    "max_wal_size": "1GB",
    "checkpoint_timeout": "5min",
    "random_page_cost": "4",
    "default_statistics_target": "100",
    "jit": "on",
    "max_worker_processes": "8",
    "max_parallel_workers": "8",
    "max_parallel_workers_per_gather": "2",
    "max_locks_per_transaction": "64",
}
"""Built-in defaults of PostgreSQL 14 to 18 (documentation, chapter 20); what changed between them is left out."""


def in_force(settings: Mapping[str, str], name: str) -> str | None:
    """Return a value as ``RunFacts.settings`` writes it (``16384 8kB``), or the default; None: neither is known."""
    return settings.get(name, DEFAULTS.get(name))


def amount_in_force(settings: Mapping[str, str], name: str) -> float | None:
    """Return it in bytes, milliseconds or as a bare number; None where it is not known or no amount."""
    text = in_force(settings, name)
    if text is None:
        return None
    value, _, unit = text.partition(" ")
    return read_amount(value, unit or None)


def as_written(text: str) -> str:
    """Return a value of ``RunFacts.settings`` as ``postgresql.conf`` takes it: ``131072kB`` for ``16384 8kB``."""
    value, _, unit = text.partition(" ")
    amount = read_amount(value, unit) if unit else None
    if amount is None or amount < 0:
        return value
    return f"{amount / KIB:.0f}kB" if unit.endswith("B") else f"{value}{unit}"


def ordinary_connections(settings: Mapping[str, str]) -> int:
    """Return the connections an ordinary role can have: max_connections less the reserved ones."""
    names = ("superuser_reserved_connections", "reserved_connections")
    whole = amount_in_force(settings, "max_connections") or 0.0
    return int(whole - sum(amount_in_force(settings, name) or 0.0 for name in names))
