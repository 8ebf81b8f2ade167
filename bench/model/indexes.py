"""The indexes of a table as the catalogue describes them, and how often the server scanned them."""

from __future__ import annotations

import msgspec


class IndexFact(msgspec.Struct, frozen=True, kw_only=True):
    """One index; those of the partitions of a table are one with the parent's."""

    name: str
    table: str
    definition: str
    method: str
    columns: tuple[str, ...]
    """Key columns or expressions in their order, with operator class and direction where not the default."""
    included: tuple[str, ...] = ()
    predicate: str = ""
    unique: bool = False
    constraint: bool = False
    """Whether a constraint rests on it: it is then no candidate for being dropped."""
    size_bytes: int = 0
    scans: int = 0
    """As counted by the server: since its last reset when read, during the run when stored with one."""
    parts: tuple[str, ...] = ()
    """Names of the partitions' indexes, by which plans call it."""
