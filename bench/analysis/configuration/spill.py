"""How much ``work_mem`` keeps a sort or a hash that went to disk in memory."""

from __future__ import annotations

from bench.analysis.configuration.setting import KIB, MIB

TIMES = 3
"""A sort or a hash table takes two to three times as much memory as its rows on disk (documentation 20.4.1)."""


def work_mem_for_spill(spilled_bytes: float) -> int:
    """Return bytes: the power of two, from 4 MB on, that holds ``TIMES`` what went to disk."""
    enough = 4 * MIB
    while enough < TIMES * spilled_bytes:
        enough *= 2
    return enough


BLOCK = 8 * KIB
"""Bytes of a temporary block, as pg_stat_statements and plans count them."""
