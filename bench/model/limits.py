"""What may be asked of a database that is somebody else's."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Self

import msgspec

from bench.model.units import Duration, Rate

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_SWITCH = {"on": True, "off": False}


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the load on an attached database without our marker; ``i_know`` admits what looks like production."""

    connections: int | None = None
    """The most server connections; None for half of those that are free."""
    rate: Rate = Rate(1000)
    """The most operations per second that may be offered where the load states a rate."""
    statement_timeout: Duration = Duration(30_000_000_000)
    read_only: bool = True
    """Make the sessions of a scenario that only reads read-only."""
    i_know: bool = False

    @classmethod
    def parse(cls, texts: Iterable[str], *, i_know: bool = False) -> Self:
        """Read ``connections=20``, ``rate=500/s``, ``statement_timeout=10s``, ``read_only=off``; ``ValueError``."""
        limits = cls(i_know=i_know)
        for text in texts:
            name, _, value = (part.strip() for part in text.partition("="))
            limits = msgspec.structs.replace(limits, **{name: _read(name, value)})
        return limits

    def settings(self) -> Mapping[str, str]:
        """Return what differs from the defaults, as ``parse`` reads it."""
        stated = {
            "connections": None if self.connections is None else str(self.connections),
            "rate": str(self.rate) if self.rate != Limits().rate else None,
            "statement_timeout": (
                str(self.statement_timeout) if self.statement_timeout != Limits().statement_timeout else None
            ),
            "read_only": None if self.read_only else "off",
        }
        return {name: value for name, value in stated.items() if value is not None}


def _read(name: str, value: str) -> int | Rate | Duration | bool:
    match name:
        case "connections":
            if not (value.isascii() and value.isdigit() and 1 <= int(value[:9]) <= 100_000):
                raise ValueError(f"`connections` is a whole number from 1, not {value!r}")
            return int(value)
        case "rate":
            return Rate.parse(value)
        case "statement_timeout":
            timeout = Duration.parse(value)
            if timeout < 1_000_000:
                raise ValueError("`statement_timeout` must be at least 1ms: 0 would mean none at all")
            return timeout
        case "read_only":
            if value not in _SWITCH:
                raise ValueError(f"`read_only` is `on` or `off`, not {value!r}")
            return _SWITCH[value]
        case _:
            known = ("connections", "rate", "statement_timeout", "read_only")
            near = difflib.get_close_matches(name, known, n=1, cutoff=0.0)
            raise ValueError(f"there is no limit {name!r}; did you mean `{near[0]}`? Known: {', '.join(known)}")
